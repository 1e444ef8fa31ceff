/** Whether a text may hold such a number at all: sixteen digits or more, or an exponent. */
const SUSPECT = /\d[\d.]{15}|\d[eE][+-]?\d/;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** The largest number in full has 309 digits; none that is longer is looked at. */
const MAX_NUMBER_CHARS = 400;

/**
 * The first number in a valid JSON text whose value JavaScript does not keep: `JSON.parse` would change it in silence,
 * and two different numbers would become one.
 */
export function findInexactNumber(json: string): string | undefined {
  if (!SUSPECT.test(json)) return undefined;
  for (let at = 0; at < json.length; ) {
    const char = json.charAt(at);
    if (char === '"') at = endOfText(json, at);
    else if (char === '-' || (char >= '0' && char <= '9')) {
      NUMBER.lastIndex = at;
      const [token] = NUMBER.exec(json) ?? [char];
      if (isLossy(token)) return token;
      at += token.length;
    } else at++;
  }
  return undefined;
}

/** The place after the quoted text that begins at `start`. A regular expression would run out of stack on long ones. */
function endOfText(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (json.charAt(quote - 1 - escapes) === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return json.length;
}

function isLossy(token: string): boolean {
  if (token.length > MAX_NUMBER_CHARS) return true;
  const held = Number(token);
  if (!Number.isFinite(held)) return true;
  const kept = String(held);
  return kept !== token && digitsOf(kept) !== digitsOf(token);
}

/** A decimal number as its significant digits and the place of its point: equal texts are equal numbers. */
function digitsOf(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`;
  const leading = digits.length - digits.replace(/^0+/, '').length;
  const significant = digits.slice(leading).replace(/0+$/, '');
  return significant === '' ? '0' : `${sign}${significant}e${whole.length - leading + Number(exponent)}`;
}
