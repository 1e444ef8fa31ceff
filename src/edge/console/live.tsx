import type { Context } from 'hono';
import type { SessionId, StreamFailure } from '../../tenant/contract/call.ts';
import type { Entry } from '../../tenant/records/reading/entry.ts';
import type { ResourceChange } from '../../tenant/streams/stream.ts';
import { streamOpen } from '../../transport-tools/session-open.ts';
import { lastEventOf } from '../http/call-events.ts';
import { EventStream, type SentEvent } from '../http/event-stream.ts';
import type { AppEnv } from '../http/isolate.ts';
import { markLogged } from '../http/refusal-log.ts';
import { internalCall } from '../tenant-client/internal-call.ts';
import { isOfStream } from '../tenant-client/open-follow.ts';
import { followRecords } from '../tenant-client/record-follower.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { MAX_ROWS } from './live-script.ts';
import { nothingHere, notShownPage } from './not-shown.tsx';
import { CallRows, filtersOf, LastHour, type Summary } from './pages/calls.tsx';
import { withCodes } from './shown-text.ts';
import type { Visit } from './visit.ts';

/**
 * What changes pages while somebody looks at them: a stream of server-sent events at the path of the page itself.
 *
 * - `rows` has rows of the page, the newest first, as a JSON string of HTML;
 * - `tiles` has the numbers above them, likewise;
 * - `changed` says that the page would now be another: the browser asks for it again, as the person does by a reload;
 * - `end` says that the page must be loaded anew: the session is over, or too much has happened since.
 *
 * Every event has the id from which the stream resumes. The script opens one that ends without `end` again, and loads the page anew if
 * that is refused because nobody is signed in any more.
 */

/** Records of which a page that comes back is told one by one; beyond that it is loaded again, for it shows no more rows. */
const MAX_BEHIND = MAX_ROWS;

/** Whether the script of a page asks for its stream. */
export const wantsStream = (c: Context<AppEnv>) => c.req.header('accept') === 'text/event-stream';

/** The time from a call to the numbers that count it, in milliseconds: they take reading the records of an hour. */
const TILES_MS = 5000;

const END = { event: 'end', data: '""' } as const;

/** The calls that match the filters of the page, as rows. */
export function callsStream(visit: Visit) {
  const { home } = visit.viewer;
  const count = tilesOf(visit);
  return followPage(visit, filtersOf(visit.c), (calls, stream) => {
    count(stream);
    return htmlEvent('rows', <CallRows calls={calls.toReversed()} home={home} now={Date.now()} />);
  });
}

const htmlEvent = (event: string, html: unknown) => ({
  event,
  data: JSON.stringify(withCodes(String(html))),
});

/** Sends the numbers of the last hour some time after there were calls. */
function tilesOf({ live, viewer: { home } }: Visit) {
  let isWaiting = false;
  const send = async (stream: EventStream) => {
    isWaiting = false;
    const answer = await live?.summary();
    if (answer === undefined) return;
    const summary: Summary = JSON.parse(answer);
    stream.send(htmlEvent('tiles', <LastHour summary={summary} home={`${home}/calls`} />));
  };
  return (stream: EventStream) => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => void send(stream), TILES_MS);
  };
}

const changed = () => ({ event: 'changed', data: '""' });

export function runsStream(visit: Visit) {
  const { client, token } = visit.c.req.query();
  return followPage(visit, { ...(client && { client }), ...(token && { token }) }, changed, changed());
}

export const runStream = (visit: Visit) =>
  followPage(visit, { run: visit.c.req.param('run') ?? '' }, changed, changed());

/** @param first what a page is told at once that does not say what it knows */
async function followPage(
  { c, live }: Visit,
  filter: Readonly<Record<string, string>>,
  eventOf: (calls: readonly Entry[], stream: EventStream) => SentEvent,
  first?: SentEvent,
): Promise<Response> {
  if (live === undefined) return nothingHere(c);
  const opened = await live.follow(filter);
  if (!opened.ok) return notOpened(c, opened.error);
  const { newest, expiresAt } = opened.value;
  const known = afterOf(c);
  const after = known ?? newest;
  const isFarBehind = newest - after > MAX_BEHIND;
  let close = () => {};
  const stream = new EventStream(c.req.raw.signal, () => close());
  if (known === undefined && first !== undefined) stream.send({ ...first, id: String(newest) });
  close = followRecords({
    ...opened.value,
    after,
    // Over at once.
    expiresAt: isFarBehind ? 0 : Math.min(expiresAt, live.expiresAt),
    page: ({ calls, up_to }) => {
      if (calls.length > 0) stream.send({ ...eventOf(calls, stream), id: String(up_to) });
      else stream.sendId(String(up_to));
    },
    ended: (why) => {
      // Loaded anew, a page that is one too many would be one too many again: its stream is opened later.
      if (why !== undefined && why !== 'full') stream.send(END);
      stream.end();
    },
  });
  return stream.response;
}

/** Where a call opens the stream, the tenant has logged it. */
function notOpened(c: Context<AppEnv>, failure: StreamFailure): Promise<Response> {
  if (!isOfStream(failure)) markLogged(c);
  return notShownPage(c, failure);
}

function afterOf(c: Context<AppEnv>): number | undefined {
  const after = lastEventOf(c.req.header('last-event-id'));
  return after === 'invalid' ? undefined : after;
}

/** Tells the page of boards, of a board or of a cell that it has changed. */
export async function boardStream({ c, live }: Visit): Promise<Response> {
  const { context } = live ?? {};
  if (live === undefined || context === undefined) return nothingHere(c);
  const { board, key } = c.req.query();
  const isShown = ({ cell, reset }: ResourceChange) =>
    reset === true ||
    ((board === undefined || cell?.run_id === board) && (key === undefined || cell?.key === key));
  const relay = await openRelay(context, afterOf(c));
  if (!relay.ok) return notOpened(c, relay.error);
  const stream = new EventStream(c.req.raw.signal, () => {
    clearTimeout(expiry);
    relay.value.close();
  });
  const end = () => stream.end();
  const expiry = setTimeout(end, Math.max(0, live.expiresAt - Date.now()));
  relay.value.onEvents({
    changes: (changes, rev) => {
      if (changes.some(isShown)) stream.send({ ...changed(), id: String(rev) });
      else stream.sendId(String(rev));
    },
    message: () => {},
    cancelled: () => {},
    ended: end,
  });
  return stream.response;
}

function openRelay(context: RequestContext, since: number | undefined) {
  const session = crypto.randomUUID() as SessionId;
  const opening = internalCall(context, streamOpen, { session_id: session, list_changed: false, cells: [] });
  return StreamRelay.open(context.tenant, {
    session,
    purpose: { kind: 'changes', since, all: true },
    opening,
  });
}
