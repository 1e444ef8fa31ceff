import type { SessionId, TokenId } from '../../tenant/contract/call.ts';
import { encodeStreamRequest } from '../../tenant/streams/stream-protocol.ts';

/** A tenant's Durable Object, of which the connection is opened. */
type Reached = Pick<Fetcher, 'fetch'>;

/** Opens the connection on which a tenant tells the operator of new records. @returns undefined when it cannot be watched now */
export async function openOperatorWatch(tenant: Reached): Promise<WebSocket | undefined> {
  const request = encodeStreamRequest({
    tokenId: 'operator' as TokenId,
    session: crypto.randomUUID() as SessionId,
    purpose: { kind: 'calls', by: 'operator' },
  });
  if (request === undefined) throw new Error('the request for a stream is too large');
  const { webSocket } = await tenant.fetch(request);
  return webSocket ?? undefined;
}
