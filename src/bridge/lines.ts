import type { RequestId } from '@modelcontextprotocol/client';

/** The largest message that a client can send, in bytes; a server refuses a body of 4 MiB unless it is told otherwise. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** How much of a longer one is looked at, at either end, for the id that the refusal must name. */
const ENDS_BYTES = 256;

const NEWLINE = 0x0a;

export interface LineSink {
  line(text: string): void;
  /** A line that was longer than can be carried. `id` is its request's, where that can be told. */
  tooLong(id: RequestId | undefined): void;
}

/** Splits a stream of bytes into lines of bounded length. What follows the last newline is no line. */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #head: Buffer | undefined;

  constructor(sink: LineSink, maxBytes = MAX_LINE_BYTES) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, at));
      this.#end();
      from = at + 1;
    }
    this.#add(chunk.subarray(from));
  }

  #add(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes <= this.#maxBytes) return;
    const kept = Buffer.concat(this.#parts);
    this.#head ??= Buffer.from(kept.subarray(0, ENDS_BYTES));
    const tail = Buffer.from(kept.subarray(-ENDS_BYTES));
    this.#parts = [tail];
    this.#bytes = this.#maxBytes;
  }

  #end(): void {
    const text = Buffer.concat(this.#parts).toString('utf8').trim();
    const head = this.#head?.toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    this.#head = undefined;
    if (head !== undefined) this.#sink.tooLong(idAtTheEnds(head, text));
    else if (text !== '') this.#sink.line(text);
  }
}

const ID = String.raw`"id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)`;
const FIRST = new RegExp(String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?${ID}\s*,`);
const LAST = new RegExp(String.raw`${ID}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}$`);

/** The id of a message of which only the ends are known: clients write it first or last. */
function idAtTheEnds(head: string, tail: string): RequestId | undefined {
  const [, id] = FIRST.exec(head) ?? LAST.exec(tail) ?? [];
  if (id === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(id);
    return typeof parsed === 'string' || Number.isSafeInteger(parsed) ? (parsed as RequestId) : undefined;
  } catch {
    return undefined;
  }
}
