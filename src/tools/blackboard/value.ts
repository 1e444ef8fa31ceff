import { utf8Bytes } from '../../json/utf8.ts';
import { invalidInput, ToolError } from '../errors.ts';

/** The largest value of a cell: bytes of its JSON text in UTF-8. */
export const MAX_VALUE_BYTES = 1_048_576;
/** The default limit for one value in an answer: of a read, a claim and a conflict. */
export const DEFAULT_READ_BYTES = 8_192;
const MAX_PREVIEW_CHARS = 120;
/** Of a page with many entries. */
export const COMPACT_PREVIEW_CHARS = 20;
/** Characters to load for a preview: one more than it shows, so that `preview` can see whether the text continues. */
export const PREVIEW_SOURCE_CHARS = MAX_PREVIEW_CHARS + 1;

/** A value as it is stored. */
export interface EncodedValue {
  readonly json: string;
  /** Bytes of `json` in UTF-8. */
  readonly bytes: number;
}

/**
 * Converts a caller's value to the JSON text that is stored.
 * @param field the argument that the value came from, for errors
 * @throws ToolError `too_large` above 1 MiB, `invalid_input` if a number in it cannot be stored exactly
 */
export function encodeValue(value: unknown, field: string): EncodedValue {
  const json = JSON.stringify(value);
  const encoded = requireFit({ json, bytes: utf8Bytes(json) }, field);
  requireExact(value, json, field);
  return encoded;
}

/** @throws ToolError `too_large` above 1 MiB */
export function requireFit(encoded: EncodedValue, field: string): EncodedValue {
  if (encoded.bytes <= MAX_VALUE_BYTES) return encoded;
  throw new ToolError(
    'too_large',
    `${field} would make the cell ${encoded.bytes} bytes of JSON, but the limit is ${MAX_VALUE_BYTES}. Split it over several keys.`,
    { field, limit: MAX_VALUE_BYTES, max: MAX_VALUE_BYTES },
  );
}

/**
 * @param json the JSON text of `value`
 * @throws ToolError `invalid_input` if a number in it cannot be stored exactly
 */
export function requireExact(value: unknown, json: string, field: string): void {
  if (!(UNSAFE_INTEGER.test(json) || json.includes('null')) || !hasInexactNumber(value)) return;
  throw invalidInput(
    field,
    `${field} contains a number that cannot be stored exactly (beyond ±${Number.MAX_SAFE_INTEGER}). Send it as text.`,
    { expected: 'string', received: 'number', max: Number.MAX_SAFE_INTEGER },
  );
}

// In JSON text Infinity becomes null, and every unsafe integer starts with 16 digits. Most values have neither and need no walk.
const UNSAFE_INTEGER = /(?:^|[-[,:])\d{16}/;
/** From here on JavaScript writes numbers with an exponent, which shows only the digits that the number really has. */
const EXPONENT_FROM = 1e21;

function hasInexactNumber(root: unknown): boolean {
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const next = stack.pop();
    if (typeof next === 'number' && losesPrecision(next)) return true;
    if (typeof next === 'object' && next !== null) for (const child of Object.values(next)) stack.push(child);
  }
  return false;
}

function losesPrecision(value: number): boolean {
  return !Number.isFinite(value) || (!isSafeNumber(value) && Math.abs(value) < EXPONENT_FROM);
}

/** Whether a number is finite and in the range in which JavaScript represents every integer exactly. */
export function isSafeNumber(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** Whether two JSON texts have the same value. The order of object members does not count. */
export function sameJson(a: string, b: string): boolean {
  if (a === b) return true;
  return a.length === b.length && sameValue(JSON.parse(a), JSON.parse(b));
}

function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && sameItems(a, b);
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameValue(Reflect.get(a, name), Reflect.get(b, name)))
  );
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
}

/** The first `max` characters of a text; a longer text ends with `…`. */
export function preview(text: string, max = MAX_PREVIEW_CHARS): string {
  const characters = [...text];
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('')}…`;
}
