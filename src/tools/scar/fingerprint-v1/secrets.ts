/**
 * FROZEN: the redaction that fingerprint version 1 is computed with. Stored fingerprints depend on every pattern here, so
 * never change what these functions return; a new version gets files of its own. Texts that are logged or stored are
 * redacted by `telemetry/secrets.ts` instead.
 *
 * Time is linear in the length of the text: `redactPrivateKeys` and `redactJwts` replace two patterns that were not linear.
 */

interface Shape {
  readonly name: string;
  readonly pattern: RegExp;
  /** Kept before the mark, so that the text still shows what was there. */
  readonly keep?: string;
}

/** A name of a credential, matched from its first character. */
const NAME =
  /(?<![a-z0-9_-])[a-z0-9_-]{0,80}?(?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|account|private|secret|signing|encryption)[_-]?key|credential)s?/
    .source;
const ASSIGN = /(?:\\?["'])?\s{0,4}(?:=>|:=|[=:])\s{0,4}/.source;

const SHAPES: readonly Shape[] = [
  {
    name: 'url_password',
    pattern:
      /(\b[a-z][a-z0-9+.-]{1,30}:\/\/(?!\[redacted)[^\s:/@]{0,256}:)(?!\[redacted)[^\s/]{1,256}(?=@)/gi,
    keep: '$1',
  },
  {
    name: 'url_token',
    pattern: /(\b[a-z][a-z0-9+.-]{1,30}:\/\/)[a-z0-9_-]{16,256}(?=@)/gi,
    keep: '$1',
  },
  {
    name: 'url_signature',
    pattern: /([?&](?:x-amz-|x-goog-)?sig(?:nature)?=)(?!\[redacted)[^\s&"'<>]{8,1024}/gi,
    keep: '$1',
  },
  {
    name: 'webhook',
    pattern:
      /(\bhttps:\/\/(?:hooks\.slack\.com\/(?:services|workflows)\/|discord(?:app)?\.com\/api\/webhooks\/))[\w/-]{8,256}/gi,
    keep: '$1',
  },
  {
    name: 'authorization',
    pattern:
      /\b((?:Bearer|Basic)\s+)(?!(?:authentication|authorization|credentials|information)(?![\w.~+/=-]))[A-Za-z0-9._~+/=-]{8,}/gi,
    keep: '$1',
  },
  {
    name: 'cookie',
    pattern:
      /((?<![a-z0-9])(?:set-)?cookie["']?\s{0,4}:\s{0,4}["']?)(?!\[redacted)[^\s"'][^\r\n"']{3,4096}/gi,
    keep: '$1',
  },
  { name: 'api_key', pattern: /\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,4}[A-Za-z0-9_-]{16,}/g },
  { name: 'github_token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g },
  { name: 'gitlab_token', pattern: /\bgl(?:pat|ptt|rt|dt|cbt|soat|agent)-[A-Za-z0-9_.-]{16,}/g },
  { name: 'slack_token', pattern: /\bx(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,}/g },
  { name: 'aws_key', pattern: /\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b/g },
  { name: 'google_key', pattern: /\bAIza[A-Za-z0-9_-]{30,}/g },
  { name: 'google_token', pattern: /\bya29\.[A-Za-z0-9_-]{16,}/g },
  { name: 'google_secret', pattern: /\bGOCSPX-[A-Za-z0-9_-]{20,}/g },
  { name: 'npm_token', pattern: /\bnpm_[A-Za-z0-9]{20,}/g },
  { name: 'hf_token', pattern: /\bhf_[A-Za-z0-9]{20,}/g },
  { name: 'sendgrid_key', pattern: /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g },
  { name: 'telegram_token', pattern: /\b\d{8,10}:AA[A-Za-z0-9_-]{30,}/g },
  {
    // Issuers that mark their tokens by a prefix of their own.
    name: 'vendor_token',
    pattern:
      /\b(?:whsec_|shp(?:at|ca|pa|ss)_|do[opr]_v1_|dckr_(?:pat|oat)_|pypi-|hv[sbr]\.|dapi|lin_(?:api|oauth)_|ntn_|gsk_|xai-|r8_|pplx-|tvly-|sbp_|PMAK-|figd_|glsa_|nvapi-|AGE-SECRET-KEY-1)[A-Za-z0-9_-]{20,}/g,
  },
  {
    name: 'flag',
    pattern:
      /((?<![a-z0-9-])--?[a-z0-9-]{0,40}?(?:password|passphrase|token|secret|api-?key|access-?key)[ \t]{1,4})(?!-|["']?\[redacted|(?:flag|option|argument|parameter)s?\b)(?:"[^"\r\n]{1,512}"|'[^'\r\n]{1,512}'|[^\s"']{4,512})/gi,
    keep: '$1',
  },
  {
    name: 'user_password',
    pattern:
      /((?<![\w-])(?:-u|--user)[ =]{1,4}["']?[^\s:"']{1,128}:)(?!\[redacted|\d{1,6}(?!\S))[^\s"']{1,256}/g,
    keep: '$1',
  },
  {
    name: 'assignment',
    pattern: new RegExp(
      `(${NAME}${ASSIGN}(\\\\?["'\`]))(?!\\[redacted)(?:(?!\\2)(?:\\\\.|[^\\r\\n])){4,512}`,
      'gi',
    ),
    keep: '$1',
  },
  {
    name: 'assignment',
    pattern: new RegExp(`(${NAME}${ASSIGN})(?!\\[redacted|\\\\?["'\`])[^\\s"'\`,;&)}\\]]{4,512}`, 'gi'),
    keep: '$1',
  },
];

const KEY_BEGIN = /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----/g;
const KEY_END = /-----END [A-Z ]{0,32}PRIVATE KEY-----/g;
const MAX_KEY_CHARS = 16_384;

/**
 * Replaces every match of `<begin>[\s\S]{0,16384}?(?:<end>|$)`. As one pattern it reads 16 KiB for every `begin` without
 * an `end`; here the next `end` is found once for all `begin`s before it.
 */
function redactPrivateKeys(text: string): string {
  let redacted = '';
  let copied = 0;
  let end: { readonly from: number; readonly to: number } | undefined = { from: -1, to: -1 };
  for (const { 0: begin, index } of text.matchAll(KEY_BEGIN)) {
    if (index < copied) continue;
    const body = index + begin.length;
    if (end !== undefined && end.from < body) end = nextKeyEnd(text, body);
    const closed = end !== undefined && end.from - body <= MAX_KEY_CHARS ? end.to : undefined;
    const to = closed ?? (text.length - body <= MAX_KEY_CHARS ? text.length : undefined);
    if (to === undefined) continue;
    redacted += `${text.slice(copied, index)}[redacted:private_key]`;
    copied = to;
  }
  return redacted + text.slice(copied);
}

function nextKeyEnd(text: string, from: number) {
  KEY_END.lastIndex = from;
  const found = KEY_END.exec(text);
  return found === null ? undefined : { from: found.index, to: KEY_END.lastIndex };
}

/** A maximal run of base64url segments joined by single dots. It cannot fail once begun, so no character is read twice. */
const DOTTED_RUN = /[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*/g;
const JWT_START = /\beyJ[A-Za-z0-9_-]{8,}/;
const MIN_JWT_PART_CHARS = 4;
const JWT_PARTS = 3;

/**
 * Replaces every match of `\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}` in linear time. As one pattern it
 * is quadratic: in `eyJ-eyJ-eyJ-…` each `eyJ` reads to the end of the run before it fails.
 */
function redactJwts(text: string): string {
  return text.includes('eyJ') ? text.replace(DOTTED_RUN, redactJwtsInRun) : text;
}

function redactJwtsInRun(run: string): string {
  const parts = run.split('.');
  const kept: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? '';
    const start = part.search(JWT_START);
    const isJwt = start !== -1 && isLongEnough(parts[i + 1]) && isLongEnough(parts[i + 2]);
    kept.push(isJwt ? `${part.slice(0, start)}[redacted:jwt]` : part);
    if (isJwt) i += JWT_PARTS - 1;
  }
  return kept.join('.');
}

const isLongEnough = (part: string | undefined) => part !== undefined && part.length >= MIN_JWT_PART_CHARS;

/** Replaces every credential shape that version 1 knows by `[redacted:<shape>]`. */
export function redactSecretsV1(text: string): string {
  let redacted = redactJwts(redactPrivateKeys(text));
  for (const { name, pattern, keep = '' } of SHAPES) {
    redacted = redacted.replace(pattern, `${keep}[redacted:${name}]`);
  }
  return redacted;
}
