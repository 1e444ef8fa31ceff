import { type JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { connectionFailure, httpFailure, type TransportFailure, toTransportFailure } from './failure.ts';
import type { BridgeTarget } from './options.ts';

export interface Timeouts {
  /** Until the response headers. Calls wait for at most 25 seconds on the server. */
  readonly responseMs: number;
  /** Between two parts of a response body. Bulkhead sends a keep-alive on its streams every few seconds. */
  readonly idleMs: number;
}
const DEFAULT_TIMEOUTS: Timeouts = { responseMs: 120_000, idleMs: 30_000 };
/** How long ending a session may delay the end of the process. */
const DELETE_TIMEOUT_MS = 1000;

/** A session of the 2025 revisions. `id` is undefined when the server has no sessions. */
export interface SessionHeaders {
  readonly id: string | undefined;
  readonly protocolVersion: string;
}

/** A message of the client, parsed and as the client wrote it. */
export interface ClientMessage {
  readonly message: JSONRPCMessage;
  readonly text: string;
}

export interface SendOptions {
  readonly session: SessionHeaders | undefined;
  /** Ends the exchange. */
  readonly signal: AbortSignal;
  readonly onMessage: (message: JSONRPCMessage) => void;
}

export interface StreamOptions extends SendOptions {
  /** Empty for a stream that starts now. */
  readonly lastEventId: string;
  readonly onEventId: (id: string) => void;
  readonly onOpen: () => void;
}

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * HTTP to the remote server, one exchange at a time.
 *
 * Each exchange has an SDK transport of its own, which sets the headers of both revisions, parses event streams, and does not
 * follow redirects to another origin. The `fetch` that it is given adds what the SDK lacks: timeouts, and
 * backpressure (a response is read no faster than the client reads stdout).
 * Guarantees: a message is sent at most once and with the client's own text, so numbers keep all their digits; when a method
 * returns or throws, its connection is closed.
 * Fails with a `TransportFailure`: no connection, an error status, silence beyond the timeouts, a response that
 * is not JSON-RPC. A POST whose connection broke may have been executed; nothing here repeats it.
 */
export class RemoteServer {
  readonly #target: BridgeTarget;
  readonly #whenDrained: () => Promise<void>;
  readonly #timeouts: Timeouts;

  /** @param whenDrained resolves when the client can be sent more */
  constructor(target: BridgeTarget, whenDrained: () => Promise<void>, timeouts = DEFAULT_TIMEOUTS) {
    this.#target = target;
    this.#whenDrained = whenDrained;
    this.#timeouts = timeouts;
  }

  toFailure(error: unknown): TransportFailure {
    return toTransportFailure(error, this.#target.url);
  }

  /**
   * Sends a message and passes on what the server sends back, until the exchange has ended.
   * @returns the id of the session that the server opened, if it opened one
   * @throws TransportFailure
   */
  post({ message, text }: ClientMessage, options: SendOptions): Promise<string | undefined> {
    let isStream = false;
    const fetchPost: Fetch = async (url, init) => {
      // After `notifications/initialized` the SDK opens the session's stream. `ServerStream` does that, without losing events.
      if (init?.method === 'GET') return new Response(null, { status: 405 });
      const response = await this.#fetch(url, { ...init, body: text });
      isStream = isEventStream(response);
      return response;
    };
    return this.#exchange(options, fetchPost, async (transport, { promise: ended, resolve: end }) => {
      await transport.send(message, { onRequestStreamEnd: end });
      if (isStream && 'id' in message && 'method' in message) await ended;
      return transport.sessionId;
    });
  }

  /**
   * Opens the stream on which the server sends what no request asked for, and passes on its messages.
   * @returns why the stream ended
   */
  async openStream(options: StreamOptions): Promise<TransportFailure> {
    const { lastEventId, onEventId, onOpen } = options;
    const fetchStream: Fetch = (url, init) => this.#fetch(url, init);
    try {
      return await this.#exchange(
        options,
        fetchStream,
        async (transport, { promise: ended, resolve: end }) => {
          // The end of the stream and an invalid event are both reported here.
          transport.onerror = () => end();
          await transport.resumeStream(lastEventId, { onresumptiontoken: onEventId });
          onOpen();
          await ended;
          return this.brokenStream();
        },
      );
    } catch (error) {
      return this.toFailure(error);
    }
  }

  /** Ends a session. A failure is ignored, because the server ends unused sessions itself. */
  async deleteSession(session: SessionHeaders | undefined): Promise<void> {
    if (session?.id === undefined) return;
    const options = { session, signal: AbortSignal.timeout(DELETE_TIMEOUT_MS), onMessage: () => {} };
    const fetchDelete: Fetch = (url, init) => this.#fetch(url, init);
    await this.#exchange(options, fetchDelete, (transport) => transport.terminateSession()).catch(() => {});
  }

  brokenStream(): TransportFailure {
    return connectionFailure(`The notification stream from ${this.#target.url.origin} broke.`, 'broken_off');
  }

  unanswered(): TransportFailure {
    return connectionFailure(
      `The connection to ${this.#target.url.origin} ended before the answer came. The call may have been executed, so check before you repeat it.`,
      'broken_off',
    );
  }

  async #exchange<T>(
    { session, signal, onMessage }: SendOptions,
    fetch: Fetch,
    run: (transport: StreamableHTTPClientTransport, ended: PromiseWithResolvers<void>) => Promise<T>,
  ): Promise<T> {
    const transport = new StreamableHTTPClientTransport(this.#target.url, {
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
    transport.onmessage = onMessage;
    const ended = Promise.withResolvers<void>();
    const stop = () => {
      ended.resolve();
      void transport.close();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      await transport.start();
      return await run(transport, ended);
    } catch (error) {
      throw this.toFailure(error);
    } finally {
      signal.removeEventListener('abort', stop);
      await transport.close();
    }
  }

  /** @throws TransportFailure for an error status; redirects are left to the SDK */
  async #fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const silence = new SilenceTimer(this.#target.url);
    init.signal?.addEventListener('abort', () => silence.stop(), { once: true });
    silence.restart(this.#timeouts.responseMs);
    try {
      const signals = [silence.signal, ...(init.signal ? [init.signal] : [])];
      const response = this.#guarded(
        await fetch(url, { ...init, signal: AbortSignal.any(signals) }),
        silence,
      );
      if (response.status < 400) return response;
      throw httpFailure(response, await response.text(), this.#target.url);
    } catch (error) {
      silence.stop();
      throw error;
    }
  }

  /** The same response, with the timeout and the backpressure on its body. */
  #guarded(response: Response, silence: SilenceTimer): Response {
    silence.stop();
    if (response.body === null) return response;
    silence.restart(this.#timeouts.idleMs);
    const guard = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (chunk, controller) => {
        silence.stop();
        await this.#whenDrained();
        controller.enqueue(chunk);
        silence.restart(this.#timeouts.idleMs);
      },
      flush: () => silence.stop(),
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(guard), { status, statusText, headers });
  }
}

const isEventStream = (response: Response) =>
  response.headers.get('content-type')?.includes('text/event-stream') ?? false;

/** Aborts an exchange when nothing has arrived for some time. */
class SilenceTimer {
  readonly #abort = new AbortController();
  readonly #url: URL;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: URL) {
    this.#url = url;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  restart(ms: number): void {
    this.stop();
    const sentence = `${this.#url.origin} has sent nothing for ${ms / 1000} s. Try again later.`;
    this.#timer = setTimeout(() => this.#abort.abort(connectionFailure(sentence, 'silent')), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
