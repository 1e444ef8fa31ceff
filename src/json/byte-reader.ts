/** How much one read takes at most. */
const SPACE_BYTES = 65_536;

/** What the readers of Workers have besides those of the standard. */
interface IntoView {
  readAtLeast(bytes: number, view: Uint8Array<ArrayBuffer>): Promise<Read>;
  cancel(): Promise<void>;
}
interface Read {
  readonly done: boolean;
  readonly value?: Uint8Array | undefined;
}

/**
 * Reads a stream of bytes in parts that are as large as they can be, so that a sender who cuts a body into single bytes
 * does not cost a buffer for each, nor, with `atLeast`, a turn of this thread.
 */
export class ByteReader {
  readonly #into: IntoView | undefined;
  readonly #plain: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #space = new Uint8Array(SPACE_BYTES);

  constructor(body: ReadableStream<Uint8Array>) {
    this.#into = readerInto(body);
    this.#plain = this.#into === undefined ? body.getReader() : undefined;
  }

  /**
   * @param atLeast how many bytes to wait for where the platform can do that; never more than 65,536 are
   * @returns the next bytes, one at least; undefined at the end
   */
  async next(atLeast = 1): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#read(atLeast);
      if (value !== undefined && value.byteLength > 0)
        return this.#into === undefined ? value : this.#kept(value);
      if (done) return undefined;
    }
  }

  async cancel(): Promise<void> {
    await (this.#into ?? this.#plain)?.cancel();
  }

  async #read(atLeast: number): Promise<Read> {
    if (this.#into !== undefined) return this.#into.readAtLeast(Math.min(atLeast, SPACE_BYTES), this.#space);
    return (await this.#plain?.read()) ?? { done: true };
  }

  /** The bytes in a buffer of their own, unless they fill most of the one that they were read into. */
  #kept(value: Uint8Array): Uint8Array {
    if (value.byteLength > SPACE_BYTES / 2 || !(value.buffer instanceof ArrayBuffer)) {
      this.#space = new Uint8Array(SPACE_BYTES);
      return value;
    }
    const bytes = value.slice();
    this.#space = new Uint8Array(value.buffer);
    return bytes;
  }
}

/** @returns undefined in Node, and for a stream that is none of bytes */
function readerInto(body: ReadableStream<Uint8Array>): IntoView | undefined {
  if (!('readAtLeast' in ReadableStreamBYOBReader.prototype)) return undefined;
  try {
    return body.getReader({ mode: 'byob' }) as ReadableStreamBYOBReader & IntoView;
  } catch {
    return undefined;
  }
}
