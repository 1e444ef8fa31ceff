import { utf8Bytes } from '../../json/bounds.ts';
import { invalidInput, ToolError } from '../errors.ts';

/** The largest value of a cell: bytes of its JSON text in UTF-8. */
export const MAX_VALUE_BYTES = 1_048_576;
/** How much of a value a read shows unless asked for more, and how much of the current one a conflict shows. */
export const DEFAULT_READ_BYTES = 8_192;
export const MAX_PREVIEW_CHARS = 120;

/** A value as it is stored. */
export interface Encoded {
  readonly json: string;
  /** Bytes of `json` in UTF-8. */
  readonly bytes: number;
}

/**
 * The JSON text of a value.
 * @param field the argument that the value came from
 * @throws ToolError `too_large` above 1 MiB, `invalid_input` when a number in it would not be kept as it was sent
 */
export function encodeValue(value: unknown, field: string): Encoded {
  const json = JSON.stringify(value);
  const bytes = utf8Bytes(json);
  if (bytes > MAX_VALUE_BYTES) {
    throw new ToolError(
      'too_large',
      `The stored value would be ${bytes} bytes of JSON; a cell holds ${MAX_VALUE_BYTES}, so split it over several keys.`,
      { field, limit: MAX_VALUE_BYTES },
    );
  }
  if (MAY_HOLD_UNSAFE.test(json) && holdsUnsafeNumber(value)) {
    throw invalidInput(
      field,
      `${field} holds a number that cannot be kept exactly (an integer beyond ${Number.MAX_SAFE_INTEGER}); send it as text.`,
    );
  }
  return { json, bytes };
}

// Infinity is written as null and every unsafe integer with 16 digits or more: most values need no walk.
const MAY_HOLD_UNSAFE = /null|\d{16}/;
/** From here on JavaScript writes a number with an exponent, which claims no more digits than it has. */
const EXPONENT_FROM = 1e21;

function holdsUnsafeNumber(root: unknown): boolean {
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const next = stack.pop();
    if (typeof next === 'number' && altered(next)) return true;
    if (typeof next === 'object' && next !== null) for (const child of Object.values(next)) stack.push(child);
  }
  return false;
}

function altered(value: number): boolean {
  return !Number.isFinite(value) || (!isSafeNumber(value) && Math.abs(value) < EXPONENT_FROM);
}

/** Whether a number is finite and within the range in which JavaScript holds every integer. */
export function isSafeNumber(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** Whether two JSON texts are the same value; the order of an object's members does not count. */
export function sameJson(a: string, b: string): boolean {
  if (a === b) return true;
  return a.length === b.length && sameValue(JSON.parse(a), JSON.parse(b));
}

function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameValue(Reflect.get(a, name), Reflect.get(b, name)))
  );
}

/** A value as an answer shows it: whole, or, marked and with its size, as the beginning of its JSON text. */
export type Shown = { value: unknown } | { value: string; truncated: true; bytes: number };

/**
 * @param json the JSON text, of which only the first `maxBytes` characters need to be there when it is longer
 * @param bytes the size of the whole text in UTF-8
 */
export function showValue(json: string, bytes: number, maxBytes: number): Shown {
  if (bytes <= maxBytes) return { value: JSON.parse(json) };
  return { value: cutUtf8(json, maxBytes), truncated: true, bytes };
}

/** The same for a part of a stored value. */
export function showPart(part: unknown, maxBytes: number): Shown {
  const json = JSON.stringify(part);
  const bytes = utf8Bytes(json);
  return bytes <= maxBytes ? { value: part } : showValue(json, bytes, maxBytes);
}

const encoder = new TextEncoder();

/** The longest beginning of `text` that takes at most `maxBytes` in UTF-8 and ends with a whole character. */
function cutUtf8(text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

/** At most 120 characters of a text, marked when cut. */
export function preview(text: string): string {
  const characters = [...text];
  return characters.length <= MAX_PREVIEW_CHARS
    ? text
    : `${characters.slice(0, MAX_PREVIEW_CHARS - 1).join('')}…`;
}
