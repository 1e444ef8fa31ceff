import { toJsonLine } from '../../json/json-line.ts';
import type { SessionId, TokenId } from '../../tenant/contract/call.ts';
import type { StreamEvent } from '../../tenant/streams/stream.ts';
import { encodeStreamRequest, NORMAL_CLOSURE } from '../../tenant/streams/stream-protocol.ts';
import { EventStream } from '../http/event-stream.ts';
import { AdminRefusal, type Ctx, reached, resultOf, tenantOf } from './refusals.ts';

/**
 * Calls as they end, as server-sent events: `id` is that of the record, and `Last-Event-ID` resumes after it.
 *
 * The tenant says on a WebSocket up to which record there are new ones, and is asked for those that match. The stream ends when
 * its client leaves or reads too slowly, or when the tenant ends it; a client opens it again with the last id that it has seen.
 */
export async function followCalls(c: Ctx, filter: Readonly<Record<string, string>>): Promise<Response> {
  const { tenant } = tenantOf(c);
  const ask = async (after?: number): Promise<Page> =>
    JSON.parse(
      await resultOf(c, tenant.ask('follow', { ...filter, ...(after === undefined ? {} : { after }) })),
    );
  const lastEvent = c.req.header('last-event-id');
  if (lastEvent !== undefined && !/^\d{1,15}$/.test(lastEvent))
    throw new AdminRefusal(
      400,
      'invalid_input',
      'Last-Event-ID must be the id of a record.',
      'Last-Event-ID',
    );
  // The arguments are checked before the stream begins, and the newest record is where it begins.
  const { up_to: newest } = await ask();
  let after = lastEvent === undefined ? newest : Number(lastEvent);
  const socket = await openSocket(c);
  const stream = new EventStream(c.req.raw.signal, () => socket.close(NORMAL_CLOSURE));
  let announced = after;
  let isBusy = false;
  const pump = async () => {
    if (isBusy) return;
    isBusy = true;
    try {
      while (after < announced) {
        const { calls, up_to } = await ask(after);
        stream.send(...calls.map((call) => ({ event: 'call', id: String(call.id), data: toJsonLine(call) })));
        if (up_to <= after) break;
        after = up_to;
      }
    } catch {
      // The cause is in the log; the client opens the stream again.
      stream.end();
    }
    isBusy = false;
  };
  socket.addEventListener('message', ({ data }) => {
    const event: StreamEvent = JSON.parse(String(data));
    if (event.kind !== 'calls') return;
    announced = Math.max(announced, event.last);
    void pump();
  });
  socket.addEventListener('close', () => stream.end());
  socket.addEventListener('error', () => stream.end());
  socket.accept();
  return stream.response;
}

interface Page {
  readonly calls: readonly { readonly id: number }[];
  readonly up_to: number;
}

async function openSocket(c: Ctx): Promise<WebSocket> {
  const { tenant } = tenantOf(c);
  const request = encodeStreamRequest({
    tokenId: 'operator' as TokenId,
    session: crypto.randomUUID() as SessionId,
    purpose: { kind: 'calls' },
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
