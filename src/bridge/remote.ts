import { type JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { connectionFailure, type TransportFailure, toTransportFailure } from './failure.ts';
import { type Fetch, guardedFetch, isEventStream, type Timeouts } from './guarded-fetch.ts';
import type { TokenSource } from './tokens.ts';

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

/**
 * HTTP to the remote server, one exchange at a time.
 *
 * Each exchange has an SDK transport of its own, which sets the headers of both revisions, parses event streams, and
 * does not follow redirects to another origin.
 * Guarantees: a message is sent at most once, as the text that the client wrote, so numbers keep all their digits. When
 * a method returns or throws, its connection is closed.
 * Fails with a `TransportFailure`: no connection, an error status, silence beyond the timeouts, or a response that is
 * not JSON-RPC. A request whose connection broke may have been executed; nothing here repeats it.
 */
export class RemoteServer {
  readonly #url: URL;
  readonly #fetch: Fetch;

  /** @param whenDrained resolves when the client can be sent more */
  constructor(url: URL, tokens: TokenSource, whenDrained: () => Promise<void>, timeouts?: Timeouts) {
    this.#url = url;
    this.#fetch = guardedFetch(url, tokens, whenDrained, timeouts);
  }

  toFailure(error: unknown): TransportFailure {
    return toTransportFailure(error, this.#url);
  }

  /**
   * Sends a message and passes on what the server sends back, until the exchange has ended.
   * @returns the id of the session that the server opened, if it opened one
   * @throws TransportFailure
   */
  post({ message, text }: ClientMessage, options: SendOptions): Promise<string | undefined> {
    let isStream = false;
    const fetchPost: Fetch = async (url, init) => {
      // After `notifications/initialized` the SDK opens the session's stream. The bridge does that itself, without
      // losing events (server-stream.ts).
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
    try {
      return await this.#exchange(
        options,
        this.#fetch,
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
    await this.#exchange(options, this.#fetch, (transport) => transport.terminateSession()).catch(() => {});
  }

  brokenStream(): TransportFailure {
    return connectionFailure(`The notification stream from ${this.#url.origin} broke.`, 'broken_off');
  }

  unanswered(): TransportFailure {
    return connectionFailure(
      `The connection to ${this.#url.origin} ended before the answer came. The call may have been executed, so check before you repeat it.`,
      'broken_off',
    );
  }

  async #exchange<T>(
    { session, signal, onMessage }: SendOptions,
    fetch: Fetch,
    run: (transport: StreamableHTTPClientTransport, ended: PromiseWithResolvers<void>) => Promise<T>,
  ): Promise<T> {
    const transport = new StreamableHTTPClientTransport(this.#url, {
      fetch,
      reconnectionOptions: NO_RECONNECTION,
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
}

const NO_RECONNECTION = {
  maxRetries: 0,
  initialReconnectionDelay: 0,
  maxReconnectionDelay: 0,
  reconnectionDelayGrowFactor: 1,
};
