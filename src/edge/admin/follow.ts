import type { Entry } from '../../tenant/records/reading/entry.ts';
import { callWriter, lastEventOf } from '../http/call-events.ts';
import { EventStream } from '../http/event-stream.ts';
import { openOperatorWatch } from '../tenant-client/operator-watch.ts';
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

const NOT_WATCHED = 'The tenant cannot be watched now. Repeat the request.';

async function openSocket(c: Ctx): Promise<WebSocket> {
  const socket = await reached(c, openOperatorWatch(tenantOf(c).tenant), NOT_WATCHED);
  if (socket === undefined) throw new AdminRefusal(503, 'unavailable', NOT_WATCHED);
  return socket;
}
