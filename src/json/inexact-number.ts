/** Matches every text that can hold an inexact number: sixteen or more digits, or an exponent. */
const SUSPECT = /\d[\d.]{15}|\d[eE][+-]?\d/;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** The largest finite number has 309 digits. A longer token is refused without being compared. */
const MAX_NUMBER_CHARS = 400;

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

function isInexact(token: string): boolean {
  if (token.length > MAX_NUMBER_CHARS) return true;
  const value = Number(token);
  if (!Number.isFinite(value)) return true;
  const printed = String(value);
  return printed !== token && digitsOf(printed) !== digitsOf(token);
}

/** A decimal number as its significant digits and the position of its point. Equal numbers give equal texts. */
function digitsOf(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`;
  const leading = digits.length - digits.replace(/^0+/, '').length;
  const significant = digits.slice(leading).replace(/0+$/, '');
  return significant === '' ? '0' : `${sign}${significant}e${whole.length - leading + Number(exponent)}`;
}
