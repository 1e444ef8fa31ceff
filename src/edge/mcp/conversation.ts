import type {
  JSONRPCMessage,
  Transport,
  TransportSendOptions,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { randomHex } from '../../telemetry/trace.ts';
import type { SessionInfo } from '../../tenant/contract/call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { sessionCancelKey } from './bind-server.ts';
import { getOwn, idOf, parseMessage } from './message.ts';

/** The id under which the stored requests of a session are replayed. No client uses it. */
const REPLAY_ID = 'bulkhead.replay';
/** Separates the key of a conversation from the server's own id, in the id of a request to the client. */
const SEPARATOR = '.';

/**
 * Lets the protocol server of one request ask its client something (sampling, elicitation, roots) and receive the
 * response, which the client sends with another request that any machine may receive.
 *
 * The conversation opens a stream to the tenant under a random key and puts that key in front of the ids of the server's
 * requests. The tenant passes a response whose id has the key to that stream.
 * Before the request is served, `replaySession` feeds the server the session's `initialize` parameters and log level, so
 * that it knows the capabilities of the client.
 * Ends with the request: `end` closes the stream. If the stream breaks for good or the client cancels, the transport is
 * closed. If no stream can be opened, the server behaves as for a client without capabilities.
 */
export class Conversation {
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  readonly #relay: StreamRelay | undefined;
  readonly #key: string;
  readonly #requestId: string | number;
  readonly #send: Transport['send'];
  #replayed: (() => void) | undefined;

  static async begin(
    transport: WebStandardStreamableHTTPServerTransport,
    { session, tenant }: RequestContext,
    message: unknown,
  ): Promise<Conversation> {
    const key = randomHex(8);
    const requestId = idOf(message) ?? '';
    if (session === undefined) return new Conversation(transport, undefined, key, requestId);
    const cancelKey = sessionCancelKey(session, requestId);
    const purpose = { kind: 'replies', key, cancelKey } as const;
    const relay = await StreamRelay.open(tenant, { session, purpose });
    return new Conversation(transport, relay.ok ? relay.value : undefined, key, requestId);
  }

  private constructor(
    transport: WebStandardStreamableHTTPServerTransport,
    relay: StreamRelay | undefined,
    key: string,
    requestId: string | number,
  ) {
    this.#transport = transport;
    this.#relay = relay;
    this.#key = key;
    this.#requestId = requestId;
    this.#send = transport.send.bind(transport);
    transport.send = (message, options) => this.#sendToClient(message, options);
    relay?.onEvents({
      changes: () => {},
      message: (message) => this.#receiveReply(message),
      cancelled: () => this.#stop(),
      ended: () => this.#stop(),
    });
  }

  #stop(): void {
    this.#replayed?.();
    void this.#transport.close();
  }

  /** Replays what the client has stated in its session before this request. */
  async replaySession({ client, logLevel }: SessionInfo): Promise<void> {
    // Without a stream no response could be received, so the server must not learn of the client's capabilities.
    if (this.#relay === undefined) return;
    await this.#replay('initialize', JSON.parse(client));
    if (logLevel !== undefined) await this.#replay('logging/setLevel', { level: logLevel });
  }

  async #replay(method: string, params: Record<string, unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#replayed = resolve;
    this.#transport.onmessage?.({ jsonrpc: '2.0', id: REPLAY_ID, method, params });
    await promise;
  }

  end(): void {
    this.#relay?.close();
  }

  async #sendToClient(message: JSONRPCMessage, options: TransportSendOptions | undefined): Promise<void> {
    const id = idOf(message);
    if (id === REPLAY_ID && !('method' in message)) {
      this.#replayed?.();
      return;
    }
    const isRequest = 'method' in message && id !== undefined;
    // Every server counts its requests from 0: the key distinguishes the servers of one session.
    const sent = isRequest ? { ...message, id: `${this.#key}${SEPARATOR}${id}` } : message;
    // A server that serves one request has no stream other than that request's.
    await this.#send(sent, { ...options, relatedRequestId: options?.relatedRequestId ?? this.#requestId });
  }

  #receiveReply(received: unknown): void {
    const own = Number(String(idOf(received)).slice(this.#key.length + SEPARATOR.length));
    const message = parseMessage({ ...Object(received), id: own });
    if (message !== undefined) this.#transport.onmessage?.(message);
  }
}

/** The key of the conversation that a client's response belongs to; undefined when its id has none. */
export function replyKeyOf(reply: unknown): string | undefined {
  const id = getOwn(reply, 'id');
  const at = typeof id === 'string' ? id.indexOf(SEPARATOR) : -1;
  return typeof id === 'string' && at > 0 ? id.slice(0, at) : undefined;
}
