import type { SessionId, TokenId } from '../../tenant/contract/call.ts';
import type { Entry } from '../../tenant/records/reading/entry.ts';
import { encodeStreamRequest } from '../../tenant/streams/stream-protocol.ts';
import { callWriter, lastEventOf } from '../http/call-events.ts';
import { EventStream } from '../http/event-stream.ts';
import { type FollowedPage, followRecords } from '../tenant-client/record-follower.ts';
import { AdminRefusal, type Ctx, reached, resultOf, tenantOf } from './refusals.ts';

/**
 * Calls as they end, as server-sent events, for the operator. The stream ends when its client leaves or reads too slowly, or
 * when the tenant ends it; a client opens it again with the last id that it has seen.
 */
export async function followCalls(c: Ctx, filter: Readonly<Record<string, string>>): Promise<Response> {
  const { tenant } = tenantOf(c);
  const ask = async (after?: number): Promise<FollowedPage<Entry>> =>
    JSON.parse(
      await resultOf(c, tenant.ask('follow', { ...filter, ...(after === undefined ? {} : { after }) })),
    );
  const lastEvent = lastEventOf(c.req.header('last-event-id'));
  if (lastEvent === 'invalid')
    throw new AdminRefusal(
      400,
      'invalid_input',
      'Last-Event-ID must be the id of a record.',
      'Last-Event-ID',
    );
  // The arguments are checked before the stream begins, and the newest record is where it begins.
  const { up_to: newest } = await ask();
  const after = lastEvent ?? newest;
  const socket = await openSocket(c);
  let close = () => {};
  const stream = new EventStream(c.req.raw.signal, () => close());
  close = followRecords({
    socket,
    after,
    expiresAt: Number.POSITIVE_INFINITY,
    read: ask,
    page: callWriter(stream, after),
    ended: () => stream.end(),
  });
  return stream.response;
}

async function openSocket(c: Ctx): Promise<WebSocket> {
  const { tenant } = tenantOf(c);
  const request = encodeStreamRequest({
    tokenId: 'operator' as TokenId,
    session: crypto.randomUUID() as SessionId,
    purpose: { kind: 'calls', by: 'operator' },
  });
  if (request === undefined) throw new Error('the request for a stream is too large');
  const opened = await reached(
    c,
    tenant.fetch(request),
    'The tenant cannot be watched now. Repeat the request.',
  );
  if (opened.webSocket === null)
    throw new AdminRefusal(503, 'unavailable', 'The tenant cannot be watched now. Repeat the request.');
  return opened.webSocket;
}
