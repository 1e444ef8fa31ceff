import { RawJson } from '../json/raw-json.ts';

/** A value as answers show it: whole, or the start of its JSON text with `truncated` and the full size. */
export type ShownValue = { value: unknown } | { value: string; truncated: true; bytes: number };

/**
 * @param json the JSON text; if it is longer than `maxBytes`, its first `maxBytes` characters are enough
 * @param bytes the size of the full text in UTF-8
 */
export function showValue(json: string, bytes: number, maxBytes: number): ShownValue {
  if (bytes <= maxBytes) return { value: new RawJson(json) };
  return { value: cutUtf8(json, maxBytes), truncated: true, bytes };
}

const encoder = new TextEncoder();

/** The longest start of `text` that fits into `maxBytes` of UTF-8 and does not split a character. */
function cutUtf8(text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}
