/**
 * Finds the ends of values in a JSON text that `JSON.stringify` has made, so without white space, and without parsing it.
 * Time is linear in what is passed over.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** @param at the index of an opening quote. @returns the index after the closing one */
export function endOfString(json: string, at: number): number {
  for (let quote = json.indexOf('"', at + 1); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  throw new Error('a JSON text has a string without an end');
}

/** @param at the index at which a value begins. @returns the index after it */
export function endOfValue(json: string, at: number): number {
  let depth = 0;
  for (let end = at; end < json.length; ) {
    switch (json.charCodeAt(end)) {
      case QUOTE:
        end = endOfString(json, end);
        if (depth === 0) return end;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        end++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 0) return end;
        depth--;
        end++;
        if (depth === 0) return end;
        break;
      case COMMA:
        if (depth === 0) return end;
        end++;
        break;
      default:
        end++;
    }
  }
  return json.length;
}
