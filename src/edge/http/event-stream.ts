/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

/** How often a comment is sent. It keeps proxies from closing the stream, and a failed write reveals a client that is gone. */
export const KEEP_ALIVE_MS = 3000;
/** Unread bytes of one client, and of all clients of the isolate, beyond which a slow client's stream is ended. */
const MAX_BEHIND_BYTES = 4 * 1024 * 1024;
const MAX_ALL_BEHIND_BYTES = 32 * 1024 * 1024;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

export interface SentEvent {
  /** `message` when left out. */
  readonly event?: string;
  readonly id?: string;
  /** One line. */
  readonly data: string;
}

const frameOf = ({ event = 'message', id, data }: SentEvent) =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

/** Bytes that the clients of this isolate have not read yet. */
let allBehind = 0;

/**
 * One open event stream. It ends when the client disconnects or reads too slowly, or when `end` is called.
 * Memory: at most 4 MiB are buffered for one client and 32 MiB for all clients of the isolate.
 */
export class EventStream {
  readonly response: Response;
  readonly #onEnd: () => void;
  readonly #encoder = new TextEncoder();
  readonly #keepAlive: ReturnType<typeof setInterval>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Bytes that the client has not read, as of the last write. */
  #behind = 0;

  /**
   * @param signal aborted when the client disconnects
   * @param onEnd called once, when the stream ends for any reason
   */
  constructor(signal: AbortSignal, onEnd: () => void, headers: Readonly<Record<string, string>> = {}) {
    this.#onEnd = onEnd;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_BEHIND_BYTES }),
    );
    this.response = new Response(body, { headers: { ...HEADERS, ...headers } });
    this.#keepAlive = setInterval(() => this.#keepAlivePing(), KEEP_ALIVE_MS);
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', () => this.end(), { once: true });
  }

  /** Sends events in one write, so that a client receives all of them or none. */
  send(...events: SentEvent[]): void {
    if (events.length > 0) this.#write(events.map(frameOf).join(''));
  }

  /** Says from where the client resumes; it is told of no event. */
  sendId(id: string): void {
    this.#write(`id: ${id}\n\n`);
  }

  end(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#controller = undefined;
    clearInterval(this.#keepAlive);
    this.#note(0);
    try {
      controller.close();
    } catch {
      // The client has cancelled it.
    }
    this.#onEnd();
  }

  /** A client with unread bytes needs no keep-alive: it shows by reading that it is connected. */
  #keepAlivePing(): void {
    this.#note(this.#measured());
    if (this.#behind === 0) this.#controller?.enqueue(this.#encoder.encode(': keep-alive\n\n'));
  }

  #write(text: string): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#note(this.#measured());
    const tooFar =
      this.#behind >= MAX_BEHIND_BYTES || (this.#behind > 0 && allBehind >= MAX_ALL_BEHIND_BYTES);
    if (tooFar) {
      this.end();
      return;
    }
    controller.enqueue(this.#encoder.encode(text));
    this.#note(this.#measured());
  }

  #measured(): number {
    return Math.max(0, MAX_BEHIND_BYTES - (this.#controller?.desiredSize ?? MAX_BEHIND_BYTES));
  }

  #note(behind: number): void {
    allBehind += behind - this.#behind;
    this.#behind = behind;
  }
}
