import { withInexactMarked } from './marked-numbers.ts';
import { type RpcId, readableId } from './rpc-id.ts';

/** How much of an oversized line is kept at either end, to find the id of its request. */
const KEPT_BYTES = 256;
const NEWLINE = 0x0a;

export interface LineHandler {
  /** @param line the bytes without the newline; may be empty */
  onLine(line: Buffer): void;
  /**
   * A line is longer than allowed and is dropped. It is told as soon as the id is known, else at the end of the line.
   * @param id the id of its JSON-RPC request, if it stands at the start or at the end of the line, where clients write
   * it
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
  /** The current line. Once it is too long, only its last bytes. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** The first bytes of the current line, set once it is too long. */
  #start: string | undefined;
  /** The line is too long, and that was told. */
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
    const start = this.#start;
    const isTold = this.#isTold;
    this.discard();
    if (start === undefined) this.#handler.onLine(line);
    else if (!isTold) this.#handler.onOversizedLine(idAtEnd(start, line.toString('utf8').trim()));
  }

  /** Drops what has arrived of the current line. */
  discard(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#start = undefined;
    this.#isTold = false;
  }

  #append(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.byteLength;
    if (this.#bytes <= this.#maxBytes) return;
    const line = Buffer.concat(this.#parts);
    if (this.#start === undefined) this.#onTooLong(line.toString('utf8', 0, KEPT_BYTES));
    // Copied, so that the large buffer can be collected.
    this.#parts = [Buffer.from(line.subarray(-KEPT_BYTES))];
    this.#bytes = this.#maxBytes;
  }

  #onTooLong(start: string): void {
    this.#start = start;
    const id = idAtStart(start);
    if (id === undefined) return;
    this.#isTold = true;
    this.#handler.onOversizedLine(id);
  }
}

const SCALAR = String.raw`"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null`;
const MEMBER = String.raw`\s*"(?:[^"\\]|\\.)*"\s*:\s*(?:${SCALAR})\s*`;
/** The members of an object before its first nested value. */
const FIRST = new RegExp(String.raw`^\s*\{((?:${MEMBER},)*)`);
const LAST = /"id"\s*:\s*("(?:[^"\\]|\\.)*"|\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}$/;

/**
 * `"method"` among the members before the first nested value: only requests have it, and a response's id is not the
 * client's.
 */
const REQUEST = /^\s*\{[^{}[\]]*"method"\s*:/;

/** The id of a request whose text begins like this, if it stands before the first nested value. */
export function idAtStart(start: string): RpcId | undefined {
  if (!REQUEST.test(start)) return undefined;
  const [, members = ''] = FIRST.exec(start) ?? [];
  const text = members.trimEnd().replace(/,$/, '');
  return idOf(`{${text}}`);
}

function idAtEnd(start: string, end: string): RpcId | undefined {
  const [, text] = REQUEST.test(start) ? (LAST.exec(end) ?? []) : [];
  return text === undefined ? undefined : idOf(`{"id":${text}}`);
}

function idOf(object: string): RpcId | undefined {
  try {
    const members = withInexactMarked(object) ?? JSON.parse(object);
    return readableId(Reflect.get(Object(members), 'id'));
  } catch {
    return undefined;
  }
}
