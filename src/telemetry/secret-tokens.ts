/**
 * Credentials that their issuer marks by a prefix of its own, as data.
 *
 * The prefixes and lengths are facts published by the issuers; most were looked up in the rule set of gitleaks
 * (https://github.com/gitleaks/gitleaks, MIT). Its patterns are written for RE2 and some are not linear in JavaScript, so
 * none is used here.
 */
export interface TokenShape {
  readonly name: string;
  /** Global, and linear: the part before the first unbounded class is bounded, and nothing has to follow that class. */
  readonly pattern: RegExp;
  /** For prefixes that ordinary names have too: whether this match is a credential. */
  readonly accepts?: (match: string) => boolean;
}

/** Followed by 20 or more letters, digits, `_`, `-` or `.`. */
const DISTINCT_PREFIXES = [
  // Code hosts, registries and continuous integration.
  'dckr_pat_ dckr_oat_ pypi- rubygems_ CLOJARS_ sgp_ pul- GR1348941 bkua_ HRKU- squ_ sqp_ sqa_ nfp_ vcp_ CCIPRJ_ CCIPAT_',
  // Clouds and infrastructure.
  'dop_v1_ doo_v1_ dor_v1_ bedrock-api-key- sha256~ hvs. hvb. hvr. dp.pt. dp.st. dp.ct. dp.sa.',
  'dt0c01. dt0s01. dt0s16. fo1_ tskey-auth- tskey-api- tskey-client- pscale_tkn_ pscale_oauth_ pscale_pw_ v1.0-',
  'vercel_blob_rw_ hcaik_ hcbik_ hcxik_ hcalk_ hcxmk_ sbp_ sb_secret_ glsa_ NRAK- NRJS- NRII- NRAA- sntryu_ cfut_ cfat_ cfk_ CFPAT-',
  // Payments, shops, messages and mail.
  'whsec_ shpat_ shpca_ shppa_ shpss_ shippo_live_ shippo_test_ sq0atp- sq0csp-',
  'FLWSECK- FLWSECK_TEST- duffel_live_ duffel_test_ xkeysib- xsmtpsib- access-sandbox- access-development- access-production-',
  // Models and their tools.
  'gsk_ xai- r8_ pplx- tvly- nvapi- csk- tgp_v1_ lsv2_pt_ lsv2_sk_ pcsk_ wandb_v1_ apify_api_',
  // Work and documents.
  'lin_api_ lin_oauth_ ntn_ PMAK- figd_ figu_ tfp_ rdme_ pnu_ fio-u- sm_aat_ sm_pat_ sm_sat_ phx_ p8e-',
  'AGE-SECRET-KEY-1 dnkey-',
  // Bulkhead's own: sign-in keys, codes, refresh tokens and sessions.
  'bhk_ bhc_ bhr_ bhs_',
].flatMap((line) => line.split(' '));
/** The same for letters that occur in base64 by chance: they must not follow `+` or `/`. */
const LETTER_PREFIXES = [
  ...'LTAI AKCp cmVmd dapi AQVN EAAA EAAM EAAC EZAK EZTK ATATT3 ATCTT3 ATBB'.split(' '),
  // A macaroon begins with a length and `location`.
  'MDA[xyz][A-Za-z0-9]{2}xvY2F0aW9u',
];
/** Followed by base64 in its own alphabet. */
const BASE64_PREFIXES = 'ABSK fm1r_ fm1a_ fm2_ glc_ sntrys_ ops_eyJ'.split(' ');

const hasDigit = (match: string) => /\d/.test(match);
const escaped = (text: string) => text.replace(/[.~]/g, '\\$&');

/** Whether a word of ten or more characters mixes letters and digits, as random text nearly always does. */
const hasRandomPart = (match: string) =>
  match.split(/[-_.]/).some((part) => part.length >= 10 && /\d/.test(part) && /[A-Za-z]/.test(part));

export const TOKEN_SHAPES: readonly TokenShape[] = [
  {
    name: 'api_key',
    pattern: /\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g,
    accepts: (match) =>
      hasRandomPart(match) ||
      /^[prs]k_(?:live|test|prod)_/.test(match) ||
      match.split(/[-_]/).some((part) => part.length >= 20),
  },
  { name: 'github_token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g },
  {
    name: 'gitlab_token',
    pattern: /\bgl(?:pat|ptt|rt|dt|cbt|soat|agent|ft|fft|ffct|imt|oas)-[A-Za-z0-9_.-]{16,}/g,
  },
  {
    name: 'slack_token',
    pattern: /\b(?:xoxe\.)?x(?:ox[abceoprsd]|app)-[A-Za-z0-9%-]{10,}/g,
    accepts: hasDigit,
  },
  { name: 'aws_key', pattern: /\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}\b/g },
  { name: 'google_key', pattern: /\bAIza[A-Za-z0-9_-]{30,}/g },
  { name: 'google_token', pattern: /\b(?:ya29\.|1\/\/0)[A-Za-z0-9_-]{16,}/g },
  { name: 'google_secret', pattern: /\bGOCSPX-[A-Za-z0-9_-]{20,}/g },
  { name: 'npm_token', pattern: /\bnpm_[A-Za-z0-9]{20,}/g, accepts: hasDigit },
  { name: 'hf_token', pattern: /\bhf_[A-Za-z0-9]{20,}/g, accepts: hasDigit },
  { name: 'sendgrid_key', pattern: /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g },
  { name: 'telegram_token', pattern: /(?<!\d)\d{6,12}:AA[A-Za-z0-9_-]{30,}/g },
  {
    name: 'vendor_token',
    pattern: new RegExp(
      `(?<![A-Za-z0-9])(?:${DISTINCT_PREFIXES.map(escaped).join('|')})[A-Za-z0-9_.-]{20,}`,
      'g',
    ),
  },
  {
    name: 'vendor_token',
    pattern: new RegExp(`(?<![A-Za-z0-9+/])(?:${BASE64_PREFIXES.join('|')})[A-Za-z0-9_+/=-]{20,}`, 'g'),
  },
  {
    name: 'vendor_token',
    pattern: new RegExp(`(?<![A-Za-z0-9+/])(?:${LETTER_PREFIXES.join('|')})[A-Za-z0-9_=-]{20,}`, 'g'),
  },
  // Short or common prefixes: recognised by their exact length or by random text.
  {
    name: 'vendor_token',
    pattern:
      /\b(?:re_|tk-us-|api_org_|jina_|e2b_|fw_|rnd_|s-s4t2(?:ud|af)-|rzp_(?:live|test)_|ak_|fc-|lob_|live_|test_|key-)[A-Za-z0-9_-]{14,}/g,
    accepts: hasRandomPart,
  },
  {
    name: 'vendor_token',
    pattern:
      /\b(?:SK[0-9a-f]{32}|API-[A-Z0-9]{26}|4b1d[A-Za-z0-9]{38}|[0-9a-f]{32}-us\d{1,2}|A3-[A-Z0-9]{6}-[A-Z0-9-]{20,30}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|[pb]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}|[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk|amzn\.mws\.[0-9a-f-]{36})\b/g,
  },
  // Common prefixes whose tokens have one exact form.
  {
    name: 'vendor_token',
    pattern:
      /\b(?:secret_[A-Za-z0-9]{43}|cio[A-Za-z0-9]{32}|pa-[A-Za-z0-9_-]{43}|napi_[A-Za-z0-9]{40,80}|pat-[a-z]{2}\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[12]\/\d{10,20}(?:\/\d{10,20})?:[0-9a-f]{32})(?![A-Za-z0-9_-])/g,
    accepts: hasRandomPart,
  },
  { name: 'vendor_token', pattern: /(?<![A-Za-z0-9_~.])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}/g },
  { name: 'vendor_token', pattern: /\b(?:mfa\.[\w-]{80,}|[MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,})/g },
  { name: 'vendor_token', pattern: /\bv[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{32,}/g },
  { name: 'vendor_token', pattern: /(?<!\d)\d{15,16}\|[\w-]{27,40}/g },
  { name: 'vendor_token', pattern: /\boauth:[a-z0-9]{30}\b/g },
];
