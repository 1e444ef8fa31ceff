import { RequestIdFinder } from './request-id.ts';
import type { RpcId } from './rpc-id.ts';

const NEWLINE = 0x0a;

export interface LineHandler {
  /** @param line the bytes without the newline; may be empty */
  onLine(line: Buffer): void;
  /**
   * A line is longer than allowed and is dropped. It is told as soon as the id is known, else at the end of the line.
   * @param id the id of its JSON-RPC request, wherever it stands
   */
  onOversizedLine(id: RpcId | undefined): void;
}

/**
 * Splits a byte stream into lines, as the stdio transport frames its messages. At most `maxBytes` and one chunk are in
 * memory, however long a line is.
 */
export class LineSplitter {
  readonly #handler: LineHandler;
  readonly #maxBytes: number;
  /** The current line, unless it is too long. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Set once the current line is too long, and asked until that was told. */
  #finder: RequestIdFinder | undefined;
  #isTold = false;

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
    const finder = this.#finder;
    const isTold = this.#isTold;
    this.discard();
    if (finder === undefined) this.#handler.onLine(line);
    else if (!isTold) this.#handler.onOversizedLine(finder.id);
  }

  /** Drops what has arrived of the current line. */
  discard(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#finder = undefined;
    this.#isTold = false;
  }

  #append(part: Buffer): void {
    this.#bytes += part.byteLength;
    if (this.#bytes <= this.#maxBytes) {
      this.#parts.push(part);
      return;
    }
    if (this.#isTold) return;
    this.#finder ??= new RequestIdFinder();
    for (const bytes of [...this.#parts, part]) this.#finder.push(bytes);
    this.#parts = [];
    if (this.#finder.id === undefined) return;
    this.#isTold = true;
    this.#handler.onOversizedLine(this.#finder.id);
  }
}
