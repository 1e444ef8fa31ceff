/** Known shapes of credentials, removed from text before it is logged, stored as a lesson or indexed. */

interface Shape {
  readonly name: string;
  readonly pattern: RegExp;
  /** Kept in front of the mark, so that the text still says what stood there. */
  readonly keep?: string;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'private_key',
    pattern:
      /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]{0,16384}?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|$)/g,
  },
  { name: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}/g },
  {
    name: 'url_password',
    pattern: /(\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/@]{0,256}:)[^\s@/]{1,256}(?=@)/gi,
    keep: '$1',
  },
  { name: 'authorization', pattern: /\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}/gi, keep: '$1' },
  { name: 'api_key', pattern: /\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,4}[A-Za-z0-9_-]{16,}/g },
  { name: 'github_token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g },
  { name: 'gitlab_token', pattern: /\bglpat-[A-Za-z0-9_-]{16,}/g },
  { name: 'slack_token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g },
  { name: 'aws_key', pattern: /\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b/g },
  { name: 'google_key', pattern: /\bAIza[A-Za-z0-9_-]{30,}/g },
  { name: 'google_token', pattern: /\bya29\.[A-Za-z0-9_-]{16,}/g },
  { name: 'npm_token', pattern: /\bnpm_[A-Za-z0-9]{20,}/g },
  { name: 'hf_token', pattern: /\bhf_[A-Za-z0-9]{20,}/g },
  {
    name: 'assignment',
    pattern:
      /\b((?:[a-z0-9]{1,40}[_-]){0,4}(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)s?["']?\s{0,4}[=:]\s{0,4}["']?)(?!\[redacted)[^\s"',;&)}\]]{4,512}/gi,
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
