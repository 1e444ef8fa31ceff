const encoder = new TextEncoder();

/** The size of a text in UTF-8, in bytes. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).byteLength;
}
