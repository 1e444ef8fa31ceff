import { redactSecretsV1 } from './secrets.ts';

/**
 * FROZEN: the normalisation of fingerprint version 1. Stored fingerprints depend on every rule, so never change what this
 * returns; `../normalise.ts` is the current version.
 */
type Rule = readonly [pattern: RegExp, replace: string | ((match: string) => string)];

const hasDigit = /[0-9]/;
const hasLetter = /[a-z]/;

const RULES: readonly Rule[] = [
  [/\[redacted:[a-z_]{1,32}\]/g, '<secret>'],
  [/(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,15}:\/\/(?:[^\s"'<>`]|<secret>)*/g, '<url>'],
  // Names of resources as Amazon Web Services writes them.
  [/(?<![a-z0-9])arn:[a-z-]{3,16}:[^\s"'<>`,;]{1,1024}/g, '<url>'],
  [/(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[a-z]{2,63}/gu, '<email>'],
  // Base64 with its own alphabet; without + or = it could as well be a path.
  [
    /(?<![a-z0-9+/=])[a-z0-9+/]{40,}={0,2}/g,
    (run) => (run.includes('+') || run.endsWith('=') ? '<token>' : run),
  ],
  [
    /(?<![\w/.])\d{1,4}\/\d{1,2}\/\d{2,4}(?:,? {0,2}\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[ap]m\b)?)?(?![\w/])/g,
    '<time>',
  ],
  [/(?<![a-z0-9])[a-z]:(?:[\\/]{1,2}[^\s\\/:*?"'<>|]+)+[\\/]{0,2}(?::\d{1,7}){0,2}/g, '<path>'],
  [/(?<!\\)\\{2,4}[^\s\\/:*?"'<>|]+(?:\\{1,2}[^\s\\/:*?"'<>|]+)+/g, '<path>'],
  [/(?<![\p{L}\p{N}_.@+%~/<>-])(?:~|\.{1,2})?(?:\/[\p{L}\p{N}_.@+%~-]+){2,}\/?(?::\d{1,7}){0,2}/gu, '<path>'],
  [/(?<![\p{L}\p{N}_.@+%~/<>-])(?:~|\.{1,2})\/[\p{L}\p{N}_.@+%~-]+(?::\d{1,7}){0,2}/gu, '<path>'],
  // What a package, an action or a permission is called looks like a path and tells failures apart.
  [
    /(?<![\p{L}\p{N}_.@+%~/<>-]|(?<![\p{L}\p{N}_])(?:action|import|module|package|permission|plugin)s? ["'`]?)[\p{L}\p{N}_.@+%~-]+(?:\/[\p{L}\p{N}_.@+%~-]+){2,}\/?(?::\d{1,7}){0,2}/gu,
    '<path>',
  ],
  // One directory and a file name with an extension; `and/or` and `text/html` are left alone.
  [
    /(?<![\p{L}\p{N}_.@+%~/<>-])[\p{L}\p{N}_@-]+\/[\p{L}\p{N}_@-]{1,128}\.[a-z][a-z0-9]{0,5}(?![\p{L}\p{N}_/-])(?::\d{1,7}){0,2}/gu,
    '<path>',
  ],
  [/(?<![a-z0-9])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![a-z0-9])/g, '<uuid>'],
  [
    /(?<![\d-])\d{4}-\d{2}-\d{2}(?:[t ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?(?:z|utc|gmt|[+-]\d{2}:?\d{2})(?![\w]))?)?(?![\d-])/g,
    '<time>',
  ],
  [
    /(?<![a-z0-9])(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? )?\d{1,2}[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[ -]\d{4}(?:[ t,:]{1,2}\d{1,2}:\d{2}(?::\d{2})?)?(?: ?(?:z|utc|gmt|[+-]\d{4}))?(?![a-z0-9])/g,
    '<time>',
  ],
  [
    /(?<![a-z0-9])(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? {1,2}\d{1,2}(?:,? \d{4}|,? \d{1,2}:\d{2}(?::\d{2})?(?: [a-z]{3,4}(?= \d{4}))?(?: \d{4})?)(?![a-z0-9])/g,
    '<time>',
  ],
  [
    /(?<![\w:.])\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[ap]m(?![a-z]))?(?: ?(?:z|utc|gmt|[+-]\d{2}:?\d{2})(?![\w]))?(?![\w:])/g,
    '<time>',
  ],
  [/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2}|:\d{1,5})?(?!\.?\w)/g, '<ip>'],
  [/(?<![\w:.])\[?[0-9a-f:]{2,39}(?:%\w{1,16})?(?:\]:\d{1,5}|\])?(?![\w:])/g, markIpv6],
  [/(?<![a-z0-9])0x[0-9a-f]+(?![a-z0-9])/g, '<hex>'],
  [/(?<![a-z0-9:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![a-z0-9:-])/g, '<hex>'],
  [/(?<![a-z0-9])(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,}(?![a-z0-9])/g, '<hex>'],
  [/(?<![a-z0-9_-])[a-z0-9_-]{32,}={0,2}/g, (run) => (hasDigit.test(run) ? '<token>' : run)],
  [
    /(?<![a-z0-9])[a-z0-9]{16,}(?![a-z0-9])/g,
    (run) => (hasDigit.test(run) && hasLetter.test(run) ? '<token>' : run),
  ],
  // Versions and builds; `5.1.1` is left alone, for mail servers say so why they refuse (RFC 3463).
  [/(?<![\w.])v?(?=[\d.]{0,24}\d\d)\d{1,8}(?:\.\d{1,8}){2,5}(?!\w|\.\d)/g, '<num>'],
  // Measures: how long, how much, how often.
  [
    /(?<![\w.])\d{1,12}(?:,\d{3}){0,3}(?:\.\d{1,9})? ?(?:[nuµm]s|s|secs?|seconds?|mins?|minutes?|h|hours?|days?|milliseconds?|b|bytes?|[kmgt]i?b|tokens?|rows?|times|retries|attempts|%)(?![\w%])/g,
    '<num>',
  ],
  [/(?<![\w.])(?:\d{1,4}[hms]){2,3}(?!\w)/g, '<num>'],
  // Places and counters.
  [
    /(?<![\p{L}\p{N}_])(line|column|col|char|character|position|offset|pid|process|port|attempt|try)( ?[:=#]? ?)\d{1,12}(?!\w|\.\d)/gu,
    '$1$2<num>',
  ],
];

/** An address has `::` or eight groups (RFC 4291, section 2.2); `std::io` and `12:34` have neither. */
function markIpv6(run: string): string {
  const groups = run.replace(/^\[|\].*$|%.*$/g, '').split(':');
  const isAddress =
    hasDigit.test(run) &&
    groups.length <= 9 &&
    groups.every((group) => group.length <= 4) &&
    (run.includes('::') || groups.length === 8);
  return isAddress ? '<ip>' : run;
}

const QUOTED =
  /(?<![\p{L}\p{N}])(?:"((?:[^"\\\n]|\\.){0,512}?)"|'((?:[^'\\\n]|\\.){0,512}?)'|`([^`'\n]{0,512})'|`([^`\n]{0,512})`|“([^“”\n]{0,512})”|‘([^‘’\n]{0,512})’|«([^«»\n]{0,512})»)(?![\p{L}\p{N}])/gu;

/** How many ways of quoting there are. */
const GROUPS = 7;

/** Members of a JSON error body whose value says what the failure is. */
const TELLING = new Set([
  'code',
  'detail',
  'errno',
  'error',
  'error_code',
  'error_description',
  'error_type',
  'message',
  'msg',
  'reason',
  'status',
  'title',
  'type',
]);

/** What stands before or behind a quoted name of a part of a program or a schema: another name, another failure. */
const PART =
  'action|argument|assembly|attribute|bean|class|column|command|constraint|crate|exception|extension|field|flag|function|header|import|import name|index|key|keyword|library|method|module|modules|near|object|operation|operator|option|package|parameter|permission|plugin|procedure|property|reading|relation|script|sequence|symbol|table|trait|trigger|type|variable|view';
const NAMED_BEFORE = new RegExp(
  `(?<![\\p{L}\\p{N}_])(?:${PART}|find name)s?(?: named| called| with the name)?:? ?$`,
  'u',
);
const NAMED_BEHIND = new RegExp(`^ (?:${PART}|is not defined|is undefined)(?![\\p{L}\\p{N}_])`, 'u');
const MAX_NEAR_CHARS = 32;

/** A name in code: not a mark, not a path, and without the digits of an id. */
const CODE_NAME = /^[\p{L}_$@-][\p{L}\p{N}_$@.:/-]{0,63}$/u;
const ID_DIGITS = /\d{3}/;
const MAX_CODE_CHARS = 64;
/** Four words in a row: somebody's message, quoted as a whole. */
const SENTENCE = /\p{L}{2,}(?: \p{L}{2,}){3}/u;

/**
 * Quoted values become a mark, except what tells failures apart: a three-digit code, a member name of a JSON body,
 * the value of one of its telling members, the name of a part of a program or a schema, code in backticks, and a
 * message.
 */
function markQuoted(text: string): string {
  let key = '';
  return text.replace(QUOTED, (match: string, ...rest: unknown[]) => {
    const body = rest.slice(0, GROUPS).find((group) => typeof group === 'string');
    const at = rest[GROUPS];
    if (typeof body !== 'string' || typeof at !== 'number') return match;
    const end = at + match.length;
    const before = neighbour(text, at - 1, -1);
    if ((before === '{' || before === ',') && neighbour(text, end, 1) === ':') {
      key = body;
      return body;
    }
    if (/^\d{3}$/.test(body)) return body;
    if (before === ':' && key !== '') return TELLING.has(key) ? body : '<quoted>';
    if (match.startsWith('`')) return isCode(body) ? body : '<quoted>';
    if (SENTENCE.test(body)) return body;
    return nameOfPart(
      body,
      text.slice(Math.max(0, at - MAX_NEAR_CHARS), at),
      text.slice(end, end + MAX_NEAR_CHARS),
    );
  });
}

const isCode = (body: string) =>
  body.length <= MAX_CODE_CHARS && !body.includes('<') && !ID_DIGITS.test(body);

/** The first word of what is quoted, when it is the name of a part; else a mark. */
function nameOfPart(body: string, before: string, behind: string): string {
  const [name = ''] = body.split(/[\s,;(=]/, 1);
  const isName = CODE_NAME.test(name) && !ID_DIGITS.test(name);
  return isName && (NAMED_BEFORE.test(before) || NAMED_BEHIND.test(behind)) ? name : '<quoted>';
}

const MAX_BLANKS = 64;

/** The nearest character from `at` on that is not blank. */
function neighbour(text: string, at: number, step: 1 | -1): string {
  for (let i = 0; i < MAX_BLANKS; i++) {
    const found = text.charAt(at + i * step);
    if (found.trim() !== '' || found === '') return found;
  }
  return '';
}

/**
 * The text of a failure with credentials, URLs, e-mail addresses, paths, UUIDs, times, IP addresses, hex, long
 * tokens, quoted values and numbers of four or more digits replaced by marks (`<url>`), in lower case, with single
 * spaces. Numbers of up to three digits stay unless they measure, count or place something, for 404 and 429 are
 * different failures; and so does what is quoted when it names a part of a program or a schema.
 */
export function normaliseV1(text: string): string {
  let normal = redactSecretsV1(text).normalize('NFC').toLowerCase();
  for (const [pattern, replace] of RULES) {
    normal =
      typeof replace === 'string' ? normal.replace(pattern, replace) : normal.replace(pattern, replace);
  }
  return markQuoted(normal)
    .replace(/\d{4,}(?:\.\d+)?/g, '<num>')
    .replace(/\s+/g, ' ')
    .trim();
}
