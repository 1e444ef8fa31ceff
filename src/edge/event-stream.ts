/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) on a stream that a client holds open. */

/** How often a comment is sent: it shows proxies that the stream is alive, and us that its client is. */
export const KEEP_ALIVE_MS = 3000;
/** How far a slow client can be behind before its stream is ended; it connects again, and is told what it missed. */
const MAX_BEHIND_BYTES = 16 * 1024 * 1024;

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

/** One open stream of events. It ends when the client is gone or too far behind, or when `end` is called. */
export class EventStream {
  readonly response: Response;
  readonly #onEnd: () => void;
  readonly #encoder = new TextEncoder();
  readonly #keepAlive: ReturnType<typeof setInterval>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

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
    this.#keepAlive = setInterval(() => this.#write(': keep-alive\n\n'), KEEP_ALIVE_MS);
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
    try {
      controller.close();
    } catch {
      // The client has cancelled it.
    }
    this.#onEnd();
  }

  #write(text: string): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) <= 0) this.end();
    else controller.enqueue(this.#encoder.encode(text));
  }
}
