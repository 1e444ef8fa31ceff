/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) on a stream that a client holds open. */

/** How often a comment is sent: it shows proxies that the stream is alive, and us that its client is. */
export const KEEP_ALIVE_MS = 3000;
/** How far one slow client, and all of an isolate's together, can be behind before its stream is ended. */
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

/** What the clients of this isolate have not taken yet. */
let allBehind = 0;

/** One open stream of events. It ends when the client is gone or too far behind, or when `end` is called. */
export class EventStream {
  readonly response: Response;
  readonly #onEnd: () => void;
  readonly #encoder = new TextEncoder();
  readonly #keepAlive: ReturnType<typeof setInterval>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** What its client has not taken yet, as of the last write. */
  #behind = 0;

  /**
   * @param signal aborted when the client is gone
   * @param onEnd called once, however the stream ends
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
    this.#keepAlive = setInterval(() => this.#showAlive(), KEEP_ALIVE_MS);
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', () => this.end(), { once: true });
  }

  /** Sends events in one write, so that they arrive together or not at all. */
  send(...events: SentEvent[]): void {
    this.#write(events.map(frameOf).join(''));
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

  /** A client that is behind shows by what it takes whether it is there. */
  #showAlive(): void {
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
