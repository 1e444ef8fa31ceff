import type { Entry } from '../../tenant/records/reading/entry.ts';
import { recordsFollow } from '../../tenant/records/reading/follow.ts';
import { callWriter, lastEventOf, wantsCallEvents } from '../http/call-events.ts';
import { EventStream } from '../http/event-stream.ts';
import { toolErrorProblem } from '../http/http-errors.ts';
import { failedCall } from '../tenant-client/internal-call.ts';
import { isOfStream, openFollow } from '../tenant-client/open-follow.ts';
import { followRecords } from '../tenant-client/record-follower.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';

/** Whether a request asks for a stream of calls. */
export const wantsStream = ({ headers, method }: Request, query: Readonly<Record<string, string>>) =>
  method === 'GET' && wantsCallEvents(headers.get('accept'), query.follow);

/**
 * The calls of a tenant as they end, for one of its tokens. The stream ends with the token, with an event that says why; one that
 * ends without such an event broke, and is opened again with the last id.
 */
export async function followCalls(
  context: RequestContext,
  { follow: _, ...filter }: Readonly<Record<string, string>>,
): Promise<Response> {
  const lastEvent = lastEventOf(context.request.headers.get('last-event-id') ?? undefined);
  if (lastEvent === 'invalid')
    return context.refuse({
      status: 400,
      code: 'invalid_input',
      message: 'Last-Event-ID must be the id of a record.',
      field: 'Last-Event-ID',
    });
  const opened = await openFollow<Entry>(context, recordsFollow, filter);
  if (!opened.ok) {
    if (opened.error.kind === 'error') return toolErrorProblem(opened.error.error);
    // The stream itself: what the tenant has logged is the call that reads the first page.
    if (isOfStream(opened.error)) return context.deny(opened.error.refusal);
    return context.respondRefused(failedCall(context, opened.error));
  }
  const after = lastEvent ?? opened.value.newest;
  let close = () => {};
  const stream = new EventStream(context.request.signal, () => close());
  close = followRecords({
    ...opened.value,
    after,
    page: callWriter(stream, after),
    ended: (why) => {
      if (why !== undefined) stream.send({ event: 'end', data: JSON.stringify({ reason: why }) });
      stream.end();
    },
  });
  return stream.response;
}
