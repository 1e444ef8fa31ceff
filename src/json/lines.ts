/** How much of an oversized line is kept at either end, to find the id of its request. */
const KEPT_BYTES = 256;
const NEWLINE = 0x0a;

export type LineId = string | number;

export interface LineHandler {
  /** @param line the bytes without the newline; may be empty */
  onLine(line: Buffer): void;
  /**
   * A line was longer than allowed and was dropped.
   * @param id the id of its JSON-RPC request, if it stands at the start or at the end of the line, where clients write
   * it
   */
  onOversizedLine(id: LineId | undefined): void;
}

/**
 * Splits a byte stream into lines, as the stdio transport frames its messages. At most `maxBytes` and one chunk are in
 * memory, however long a line is.
 */
export class LineSplitter {
  readonly #handler: LineHandler;
  readonly #maxBytes: number;
  /** The current line. Once it is too long, only its last bytes. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** The first bytes of the current line, set once it is too long. */
  #start: Buffer | undefined;

  constructor(handler: LineHandler, maxBytes: number) {
    this.#handler = handler;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#append(chunk.subarray(from, at));
      this.endLine();
      from = at + 1;
    }
    this.#append(chunk.subarray(from));
  }

  /** Ends the current line. Call it at the end of input if a last line without a newline counts. */
  endLine(): void {
    const line = Buffer.concat(this.#parts);
    const start = this.#start;
    this.discard();
    if (start === undefined) this.#handler.onLine(line);
    else this.#handler.onOversizedLine(idAtEitherEnd(start.toString('utf8'), line.toString('utf8').trim()));
  }

  /** Drops what has arrived of the current line. */
  discard(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#start = undefined;
  }

  #append(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    const line = Buffer.concat(this.#parts);
    // Copied, so that the large buffer can be collected.
    this.#start ??= Buffer.from(line.subarray(0, KEPT_BYTES));
    this.#parts = [Buffer.from(line.subarray(-KEPT_BYTES))];
    this.#bytes = this.#maxBytes;
  }
}

const ID = String.raw`"id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)`;
const FIRST = new RegExp(String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?${ID}\s*,`);
const LAST = new RegExp(String.raw`${ID}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}$`);

/**
 * `"method"` among the members before the first nested value: only requests have it, and a response's id is not the
 * client's.
 */
const REQUEST = /^\s*\{[^{}[\]]*"method"\s*:/;

function idAtEitherEnd(start: string, end: string): LineId | undefined {
  if (!REQUEST.test(start)) return undefined;
  const [, text] = FIRST.exec(start) ?? LAST.exec(end) ?? [];
  if (text === undefined) return undefined;
  try {
    const id: unknown = JSON.parse(text);
    return typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id)) ? id : undefined;
  } catch {
    return undefined;
  }
}
