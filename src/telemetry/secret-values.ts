import { isSecretValue, kindOf, type NameKind } from './secret-names.ts';
import type { Mark } from './secrets.ts';

/**
 * Redacts values after a name such as `password`: in configuration, JSON, headers, queries, XML and shell commands.
 *
 * A pattern finds where a value begins; code finds its end and decides. So a value of any length is replaced whole, and no
 * pattern searches for an end that may be missing, which would take quadratic time.
 */

/** Any name and the operator after it. The look-behind prevents further attempts within the same name. */
const NAMED = /(?<![\w.-])([\w.-]{1,128})(\\{0,3}["'`]?\]?[ \t]{0,4}(?:=>|:=|\?=|[:=：＝])[ \t]{0,4})/g;
/** `<add key="Password" value="…"/>`, and the environment of a container: `{"name": "DB_PASSWORD", "value": "…"}`. */
const PAIRED =
  /\b(?:key|name)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?([\w.:-]{1,128})\\?["']?,?\s{1,16}\\?["']?value\\?["']?\s{0,4}[:=]\s{0,4}|\b(?:key|name)\\?["']\s{0,4}:\s{0,4}\\?["']([\w.:-]{1,128})\\?["']\s{0,4},\s{0,4}\\?["']value\\?["']\s{0,4}:\s{0,4}/gi;
/** `define('DB_PASSWORD', '…')` and `["x-api-key", "…"]`: a quoted name, a comma, a quoted value. */
const LISTED = /(?<!\w)["']([\w.-]{1,128})["']\s{0,4},\s{0,4}(?=["'])/g;
/** `set -x API_TOKEN …` of a shell, and the tab-separated line of a cookie jar. */
const SPACED = /(?:\b(?:set -g?x|setx|setenv)[ \t]{1,4}|\t)([\w.-]{1,128})[ \t]{1,4}/g;
const XML = /(?<![\w.:-])([\w.:-]{1,64})>(?!\[redacted)([^<>\r\n]{4,})(?=<\/)/g;

/** An opening quote at `lastIndex`, with the backslashes that escape it. */
const QUOTE = /(\\{0,3})(["'`])/y;
const UNQUOTED = /[^\s"'`,;&)}\]]+/y;
/** In `NAME=value` of an environment, a value may contain commas and brackets. */
const UNQUOTED_IN_ENVIRONMENT = /[^\s"'`;]+/y;
const ENVIRONMENT_NAME = /^[A-Z][A-Z0-9_]*$/;

interface Value {
  readonly from: number;
  readonly to: number;
  readonly quoted: boolean;
}

/** Replaces every value whose name says that it is a credential. */
export function redactNamedValues(text: string, mark: Mark): string {
  let redacted = redactXml(redactAssignments(text, mark), mark);
  redacted = redactPairs(redacted, PAIRED, false, mark);
  for (const heads of [LISTED, SPACED]) redacted = redactPairs(redacted, heads, true, mark);
  return redacted;
}

function redactAssignments(text: string, mark: Mark): string {
  return replaceValues(text, NAMED, mark, (match) => {
    const [, name = '', operator = ''] = match;
    // Part of a name with colons, such as an Amazon resource name.
    if (operator === ':' && text[(match.index ?? 0) - 1] === ':') return undefined;
    const kind = kindOf(name);
    const tight = operator === '=';
    return (
      kind && { kind, tight, prose: /^: /.test(operator), environment: tight && ENVIRONMENT_NAME.test(name) }
    );
  });
}

function redactPairs(text: string, heads: RegExp, listed: boolean, mark: Mark): string {
  return replaceValues(text, heads, mark, ([, attribute, member]) => {
    const name = attribute ?? member ?? '';
    const kind = kindOf(name);
    const isConstant = ENVIRONMENT_NAME.test(name);
    return kind && { kind, tight: true, prose: false, listed: listed && !isConstant, environment: false };
  });
}

const redactXml = (text: string, mark: Mark) =>
  text.replace(XML, (whole: string, name: string, value: string) => {
    const kind = kindOf(name.slice(name.indexOf(':') + 1));
    const isSecret = kind !== undefined && isSecretValue(value.trim(), { kind, quoted: true, tight: true });
    return isSecret ? `${name}>${mark('assignment')}` : whole;
  });

interface Head {
  readonly kind: NameKind;
  readonly tight: boolean;
  readonly prose: boolean;
  readonly listed?: boolean;
  readonly environment: boolean;
}

/** Replaces the value after each match of `heads` that `judge` accepts, if the value looks like a credential. */
function replaceValues(
  text: string,
  heads: RegExp,
  mark: Mark,
  judge: (match: RegExpMatchArray) => Head | undefined,
): string {
  let redacted = '';
  let copied = 0;
  for (const match of text.matchAll(heads)) {
    if (match.index < copied) continue;
    const head = judge(match);
    if (head === undefined) continue;
    const value = readValue(text, match.index + match[0].length, head.environment);
    if (!isSecretValue(text.slice(value.from, value.to), { ...head, quoted: value.quoted })) continue;
    redacted += text.slice(copied, value.from) + mark('assignment');
    copied = value.to;
  }
  return redacted + text.slice(copied);
}

function readValue(text: string, at: number, environment: boolean): Value {
  QUOTE.lastIndex = at;
  const [opening, escapes = '', quote = ''] = QUOTE.exec(text) ?? [];
  if (opening !== undefined) {
    const from = at + opening.length;
    return { from, to: endOfQuoted(text, from, escapes, quote), quoted: true };
  }
  const pattern = environment ? UNQUOTED_IN_ENVIRONMENT : UNQUOTED;
  pattern.lastIndex = at;
  const [value = ''] = pattern.exec(text) ?? [];
  return { from: at, to: at + value.length, quoted: false };
}

/** The closing quote, with as many backslashes before it as the opening one has; else the end of the line. */
function endOfQuoted(text: string, from: number, escapes: string, quote: string): number {
  let backslashes = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '\n' || char === '\r') return at;
    if (char === quote && backslashes <= escapes.length) return at - backslashes;
    backslashes = char === '\\' ? backslashes + 1 : 0;
  }
  return text.length;
}
