import type {
  JSONRPCMessage,
  Transport,
  TransportSendOptions,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { randomHex } from '../../telemetry/trace.ts';
import type { SessionId, SessionInfo } from '../../tenant/contract/call.ts';
import { type Exchange, sessionCancelKey } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { getOwn, idOf, parseMessage } from './message.ts';

/** Marks the id of a message of ours, so that it is no client's. */
const REPLAY_ID = 'bulkhead.replay';
/** Between the key of a conversation and the server's own id, in the id of a request to the client. */
const SEPARATOR = '.';

/**
 * What lets a server that lives for one request ask its client something and hear the answer, which the client sends
 * with another request, that any machine may serve: the tenant hands it on to the relay that this conversation opens.
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
    exchange: Exchange,
    body: unknown,
    expiresAt: number,
  ): Promise<Conversation> {
    const key = randomHex(8);
    const { sessionId } = exchange;
    const relay =
      sessionId === undefined ? undefined : await openReplies(exchange, sessionId, key, body, expiresAt);
    return new Conversation(transport, relay, key, idOf(body) ?? '');
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
    transport.send = (message, options) => this.#say(message, options);
    relay?.hear({
      changes: () => {},
      message: (message) => this.#hear(message),
      cancelled: () => this.#stop(),
      ended: () => this.#stop(),
    });
  }

  #stop(): void {
    this.#replayed?.();
    void this.#transport.close();
  }

  /** Tells the server what its client has said in the session before this request. */
  async introduce({ client, logLevel }: SessionInfo): Promise<void> {
    // Without a way to hear its answers the client is one that cannot be asked.
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

  /** Servers count their requests from 0: the key tells apart those of one session. */
  async #say(message: JSONRPCMessage, options: TransportSendOptions | undefined): Promise<void> {
    const id = idOf(message);
    if (id === REPLAY_ID && !('method' in message)) {
      this.#replayed?.();
      return;
    }
    const asks = 'method' in message && id !== undefined;
    const said = asks ? { ...message, id: `${this.#key}${SEPARATOR}${id}` } : message;
    // A server that lives for one request has no other stream than that request's to say anything on.
    await this.#send(said, { ...options, relatedRequestId: options?.relatedRequestId ?? this.#requestId });
  }

  #hear(received: unknown): void {
    const own = Number(String(idOf(received)).slice(this.#key.length + SEPARATOR.length));
    const message = parseMessage({ ...Object(received), id: own });
    if (message !== undefined) this.#transport.onmessage?.(message);
  }
}

async function openReplies(
  { door }: Exchange,
  session: SessionId,
  key: string,
  body: unknown,
  expiresAt: number,
): Promise<StreamRelay | undefined> {
  const cancelKey = sessionCancelKey(session, idOf(body) ?? '');
  const relay = await StreamRelay.open(door, session, { kind: 'replies', key, cancelKey }, expiresAt);
  return 'reason' in relay ? undefined : relay;
}

/** The conversation that an answer of the client's belongs to; undefined when it can belong to none. */
export function conversationOf(answer: unknown): string | undefined {
  const id = getOwn(answer, 'id');
  const at = typeof id === 'string' ? id.indexOf(SEPARATOR) : -1;
  return typeof id === 'string' && at > 0 ? id.slice(0, at) : undefined;
}
