/** Which headers a tool may send, and which of a response it may read. */

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const VALUE = /^[\t\u0020-\u007e]{0,8192}$/;

/** Headers that belong to one hop, to the framing of a message or to the place that it is sent to. */
const OF_THE_HOP = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);
/** Headers by which a request states who it is from. Only the connection states that. */
const OF_IDENTITY = new Set([
  'authorization',
  'cookie',
  'cookie2',
  'forwarded',
  'from',
  'origin',
  'referer',
  'traceparent',
  'tracestate',
  'true-client-ip',
  'x-api-key',
  'x-auth-token',
  'x-real-ip',
]);
const PREFIXES = /^(?:proxy-|x-forwarded-|x-original-|x-rewrite-|cf-|sec-|x-amz-security-)/;

/** Headers of a response that are none of the tool's business. */
const NOT_READ = new Set(['set-cookie', 'set-cookie2', 'www-authenticate', 'proxy-authenticate']);

/** Whether a connection's secret can be sent in this header. */
export function canCarrySecret(name: string): boolean {
  const lower = name.toLowerCase();
  const isFraming = OF_THE_HOP.has(lower) || lower.startsWith('content-') || lower.startsWith('proxy-');
  return TOKEN.test(name) && !isFraming && !['traceparent', 'tracestate'].includes(lower);
}

/** Whether a text can be the value of a header that carries a secret. */
export const isSecretValue = (text: string) =>
  text !== '' && VALUE.test(text) && text === text.trim() && !text.includes('\t');

/** A name as servers see it that make a variable of each header, in which `_` and `-` are one. */
const folded = (name: string) => name.toLowerCase().replaceAll('_', '-');

/** The headers of a request: what the tool may set, then the trace and the secret, which it cannot replace. */
export function requestHeaders(
  given: Readonly<Record<string, string>>,
  { header, secret, traceparent }: { header: string; secret: string; traceparent: string },
): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    const known = folded(name);
    if (!TOKEN.test(name) || !VALUE.test(value) || known === folded(header)) continue;
    if (OF_THE_HOP.has(known) || OF_IDENTITY.has(known) || PREFIXES.test(known)) continue;
    headers.set(name, value);
  }
  headers.set('traceparent', traceparent);
  headers.set(header, secret);
  return headers;
}

/** The headers of a response that a tool reads, with names in lower case. */
export function responseHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !NOT_READ.has(name)));
}
