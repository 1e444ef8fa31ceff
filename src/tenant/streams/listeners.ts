import { randomHex } from '../../telemetry/trace.ts';
import { type CellChange, changesSince } from '../../tools/blackboard/changes.ts';
import {
  attachSession,
  deleteStreamSession,
  detachSession,
  type SessionRow,
} from '../../transport-tools/session-store.ts';
import type { ClientMessage, SessionId } from '../contract/call.ts';
import type { Database } from '../storage/database.ts';
import {
  isChangeStreamOf,
  type Listener,
  type ResourceChange,
  type StreamEnd,
  type StreamState,
} from './stream.ts';

/** Streams that one tenant can have open at once, including those of requests that wait for a client's response. */
export const MAX_LISTENERS = 1024;

/** A stream without news is still sent the revision this often, so that a reconnect does not replay so many. */
const SEND_REV_EVERY = 256;

/**
 * The tenant's open notification streams.
 *
 * Subscriptions are rows in SQL and the log of revisions is the queue; only the sockets and their small states are in
 * memory, so the Durable Object can hibernate while streams are open.
 * Guarantees: a stream receives each change after its subscription in revision order, and resumes after a break from the
 * last revision that was sent to it. If single changes are no longer known, or there are too many, it receives one event
 * with `reset`. A session has at most one stream of changes; a new one replaces the old one.
 * Failure: a send on a closing socket returns false. The state then stays behind, and the next stream of the session
 * receives what was missed.
 */
export class Listeners {
  readonly #db: Database;
  readonly #open = new Map<string, Listener>();

  /** @param open the streams that have survived a hibernation of the host */
  constructor(db: Database, open: Iterable<Listener>) {
    this.#db = db;
    for (const listener of open) this.#open.set(listener.state.id, listener);
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * The initial state of a stream whose token and session were admitted.
   * @param mayRead whether the token may read the blackboard
   * @param head the newest committed revision
   */
  initialState(
    stream: Pick<StreamState, 'session' | 'tokenId' | 'purpose'>,
    mayRead: boolean,
    head: number,
  ): StreamState {
    const { session, purpose } = stream;
    const [row] = this.#db.exec<Pick<SessionRow, 'kind' | 'rev' | 'list_changed'>>(
      'SELECT kind, rev, list_changed FROM sessions WHERE id = ?',
      session,
    );
    const sent = Math.max(row?.rev ?? head, this.#revOf(session));
    const since = (purpose.kind === 'changes' ? purpose.since : undefined) ?? sent;
    const rev = Math.min(since, head);
    return {
      id: randomHex(8),
      ...stream,
      listChanges: row?.list_changed === 1 && mayRead,
      receivesPosts: row?.kind === 'stream' && purpose.kind === 'changes',
      rev,
      sentRev: rev,
    };
  }

  /** Adds a stream, ends the one that it replaces, and sends what the session has missed. */
  attach(listener: Listener, head: number): void {
    const { id, session, purpose } = listener.state;
    if (purpose.kind === 'changes')
      this.#endWhere(({ state }) => isChangeStreamOf(state, session), 'replaced');
    this.#open.set(id, listener);
    if (this.#open.size > MAX_LISTENERS) {
      this.#endWhere(({ state }) => state.id === id, 'full');
      return;
    }
    if (purpose.kind !== 'changes') return;
    attachSession(this.#db, session);
    // The starting revision first: if the socket breaks, the client resumes from it and no event in flight is lost.
    listener.send({ kind: 'changes', rev: listener.state.rev, changes: [] });
    this.#notify([listener], head);
  }

  /** Removes a closed stream; does nothing if the tenant has ended it before. */
  detach(listener: Listener, byClient: boolean, now: number): void {
    const { id, session, purpose, rev } = listener.state;
    if (!this.#open.delete(id) || purpose.kind !== 'changes') return;
    if (!byClient || !deleteStreamSession(this.#db, session)) detachSession(this.#db, session, rev, now);
  }

  /** The revision up to which the open stream of a session is; 0 without one. */
  #revOf(session: string): number {
    const [rev = 0] = [...this.#open.values()]
      .filter(({ state }) => isChangeStreamOf(state, session))
      .map(({ state }) => state.rev);
    return rev;
  }

  /** The sessions that have a stream of changes open. */
  sessions(): string[] {
    return [...this.#open.values()]
      .filter(({ state }) => state.purpose.kind === 'changes')
      .map(({ state }) => state.session);
  }

  /** Sends every stream what changed up to `head`, the newest committed revision. */
  notifyAll(head: number): void {
    this.#notify([...this.#open.values()], head);
  }

  /** @returns whether a stream was there to receive the message */
  deliver(session: SessionId, message: Exclude<ClientMessage, { kind: 'cancel' }>): boolean {
    const receives = ({ purpose, receivesPosts }: StreamState) =>
      message.kind === 'posted' ? receivesPosts : purpose.kind === 'replies' && purpose.key === message.key;
    const listener = [...this.#open.values()].find(
      ({ state }) => state.session === session && receives(state),
    );
    return listener?.send({ kind: 'message', message: message.message }) ?? false;
  }

  /** Notifies the request that is served under `cancelKey` that its client has cancelled it. */
  cancel(cancelKey: string): void {
    for (const listener of this.#open.values()) {
      const { purpose } = listener.state;
      if (purpose.kind === 'replies' && purpose.cancelKey === cancelKey) listener.send({ kind: 'cancelled' });
    }
  }

  endToken(tokenId: string): void {
    this.#endWhere(({ state }) => state.tokenId === tokenId, 'revoked');
  }

  endSession(session: string): void {
    this.#endWhere(({ state }) => state.session === session, 'gone');
  }

  endAll(end: StreamEnd): void {
    this.#endWhere(() => true, end);
  }

  #endWhere(ends: (listener: Listener) => boolean, end: StreamEnd): void {
    for (const listener of [...this.#open.values()]) {
      if (!ends(listener)) continue;
      this.#open.delete(listener.state.id);
      listener.end(end);
    }
  }

  #notify(listeners: readonly Listener[], head: number): void {
    const behind = listeners.filter(({ state }) => state.purpose.kind === 'changes' && state.rev < head);
    if (behind.length === 0) return;
    const changes = changesSince(this.#db, Math.min(...behind.map(({ state }) => state.rev)));
    // Another process may have written since `head` was read: its changes are sent with the next head.
    const known =
      changes === 'lost' ? changes : this.#withSubscribers(changes.filter(({ rev }) => rev <= head));
    for (const listener of behind) {
      const { state } = listener;
      const news = known === 'lost' ? [this.#reset(state, head)] : changesFor(state, known);
      const silent = news.length === 0 && head - state.sentRev < SEND_REV_EVERY;
      if (silent) listener.saveState({ ...state, rev: head });
      else if (listener.send({ kind: 'changes', rev: head, changes: news }))
        listener.saveState({ ...state, rev: head, sentRev: head });
    }
  }

  #reset({ session, listChanges }: StreamState, head: number): ResourceChange {
    return { rev: head, uris: this.#uris(session), list: listChanges, reset: true };
  }

  #withSubscribers(changes: readonly CellChange[]): SubscribedChange[] {
    return changes.map((change) => ({
      change,
      subscriptions: this.#db.exec<Subscription>(
        'SELECT session_id, uri FROM subscriptions WHERE run_id = ? AND key = ? AND rev < ? ORDER BY uri',
        change.run_id,
        change.key,
        change.rev,
      ),
    }));
  }

  #uris(session: string): string[] {
    return this.#db
      .exec<{ uri: string }>('SELECT uri FROM subscriptions WHERE session_id = ?', session)
      .map(({ uri }) => uri);
  }
}

type Subscription = { session_id: string; uri: string };

interface SubscribedChange {
  readonly change: CellChange;
  readonly subscriptions: readonly Subscription[];
}

/** The changes that concern one stream. Several changes of the resource list are reported once, with the last one. */
function changesFor(
  { session, rev, listChanges, purpose }: StreamState,
  known: readonly SubscribedChange[],
): ResourceChange[] {
  const all = purpose.kind === 'changes' && purpose.all === true;
  const news = known
    .filter(({ change }) => change.rev > rev)
    .map(({ change: { rev, run_id, key, listed }, subscriptions }): ResourceChange => {
      const uris = subscriptions.filter(({ session_id }) => session_id === session).map(({ uri }) => uri);
      return { rev, uris, list: listChanges && listed === 1, ...(all ? { cell: { run_id, key } } : {}) };
    });
  const last = news.findLastIndex((change) => change.list);
  return news
    .map((change, index) => ({ ...change, list: index === last }))
    .filter((change) => change.list || change.uris.length > 0 || change.cell !== undefined);
}
