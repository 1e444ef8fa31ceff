import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import { toJsonLine } from '../../json/json-line.ts';
import { withInexactMarked } from '../../json/marked-numbers.ts';
import { withObjectArguments } from '../../mcp/call-arguments.ts';
import type { ResourceChange } from '../../tenant/streams/stream.ts';
import { EventStream, type SentEvent } from '../http/event-stream.ts';
import type { StreamRelay } from '../tenant-client/stream-relay.ts';
import { parseMessage } from './message.ts';

/** The connection of one HTTP+SSE client: writes to its event stream, and receives what it POSTs from the tenant. */
export class SseTransport implements Transport {
  readonly #stream: EventStream;
  readonly #relay: StreamRelay;
  #closed = false;
  protocolVersion: string | undefined;
  onclose?: () => void;
  readonly #sendsChanges: boolean;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  /** @param sendsChanges whether the client may see the resources whose changes the tenant reports */
  constructor(signal: AbortSignal, relay: StreamRelay, sendsChanges: boolean) {
    this.#relay = relay;
    this.#sendsChanges = sendsChanges;
    this.#stream = new EventStream(signal, () => void this.close());
  }

  get response(): Response {
    return this.#stream.response;
  }

  /** Sends the URL that the client POSTs to. Events of the tenant are passed on only after it. */
  announce(endpoint: string): void {
    this.#stream.send({ event: 'endpoint', data: endpoint });
    this.#relay.onEvents({
      changes: (changes) => {
        if (this.#sendsChanges) this.#stream.send(...changes.flatMap(messagesOf).map(eventOf));
      },
      message: (received) => {
        const message = parseMessage(asPosted(received));
        if (message !== undefined) this.onmessage?.(message);
      },
      cancelled: () => {},
      ended: () => void this.close(),
    });
  }

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    this.#stream.send(eventOf(message));
  }

  setProtocolVersion(version: string): void {
    this.protocolVersion = version;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#relay.close();
    this.#stream.end();
    this.onclose?.();
  }
}

/** A message with numbers that JavaScript would change arrives as its text. */
const asPosted = (received: unknown) =>
  typeof received === 'string' ? withObjectArguments(withInexactMarked(received)) : received;

const eventOf = (message: JSONRPCMessage): SentEvent => ({ data: toJsonLine(message) });

function messagesOf({ uris, list }: ResourceChange): JSONRPCMessage[] {
  const updated = uris.map(
    (uri): JSONRPCMessage => ({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri },
    }),
  );
  if (!list) return updated;
  return [...updated, { jsonrpc: '2.0', method: 'notifications/resources/list_changed' }];
}
