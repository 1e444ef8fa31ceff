import { type JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { brokenOff, type Failure, failureOf, refusalOf } from './failure.ts';
import type { Target } from './target.ts';

/** How long silence is borne. */
export interface Timeouts {
  /** Until an answer begins; calls wait for at most 25 seconds by themselves. */
  readonly answerMs: number;
  /** Until more of it comes; the server shows every few seconds that a stream is alive. */
  readonly idleMs: number;
}
const PATIENCE: Timeouts = { answerMs: 120_000, idleMs: 30_000 };
/** The largest answer, or event of a stream. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;

/** A session of the 2025 revisions, as a server gave it. `id` is undefined when the server keeps none. */
export interface Session {
  readonly id: string | undefined;
  readonly protocolVersion: string;
}

/** A message, and its text as the client wrote it. */
export interface ClientMessage {
  readonly message: JSONRPCMessage;
  readonly text: string;
}

export interface SendOptions {
  readonly session: Session | undefined;
  readonly signal: AbortSignal;
  readonly onmessage: (message: JSONRPCMessage) => void;
}

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * The remote server. Each exchange has a transport of the SDK's for itself, which knows the headers of either era, event
 * streams and redirects; what it lacks is added around its `fetch`: timeouts, bounds, and back-pressure from the client.
 */
export class Remote {
  readonly #target: Target;
  readonly #drained: () => Promise<void>;
  readonly #timeouts: Timeouts;

  constructor(target: Target, drained: () => Promise<void>, timeouts = PATIENCE) {
    this.#target = target;
    this.#drained = drained;
    this.#timeouts = timeouts;
  }

  failure(error: unknown): Failure {
    return failureOf(error, this.#target.url);
  }

  /**
   * Sends a message, and passes on what comes back until the exchange has ended.
   * @returns the id of the session that the server opened, if it did
   * @throws Failure when it was refused or not carried
   */
  async post(
    { message, text }: ClientMessage,
    { session, signal, onmessage }: SendOptions,
  ): Promise<string | undefined> {
    let streams = false;
    const transport = this.#transport(session, async (url, init) => {
      // Streams that need no request are kept by `follow`, which misses nothing when one breaks.
      if (init?.method === 'GET') return new Response(null, { status: 405 });
      // The text as it came: parsing has changed the numbers that JavaScript cannot hold, which is for the server to judge.
      const response = await this.#fetch(url, { ...init, body: text });
      streams = response.headers.get('content-type')?.includes('text/event-stream') ?? false;
      return response;
    });
    transport.onmessage = onmessage;
    const ended = Promise.withResolvers<void>();
    const leave = () => ended.resolve();
    signal.addEventListener('abort', leave, { once: true });
    try {
      await transport.start();
      await transport.send(message, { requestSignal: signal, onRequestStreamEnd: ended.resolve });
      if (streams && 'id' in message && 'method' in message) await ended.promise;
      return transport.sessionId;
    } catch (error) {
      throw this.failure(error);
    } finally {
      signal.removeEventListener('abort', leave);
      await transport.close();
    }
  }

  /**
   * Holds open the stream of a session, on which the server speaks unasked, until it ends.
   * @returns why it ended
   */
  async follow(
    { session, signal, onmessage }: SendOptions,
    { lastEventId, onEventId, onopen }: { lastEventId: string; onEventId(id: string): void; onopen(): void },
  ): Promise<Failure> {
    const transport = this.#transport(session, (url, init) => this.#fetch(url, init));
    const ended = Promise.withResolvers<void>();
    const leave = () => ended.resolve();
    signal.addEventListener('abort', leave, { once: true });
    transport.onmessage = onmessage;
    // Whatever ends the stream, or spoils an event of it, is told here.
    transport.onerror = () => ended.resolve();
    try {
      await transport.start();
      await transport.resumeStream(lastEventId, { onresumptiontoken: onEventId });
      onopen();
      await ended.promise;
      return this.brokenStream();
    } catch (error) {
      return this.failure(error);
    } finally {
      signal.removeEventListener('abort', leave);
      await transport.close();
    }
  }

  brokenStream(): Failure {
    return brokenOff(`The stream of changes from ${this.#target.url.origin} broke.`, 'broken_off');
  }

  unanswered(): Failure {
    const what = `The connection to ${this.#target.url.origin} ended before the answer came`;
    return brokenOff(
      `${what}; what was asked may have been done, so look before repeating it.`,
      'broken_off',
    );
  }

  /** Ends a session; that it could not be is of no consequence, for the server ends it in time. */
  async terminate(session: Session, signal: AbortSignal): Promise<void> {
    const transport = this.#transport(session, (url, init) => this.#fetch(url, { ...init, signal }));
    await transport.terminateSession().catch(() => undefined);
  }

  #transport(session: Session | undefined, fetch: Fetch): StreamableHTTPClientTransport {
    return new StreamableHTTPClientTransport(this.#target.url, {
      fetch,
      requestInit: { headers: { authorization: `Bearer ${this.#target.token}` } },
      reconnectionOptions: {
        maxRetries: 0,
        initialReconnectionDelay: 0,
        maxReconnectionDelay: 0,
        reconnectionDelayGrowFactor: 1,
      },
      ...(session === undefined ? {} : { protocolVersion: session.protocolVersion }),
      ...(session?.id === undefined ? {} : { sessionId: session.id }),
    });
  }

  /** @throws Failure when the answer is no success; a redirect is the SDK's to judge */
  async #fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const watchdog = new Watchdog(this.#target.url);
    const signals = [watchdog.signal, ...(init.signal ? [init.signal] : [])];
    watchdog.expect(this.#timeouts.answerMs);
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.any(signals) });
      watchdog.expect(this.#timeouts.idleMs);
      if (response.status >= 300 && response.status < 400) {
        watchdog.rest();
        return response;
      }
      if (!response.ok) throw refusalOf(response, await boundedText(response), this.#target.url);
      return this.#bounded(response, watchdog, init.signal ?? undefined);
    } catch (error) {
      watchdog.rest();
      throw error;
    }
  }

  #bounded(response: Response, watchdog: Watchdog, signal: AbortSignal | undefined): Response {
    signal?.addEventListener('abort', () => watchdog.rest(), { once: true });
    if (response.body === null) {
      watchdog.rest();
      return response;
    }
    const isStream = response.headers.get('content-type')?.includes('text/event-stream') ?? false;
    let bytes = 0;
    const bounded = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (chunk, controller) => {
        watchdog.rest();
        bytes += chunk.byteLength;
        if (bytes > MAX_MESSAGE_BYTES) throw tooLarge(this.#target.url);
        // An event ends with a line; one that has ended has been passed on.
        if (isStream && chunk.at(-1) === NEWLINE) bytes = 0;
        await this.#drained();
        controller.enqueue(chunk);
        watchdog.expect(this.#timeouts.idleMs);
      },
      flush: () => watchdog.rest(),
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(bounded), { status, statusText, headers });
  }
}

const NEWLINE = 0x0a;

const tooLarge = (url: URL) =>
  brokenOff(`An answer of ${url.origin} is larger than ${MAX_MESSAGE_BYTES} bytes.`, 'too_large');

/** Ends an exchange that has been silent for too long. */
class Watchdog {
  readonly #abort = new AbortController();
  readonly #url: URL;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: URL) {
    this.#url = url;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  expect(withinMs: number): void {
    this.rest();
    const silent = brokenOff(
      `${this.#url.origin} has been silent for ${withinMs / 1000} s; try again.`,
      'silent',
    );
    this.#timer = setTimeout(() => this.#abort.abort(silent), withinMs);
  }

  rest(): void {
    clearTimeout(this.#timer);
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_REFUSAL_BYTES) break;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}
