/** Matches every text that can hold an inexact number: sixteen or more digits, or an exponent. */
const SUSPECT = /\d[\d.]{15}|\d[eE][+-]?\d/;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** The largest finite number has 309 digits. A longer token is refused without being compared. */
const MAX_NUMBER_CHARS = 400;
/** What `toPrecision` can print. */
const MAX_PRECISION = 100;

/**
 * Finds a number that JavaScript cannot represent exactly (RFC 8259, section 6). `JSON.parse` would change it silently, and
 * two different numbers could become equal.
 * @param json a valid JSON text
 * @returns the first such number as it is written, or undefined
 * @example findInexactNumber('[1, 12345678901234567890]') // '12345678901234567890'
 */
export function findInexactNumber(json: string): string | undefined {
  if (!SUSPECT.test(json)) return undefined;
  for (let at = 0; at < json.length; ) {
    const char = json.charAt(at);
    if (char === '"') at = endOfString(json, at);
    else if (char === '-' || (char >= '0' && char <= '9')) {
      NUMBER.lastIndex = at;
      const [token] = NUMBER.exec(json) ?? [char];
      if (isInexact(token)) return token;
      at += token.length;
    } else at++;
  }
  return undefined;
}

/** The index after the string that begins at `start`. A regular expression would exhaust its stack on long strings. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (json.charAt(quote - 1 - escapes) === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return json.length;
}

/** Whether JavaScript changes the number that is written so. */
export function isInexact(token: string): boolean {
  if (token.length > MAX_NUMBER_CHARS) return true;
  const value = Number(token);
  if (!Number.isFinite(value)) return true;
  const printed = String(value);
  return printed !== token && digitsOf(printed) !== digitsOf(token) && !isExpandedDouble(token, value);
}

/**
 * Whether a decimal is a double in more digits than JavaScript prints: 17 are what many printers write so that every
 * double survives, as in `3.1400000000000001`. Whole numbers are not meant, because they may be ids.
 */
function isExpandedDouble(token: string, value: number): boolean {
  if (Number.isInteger(value)) return false;
  const digits = significantDigits(token);
  return digits >= 17 && digits <= MAX_PRECISION && digitsOf(value.toPrecision(digits)) === digitsOf(token);
}

const significantDigits = (token: string) =>
  token
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '').length;

/** A decimal number as its significant digits and the position of its point. Equal numbers give equal texts. */
function digitsOf(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`;
  const leading = digits.length - digits.replace(/^0+/, '').length;
  const significant = digits.slice(leading).replace(/0+$/, '');
  return significant === '' ? '0' : `${sign}${significant}e${whole.length - leading + Number(exponent)}`;
}
