import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import { type CellName, canonicalUri, firstUris } from '../transport-tools/cell-uri.ts';
import { MAX_SUBSCRIPTIONS } from '../transport-tools/session-room.ts';

/** `subscriptions/listen` requests that one client can have open. */
export const MAX_LISTEN_REQUESTS = 64;

const listenParams = z.object({
  notifications: z.object({ resourceSubscriptions: z.array(z.string()).optional() }),
});
const cancelledParams = z.object({ requestId: z.union([z.string(), z.number()]) });

/**
 * What a 2026 client listens to. The SDK compares URIs as texts, and a cell has several (`/` may be percent-encoded). Each
 * subscription is notified of a cell under one URI: the first of its URIs that names the cell.
 */
export class ListenSubscriptions {
  readonly #open = new Map<RequestId, readonly { uri: string; canonical: string }[]>();

  /**
   * Registers the message if it opens or cancels a subscription.
   * @returns why the message must be refused, in one or two sentences; undefined if it can be served
   */
  register(message: JSONRPCMessage): string | undefined {
    if (isJSONRPCNotification(message) && message.method === 'notifications/cancelled') {
      const cancelled = cancelledParams.safeParse(message.params);
      if (cancelled.success) this.#open.delete(cancelled.data.requestId);
    }
    if (!isJSONRPCRequest(message) || message.method !== 'subscriptions/listen') return undefined;
    const parsed = listenParams.safeParse(message.params);
    const uris = parsed.data?.notifications.resourceSubscriptions ?? [];
    if (uris.length > MAX_SUBSCRIPTIONS)
      return `resourceSubscriptions can name at most ${MAX_SUBSCRIPTIONS} resources. Open another subscription for the rest.`;
    if (this.#open.size >= MAX_LISTEN_REQUESTS)
      return `A client can have at most ${MAX_LISTEN_REQUESTS} subscriptions open. Cancel one first.`;
    const cells = firstUris(uris).map((cell) => ({ uri: cell.uri, canonical: canonicalUri(cell) }));
    this.#open.set(message.id, cells);
    return undefined;
  }

  /** Removes a subscription. The server answers it when it ends. */
  remove(id: RequestId): void {
    this.#open.delete(id);
  }

  /** The URIs under which the subscriptions are notified of a cell. */
  urisOf(cell: CellName): string[] {
    const changed = canonicalUri(cell);
    return this.#all()
      .filter(({ canonical }) => canonical === changed)
      .map(({ uri }) => uri);
  }

  allUris(): string[] {
    return this.#all().map(({ uri }) => uri);
  }

  /** Each spelling once, however many subscriptions name it. */
  #all() {
    return [...new Map([...this.#open.values()].flat().map((cell) => [cell.uri, cell])).values()];
  }
}
