const encoder = new TextEncoder();
/** Of a text that is no longer, its units are counted in less time than an array of its bytes is made. */
const COUNTED_UNITS = 512;

/** The size of a text in UTF-8, in bytes. A surrogate without its pair counts as U+FFFD, by which it is encoded. */
export function utf8Bytes(text: string): number {
  if (text.length > COUNTED_UNITS) return encoder.encode(text).byteLength;
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // The two units of a pair are four bytes.
    if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(at + 1))) at++;
  }
  return bytes;
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit < 0xdc00;
const isLowSurrogate = (unit: number) => unit >= 0xdc00 && unit < 0xe000;
