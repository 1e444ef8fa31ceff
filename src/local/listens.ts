import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import { type CellName, cellUri, parseCellUri } from '../mcp/cell-uri.ts';
import { MAX_SUBSCRIPTIONS } from '../transport-tools/session-store.ts';

/** Subscriptions that one connection can have open. */
export const MAX_LISTENS = 64;

const listenParams = z.object({
  notifications: z.object({ resourceSubscriptions: z.array(z.string()).optional() }),
});
const cancelParams = z.object({ requestId: z.union([z.string(), z.number()]) });

/**
 * What a 2026 client listens to. The SDK compares URIs as texts, and a cell has several (`/` may be percent-encoded), so
 * that a change must be told under the spellings that the client used.
 */
export class Listens {
  readonly #open = new Map<RequestId, readonly { uri: string; canonical: string }[]>();

  /** Takes note of a message. @returns why it is not to be served */
  received(message: JSONRPCMessage): string | undefined {
    if (isJSONRPCNotification(message) && message.method === 'notifications/cancelled') {
      const cancelled = cancelParams.safeParse(message.params);
      if (cancelled.success) this.#open.delete(cancelled.data.requestId);
    }
    if (!isJSONRPCRequest(message) || message.method !== 'subscriptions/listen') return undefined;
    const parsed = listenParams.safeParse(message.params);
    const uris = parsed.data?.notifications.resourceSubscriptions ?? [];
    if (uris.length > MAX_SUBSCRIPTIONS)
      return `One subscription can name ${MAX_SUBSCRIPTIONS} resources; open another one for the rest.`;
    if (this.#open.size >= MAX_LISTENS)
      return `One client can have ${MAX_LISTENS} subscriptions open; cancel one first.`;
    const cells = uris.flatMap((uri) => {
      const cell = parseCellUri(uri);
      return cell === undefined ? [] : [{ uri, canonical: canonicalUri(cell) }];
    });
    this.#open.set(message.id, cells);
    return undefined;
  }

  /** A subscription that is answered has ended. */
  answered(id: RequestId): void {
    this.#open.delete(id);
  }

  /** The URIs under which a cell is listened to. */
  spellings(cell: CellName): string[] {
    const changed = canonicalUri(cell);
    return this.#all()
      .filter(({ canonical }) => canonical === changed)
      .map(({ uri }) => uri);
  }

  /** Every URI that is listened to. */
  uris(): string[] {
    return this.#all().map(({ uri }) => uri);
  }

  #all() {
    return [...new Map([...this.#open.values()].flat().map((cell) => [cell.uri, cell])).values()];
  }
}

/** Keys are kept in Unicode's composed form. */
const canonicalUri = ({ run_id, key }: CellName) => cellUri({ run_id, key: key.normalize('NFC') });
