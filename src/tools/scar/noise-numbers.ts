/**
 * Numbers that differ between occurrences of the same failure (lines, columns, versions, counters), and those that do not:
 * codes next to the word that says so, of any length. Texts are in lower case.
 */

/** What a pattern finds, and the mark that replaces it. */
export type Rule = readonly [
  pattern: RegExp,
  replace: string | ((match: string, ...groups: string[]) => string),
];

/** Versions that a word or a package announces. These come before addresses, which look like versions of four parts. */
export const NAMED_VERSION_RULES: readonly Rule[] = [
  [
    /(?<![\p{L}\p{N}_])(version|versions|ver|release|revision|build)( ?[:=#]? ?)v?\d(?:[\w.+-]{0,63}\w)?/gu,
    '$1$2<num>',
  ],
  // react@18.2.0, setup-node@v4
  [/(?<=[\p{L}\p{N}_-])@[~^]?v?\d(?:[\w.+-]{0,63}\w)?/gu, '@<num>'],
  [/(?<![-=<>])(?:[<>~^]=?|[=!]=) ?v?\d{1,2}(?:\.(?:\d+|x|\*)){0,5}(?![\w.])/g, '<num>'],
];

const PRE_RELEASE = String.raw`(?:[-.]?(?:alpha|beta|rc|dev|pre|preview|snapshot|final|post|[abm])[.-]?\d{0,9})?(?:\+[\w.]{1,64})?`;

export const VERSION_RULES: readonly Rule[] = [
  // 550 5.1.1 stays: mail servers report the reason of a refusal in this form (RFC 3463).
  [
    new RegExp(
      String.raw`(?<![\w.]|[245]\d\d[ -]#?|(?:code|status)[ :=]{1,2})v?\d+(?:\.\d+)+${PRE_RELEASE}(?!\w|\.\d)`,
      'g',
    ),
    '<num>',
  ],
  // python3.11, libfoo-1.4.2
  [new RegExp(String.raw`(?<=\p{L}[-_]?)\d+(?:\.\d+)+${PRE_RELEASE}(?!\w|\.\d)`, 'gu'), '<num>'],
  [/(?<![\w./-])v\d+(?![\w-]|\.\d)/g, '<num>'],
];

const COUNTED =
  'attempt|byte|char|character|col|column|core|epoch|fd|index|iteration|len|length|line|lines|ln|offset|pid|port|pos|' +
  'position|process|process id|rank|retry|row|size|slot|spid|step|thread|tid|try|worker';

export const PLACE_RULES: readonly Rule[] = [
  // cart.kt:31:9, makefile:112, io.c(228), cart.ts(3,14)
  [
    /(?<=[\w-]\.[a-z][a-z0-9]{0,7}|(?:make|docker|jenkins|gem|rake|proc)file)(?::\d+){1,2}(?![\w.])/g,
    ':<num>',
  ],
  [/(?<=[\w-]\.[a-z][a-z0-9]{0,7}|<path>) ?\(\d+(?:[,:] ?\d+){0,3}\)/g, '(<num>)'],
  [
    new RegExp(
      String.raw`(?<![\p{L}\p{N}_])(${COUNTED})( ?[:=#]? ?| is | of | \[)\d+(?:[:-]\d+)?(?!\w|\.\d)`,
      'gu',
    ),
    '$1$2<num>',
  ],
  [/(?<=index out of range \[)\d+/g, '<num>'],
  // [rank3], [worker-12]
  [/(?<=\[(?:rank|worker|thread|node|gpu)[ -]?)\d+(?=\])/g, '<num>'],
  // l.214 of LaTeX, 12:5 of linters, (3, 14)
  [/(?<![\w.])l\.\d+(?!\w)/g, 'l.<num>'],
  [/(?<![\w:.])\d+:\d+(?![\w:])/g, '<num>'],
  [/(?<=[([])\d+, ?\d+(?=[)\]])/g, '<num>'],
];

/** Words before a code. */
const CODE_WORD_BEFORE =
  /(?<![\p{L}\p{N}_])(?:(?:code|errno|sqlstate|sqlcode|hresult|status|exit|signal|close|closed with|rcode)(?: code| status)?[ :=#("'[-]{1,3}|(?:error|err|msg|http|ora|pls|tns|ghc|db2)(?: no\.?)?[ #([-]{1,2})$/u;
/** The letters of a code that a compiler or a database prints: error ts2304, error[e0382], p2002: */
const CODE_LETTERS_BEFORE =
  /(?:(?<![\p{L}\p{N}_])(?:error|warning|fatal|code)[ :[(]{1,2}[a-z]{1,6}-?|[[(][a-z]{1,3}|(?:^|\n)[a-z]{1,4})$/u;
const CODE_END = /^(?:$|[\s\]):,;'".])/;
const MAX_CODE_DIGITS = 6;
const MAX_BEFORE_CHARS = 28;

/** A number of four digits or more: a mark, unless it is a code. */
export function markNumber(number: string, at: number, text: string): string {
  if (number.length > MAX_CODE_DIGITS || number.includes('.')) return '<num>';
  const before = text.slice(Math.max(0, at - MAX_BEFORE_CHARS), at);
  const end = at + number.length;
  const isCode =
    CODE_WORD_BEFORE.test(before) ||
    (CODE_LETTERS_BEFORE.test(before) && CODE_END.test(text.slice(end, end + 1)));
  return isCode ? number : '<num>';
}
