import {
  type CellChange,
  changesSince,
  claimsSince,
  keepsChangesSince,
  newestListChange,
} from '../../tools/blackboard/changes.ts';
import {
  changedSubscriptions,
  notifiedUri,
  subscribersOf,
  subscriptionsOf,
} from '../../transport-tools/subscriptions.ts';
import type { Database } from '../storage/database.ts';
import type { ResourceChange, StreamState } from './stream.ts';

/** The changes of the blackboard, as the notifications of each stream that they concern. */

/** Notifications of one batch, which are in memory until they are sent: about 10 MB. One change more can exceed it. */
export const MAX_BATCH_NOTIFICATIONS = 50_000;

/** A run of consecutive changes, and what is to be sent of it. */
export interface Batch {
  /** The newest revision of the run. */
  readonly upTo: number;
  /** By session; a session is removed when its stream has been notified. */
  readonly pending: Map<string, (state: StreamState) => readonly ResourceChange[]>;
}

/** The streams that a batch may concern, by session. */
export interface Audience {
  readonly streams: ReadonlyMap<string, { readonly state: StreamState }>;
  /** The sessions that are notified of changes of the resource list. */
  readonly ofList: ReadonlySet<string>;
  /** The sessions that are notified of every change. */
  readonly ofAll: ReadonlySet<string>;
}

/** How far the streams are, and how far they can get. */
export interface Span {
  /** All streams have been notified of the changes up to this revision. */
  readonly from: number;
  /** The newest committed revision. */
  readonly head: number;
  /** Identifies the call that made a change, so that a call is reported once as a change of the resource list. */
  callOf(rev: number): number;
}

/** The next changes and whom they concern. Costs one query, and one for each change. */
export function nextBatch(db: Database, span: Span, audience: Audience): Batch {
  const { from, head } = span;
  const known = changesSince(db, from);
  if (known === 'lost') return resetBatch(db, span, audience);
  // Another process may have written since `head` was read: its changes are sent with the next head.
  const changes = known.filter(({ rev }) => rev <= head);
  const listChanges = lastListChanges(span, changes);
  const news = new Map<string, ResourceChange[]>();
  let notifications = 0;
  let upTo = head;
  const claims = new Set(audience.ofAll.size === 0 ? [] : claimsSince(db, from, head));
  for (const change of [...changes, ...claims].toSorted((a, b) => a.rev - b.rev)) {
    const concerned = claims.has(change)
      ? concernedBy(db, change, { streams: audience.streams, ofAll: audience.ofAll })
      : concernedBy(db, change, audience, listChanges.has(change.rev));
    for (const [session, notification] of concerned) {
      const ofSession = news.get(session);
      if (ofSession === undefined) news.set(session, [notification]);
      else ofSession.push(notification);
    }
    notifications += concerned.size;
    upTo = change.rev;
    if (notifications >= MAX_BATCH_NOTIFICATIONS) break;
    upTo = head;
  }
  return {
    upTo,
    pending: new Map(
      [...news].map(([session, changes]) => [
        session,
        // A stream that was opened after the change has received it already.
        ({ rev }) => changes.filter((change) => change.rev > rev),
      ]),
    ),
  };
}

/** One notification for each session that a change concerns; without `ofList` it is no change of a resource. */
function concernedBy(
  db: Database,
  change: CellChange,
  { streams, ofList, ofAll }: Omit<Audience, 'ofList'> & Partial<Audience>,
  list = false,
): Map<string, ResourceChange> {
  const { rev, run_id, key } = change;
  const concerned = new Map<string, ResourceChange>();
  const add = (session: string, more: Partial<ResourceChange>) => {
    const state = streams.get(session)?.state;
    if (state === undefined || state.rev >= rev) return;
    concerned.set(session, { ...(concerned.get(session) ?? { rev, uris: [], list: false }), ...more });
  };
  if (ofList !== undefined) {
    for (const { session_id, uri } of subscribersOf(db, change, rev))
      add(session_id, { uris: [notifiedUri({ run_id, key, uri })] });
    if (list) for (const session of ofList) add(session, { list: true });
  }
  for (const session of ofAll) add(session, { cell: { run_id, key } });
  return concerned;
}

/** The revisions that are reported as a change of the resource list: the last such change of each call. */
function lastListChanges({ callOf }: Pick<Span, 'callOf'>, changes: readonly CellChange[]): Set<number> {
  const last = new Map<number, number>();
  for (const { rev, listed } of changes) if (listed === 1) last.set(callOf(rev), rev);
  return new Set(last.values());
}

/** For streams that are too far behind: each that the changes concern is told that everything may have changed. */
function resetBatch(db: Database, { from, head }: Span, { streams, ofAll }: Audience): Batch {
  const newestList = newestListChange(db, from) ?? 0;
  const changesOf = (state: StreamState): ResourceChange[] => {
    const since = Math.max(from, state.rev);
    if (since >= head) return [];
    if (!keepsChangesSince(db, since)) return [resetOf(db, state, head)];
    const uris = changedSubscriptions(db, state.session, since).map(notifiedUri);
    const list = state.listChanges && newestList > since;
    const isConcerned = uris.length > 0 || list || ofAll.has(state.session);
    return isConcerned ? [{ rev: head, uris, list, reset: true }] : [];
  };
  return { upTo: head, pending: new Map([...streams.keys()].map((session) => [session, changesOf])) };
}

/** Tells a stream that everything that its session is subscribed to may have changed. */
const resetOf = (db: Database, { session, listChanges }: StreamState, head: number): ResourceChange => ({
  rev: head,
  uris: subscriptionsOf(db, session).map(notifiedUri),
  list: listChanges,
  reset: true,
});

/** What one stream has missed up to `head`. Several changes of the resource list are reported once, with the last. */
export function missedBy(db: Database, state: StreamState, head: number): ResourceChange[] {
  const { session, rev: since, listChanges, purpose } = state;
  const known = since < head ? changesSince(db, since) : [];
  if (known === 'lost') return [resetOf(db, state, head)];
  const changes = known.filter(({ rev }) => rev <= head);
  const lastList = changes.findLast(({ listed }) => listed === 1)?.rev;
  const subscriptions = new Map(
    subscriptionsOf(db, session).map((subscription) => [cellKey(subscription), subscription]),
  );
  const all = purpose.kind === 'changes' && purpose.all === true;
  const claims = all ? claimsSince(db, since, head) : [];
  const missed = changes
    .map(({ rev, run_id, key }): ResourceChange => {
      const subscription = subscriptions.get(cellKey({ run_id, key }));
      const uris = subscription !== undefined && subscription.rev < rev ? [notifiedUri(subscription)] : [];
      return { rev, uris, list: listChanges && rev === lastList, ...(all ? { cell: { run_id, key } } : {}) };
    })
    .filter(({ uris, list, cell }) => uris.length > 0 || list || cell !== undefined);
  const claimed = claims.map(({ rev, run_id, key }) => ({
    rev,
    uris: [],
    list: false,
    cell: { run_id, key },
  }));
  return [...missed, ...claimed].toSorted((a, b) => a.rev - b.rev);
}

// Neither name can contain a control character.
const cellKey = ({ run_id, key }: Pick<CellChange, 'run_id' | 'key'>) => `${run_id}\n${key}`;
