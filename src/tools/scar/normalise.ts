import { redactSecrets } from '../../telemetry/secrets.ts';
import { unquoteCodeNames } from './code-names.ts';
import { withoutFrames } from './frames.ts';
import { HOST_RULES } from './noise-hosts.ts';
import { markNumber, NAMED_VERSION_RULES, PLACE_RULES, type Rule, VERSION_RULES } from './noise-numbers.ts';
import { GROUPS, QUOTED } from './quotes.ts';

/**
 * Replaces what differs between occurrences of the same failure by marks such as `<url>`, so that their texts are equal.
 *
 * Guarantees: the result is one line in lower case without credentials; the same text always gives the same result; time
 * grows linearly with the length of the text, because repetitions are bounded or cannot overlap, and a look-behind stops a
 * failed match from being tried again within the same run of characters.
 * It can fail both ways: a variable part in a form that no rule knows makes each occurrence a failure of its own, and a rule
 * that removes a meaningful part makes two failures one. The order of the rules matters, since each sees the marks of those
 * before it. Fingerprints depend on every rule: see `fingerprint.ts` before changing one.
 */
/** The marks that replace variable parts. */
const MARK = /<(?:secret|url|email|host|branch|path|uuid|time|ip|hex|token|quoted|num)>/g;

const hasDigit = /[0-9]/;
const hasLetter = /[a-z]/;

const RULES: readonly Rule[] = [
  [/\[redacted:[a-z_]{1,32}\]/g, '<secret>'],
  [/(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,15}:\/\/(?:[^\s"'<>`]|<secret>)*/g, '<url>'],
  // Amazon resource names.
  [/(?<![a-z0-9])arn:[a-z-]{3,16}:[^\s"'<>`,;]{1,1024}/g, '<url>'],
  [/(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[a-z]{2,63}/gu, '<email>'],
  ...NAMED_VERSION_RULES,
  ...HOST_RULES,
  // Standard base64. Without `+` or `=` it could be a path.
  [
    /(?<![a-z0-9+/=])[a-z0-9+/]{40,}={0,2}/g,
    (run) => (run.includes('+') || run.endsWith('=') ? '<token>' : run),
  ],
  [
    /(?<![\w/.])\d{1,4}\/\d{1,2}\/\d{2,4}(?:,? {0,2}\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[ap]m\b)?)?(?![\w/])/g,
    '<time>',
  ],
  [/(?<![a-z0-9])[a-z]:(?:[\\/]{1,2}[^\s\\/:*?"'<>|]+)+[\\/]{0,2}(?::\d+){0,2}/g, '<path>'],
  [/(?<!\\)\\{2,4}[^\s\\/:*?"'<>|]+(?:\\{1,2}[^\s\\/:*?"'<>|]+)+/g, '<path>'],
  [/(?<![\p{L}\p{N}_.@+%~/<>-])(?:~|\.{1,2})?(?:\/[\p{L}\p{N}_.@+%~-]+){2,}\/?(?::\d+){0,2}/gu, '<path>'],
  [/(?<![\p{L}\p{N}_.@+%~/<>-])(?:~|\.{1,2})\/[\p{L}\p{N}_.@+%~-]+(?::\d+){0,2}/gu, '<path>'],
  // Names of packages, actions and permissions look like paths, but they identify the failure and stay.
  [
    /(?<![\p{L}\p{N}_.@+%~/<>-]|(?<![\p{L}\p{N}_])(?:action|import|module|package|permission|plugin)s? ["'`]?)[\p{L}\p{N}_.@+%~-]+(?:\/[\p{L}\p{N}_.@+%~-]+){2,}\/?(?::\d+){0,2}/gu,
    '<path>',
  ],
  // One directory and a file name with an extension; `and/or` and `text/html` do not match.
  [
    /(?<![\p{L}\p{N}_.@+%~/<>-])[\p{L}\p{N}_@-]+\/[\p{L}\p{N}_@-]{1,128}\.[a-z][a-z0-9]{0,5}(?![\p{L}\p{N}_/-])(?::\d+){0,2}/gu,
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
  // Durations, sizes and counts.
  [
    /(?<![\w.])\d{1,12}(?:,\d{3}){0,3}(?:\.\d{1,9})? ?(?:[nuµm]s|s|secs?|seconds?|mins?|minutes?|h|hours?|days?|milliseconds?|b|bytes?|[kmgt]i?b|tokens?|rows?|times|retries|attempts|%)(?![\w%])/g,
    '<num>',
  ],
  [/(?<![\w.])(?:\d{1,4}[hms]){2,3}(?!\w)/g, '<num>'],
  ...PLACE_RULES,
  ...VERSION_RULES,
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

/** Members of a JSON error body whose value identifies the failure. */
const IDENTIFYING_MEMBERS = new Set([
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

/** Words next to a quoted name of a part of a program or a schema. Such a name identifies the failure. */
const PART =
  'action|argument|assembly|attribute|bean|class|column|command|constraint|crate|exception|extension|field|flag|function|header|import|import name|index|key|keyword|library|method|module|modules|near|object|operation|operator|option|package|parameter|permission|plugin|procedure|property|reading|relation|script|sequence|symbol|table|trait|trigger|type|variable|view';
const NAMED_BEFORE = new RegExp(
  `(?<![\\p{L}\\p{N}_])(?:${PART}|find name)s?(?: named| called| with the name)?:? ?$`,
  'u',
);
const NAMED_BEHIND = new RegExp(`^ (?:${PART}|is not defined|is undefined)(?![\\p{L}\\p{N}_])`, 'u');
const MAX_NEAR_CHARS = 32;

/** A name in code: not a mark, not a path, and without the digits of an id. */
const CODE_NAME = /^[\p{L}_$@-][\p{L}\p{N}_$@.:/\\-]{0,63}$/u;
const ID_DIGITS = /\d{3}/;
const MAX_CODE_CHARS = 64;
/** Four words in a row: a quoted message. */
const SENTENCE = /\p{L}{2,}(?: \p{L}{2,}){3}/u;

/**
 * Replaces quoted values by a mark, except those that identify a failure: a three-digit code, a member name of a JSON
 * body, the value of one of its identifying members, the name of a part of a program or a schema, code in backticks, and a
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
    if (before === ':' && key !== '') return IDENTIFYING_MEMBERS.has(key) ? body : '<quoted>';
    if (match.startsWith('`')) return isCode(body) ? body : '<quoted>';
    if (SENTENCE.test(body)) return body;
    return nameOfPart(
      body,
      text.slice(Math.max(0, at - MAX_NEAR_CHARS), at),
      text.slice(end, end + MAX_NEAR_CHARS),
    );
  });
}

/** The version in `setup-node@<num>` is already a mark. */
const isCode = (body: string) =>
  body.length <= MAX_CODE_CHARS && !body.replaceAll('@<num>', '').includes('<') && !ID_DIGITS.test(body);

/** The first quoted word if it names a part of a program or a schema, else a mark. */
function nameOfPart(body: string, before: string, behind: string): string {
  const [name = ''] = body.split(/[\s,;(=]/, 1);
  const isName = CODE_NAME.test(name) && !ID_DIGITS.test(name);
  return isName && (NAMED_BEFORE.test(before) || NAMED_BEHIND.test(behind)) ? name : '<quoted>';
}

const MAX_BLANKS = 64;

/** The nearest non-blank character from `at` in the direction of `step`. */
function neighbour(text: string, at: number, step: 1 | -1): string {
  for (let i = 0; i < MAX_BLANKS; i++) {
    const found = text.charAt(at + i * step);
    if (found.trim() !== '' || found === '') return found;
  }
  return '';
}

/**
 * The text of a failure without its stack, with credentials, URLs, e-mail addresses, hosts, branches, paths, UUIDs, times, IP
 * addresses, hex, long tokens, versions, quoted values and numbers of four or more digits replaced by marks (`<url>`), in
 * lower case, with single spaces. Numbers of up to three digits stay unless they are a measure, a count or a place, because
 * 404 and 429 are different failures; so do longer ones behind a word such as `code`. Quoted names of parts of a program or
 * a schema stay too.
 */
export function normalise(text: string): string {
  return normaliseCleaned(cleaned(text));
}

/** The text of a failure without its stack and without credentials. */
export function cleaned(text: string): string {
  return withoutFrames(redactSecrets(text).text.normalize('NFC'));
}

/** As `normalise`, of a text that `cleaned` has returned. */
export function normaliseCleaned(text: string): string {
  let normal = unquoteCodeNames(text).toLowerCase();
  for (const [pattern, replace] of RULES) {
    normal =
      typeof replace === 'string' ? normal.replace(pattern, replace) : normal.replace(pattern, replace);
  }
  return markQuoted(normal)
    .replace(/\d{4,}(?:\.\d+)?/g, markNumber)
    .replace(/\s+/g, ' ')
    .trim();
}

/** Removes the marks from a normalised text. */
export function withoutMarks(normal: string): string {
  return normal.replace(MARK, ' ');
}
