/** Known shapes of credentials, removed from text before it is logged, stored as a lesson or indexed. */

interface Shape {
  readonly name: string;
  readonly pattern: RegExp;
  /** Kept in front of the mark, so that the text still says what stood there. */
  readonly keep?: string;
}

/** A name that says that its value is a credential, from the beginning of its run of name characters. */
const NAME =
  /(?<![a-z0-9_-])[a-z0-9_-]{0,80}?(?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|account|private|secret|signing|encryption)[_-]?key|credential)s?/
    .source;
const ASSIGN = /(?:\\?["'])?\s{0,4}(?:=>|:=|[=:])\s{0,4}/.source;

const SHAPES: readonly Shape[] = [
  {
    name: 'private_key',
    pattern:
      /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]{0,16384}?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|$)/g,
  },
  { name: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}/g },
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

/**
 * Replaces every known credential shape by `[redacted:<shape>]`.
 * @returns the text, and how many places were replaced
 */
export function redactSecrets(text: string): { text: string; count: number } {
  let redacted = text;
  let count = 0;
  for (const { name, pattern, keep = '' } of SHAPES) {
    const found = redacted.match(pattern)?.length ?? 0;
    if (found === 0) continue;
    count += found;
    redacted = redacted.replace(pattern, `${keep}[redacted:${name}]`);
  }
  return { text: redacted, count };
}
