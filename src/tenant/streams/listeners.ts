import { randomHex } from '../../telemetry/trace.ts';
import {
  attachSession,
  deleteStreamSession,
  detachSession,
  type SessionRow,
} from '../../transport-tools/session-store.ts';
import type { ClientMessage, SessionId } from '../contract/call.ts';
import type { Database } from '../storage/database.ts';
import { FanOut, type FanOutOptions } from './fan-out.ts';
import { isChangeStreamOf, type Listener, type StreamEnd, type StreamState } from './stream.ts';

/** Streams that one tenant can have open at once, including those of requests that wait for a client's response. */
export const MAX_LISTENERS = 1024;
/** Streams on which operators can watch one tenant at once. */
export const MAX_WATCHERS = 16;
/** Streams on which one token of the tenant can watch it, and all of them together. */
export const MAX_TOKEN_WATCHERS = 8;
export const MAX_ALL_TOKEN_WATCHERS = 32;

/**
 * The tenant's open streams: notification streams, and those on which a request receives its client's responses.
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
  readonly #fanOut: FanOut;
  /** Those who are told of new records. */
  readonly #watchers = new Set<Listener>();

  /** @param open the streams that have survived a hibernation of the host */
  constructor(options: FanOutOptions, open: readonly Listener[]) {
    this.#db = options.db;
    for (const listener of open) {
      this.#open.set(listener.state.id, listener);
      if (listener.state.purpose.kind === 'calls') this.#watchers.add(listener);
    }
    const streams = open.filter(({ state }) => state.purpose.kind === 'changes');
    this.#fanOut = new FanOut(options, streams);
  }

  /** Whether somebody waits for new records. */
  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** @param last the newest record that is written */
  announceRecords(last: number): void {
    for (const watcher of this.#watchers) watcher.send({ kind: 'calls', last });
  }

  /** Whether a token may watch on one more stream. */
  mayWatch(tokenId: string): boolean {
    const streams = [...this.#watchers].filter((watcher) => isWatcher(watcher, 'token'));
    const own = streams.filter(({ state }) => state.tokenId === tokenId);
    return streams.length < MAX_ALL_TOKEN_WATCHERS && own.length < MAX_TOKEN_WATCHERS;
  }

  /** Whether the operator may watch on one more stream. */
  get mayBeWatched(): boolean {
    return [...this.#watchers].filter((watcher) => isWatcher(watcher, 'operator')).length < MAX_WATCHERS;
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
    };
  }

  /** Adds a stream, ends the one that it replaces, and sends what the session has missed. */
  attach(listener: Listener, head: number): void {
    const { id, session, purpose } = listener.state;
    if (purpose.kind === 'changes')
      this.#endWhere(({ state }) => isChangeStreamOf(state, session), 'replaced');
    this.#open.set(id, listener);
    if (purpose.kind === 'calls') this.#watchers.add(listener);
    const operators = [...this.#watchers].filter((watcher) => isWatcher(watcher, 'operator'));
    if (this.#open.size > MAX_LISTENERS || operators.length > MAX_WATCHERS) {
      this.#endWhere(({ state }) => state.id === id, 'full');
      return;
    }
    if (purpose.kind !== 'changes') return;
    attachSession(this.#db, session);
    this.#fanOut.add(listener, head);
  }

  /** Removes a closed stream; does nothing if the tenant has ended it before. */
  detach(listener: Listener, byClient: boolean, now: number): void {
    const { id, session, purpose } = listener.state;
    const rev = this.#fanOut.positionOf(listener);
    this.#fanOut.remove(listener);
    this.#forget(id);
    if (!this.#open.delete(id) || purpose.kind !== 'changes') return;
    if (!byClient || !deleteStreamSession(this.#db, session)) detachSession(this.#db, session, rev, now);
  }

  /** The revision up to which the open stream of a session is; 0 without one. */
  #revOf(session: string): number {
    const open = [...this.#open.values()].find(({ state }) => isChangeStreamOf(state, session));
    return open === undefined ? 0 : this.#fanOut.positionOf(open);
  }

  /** The sessions that have a stream of changes open. */
  sessions(): string[] {
    return this.#fanOut.sessions();
  }

  /** Sends every stream what concerns it up to `head`, the newest committed revision. Returns before that is done. */
  announce(head: number): void {
    this.#fanOut.announce(head);
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
      this.#fanOut.remove(listener);
      this.#forget(listener.state.id);
      listener.end(end);
    }
  }

  /** A host may make another listener of the same socket. */
  #forget(id: string): void {
    for (const watcher of this.#watchers) if (watcher.state.id === id) this.#watchers.delete(watcher);
  }
}

const isWatcher = ({ state: { purpose } }: Listener, by: 'operator' | 'token') =>
  purpose.kind === 'calls' && purpose.by === by;
