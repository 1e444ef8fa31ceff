import { randomHex } from '../../telemetry/trace.ts';
import { type CellChange, changesSince } from '../../tools/blackboard/changes.ts';
import {
  attachSession,
  detachSession,
  endStream,
  type Session,
} from '../../transport-tools/session-store.ts';
import type { SessionId, TokenId } from '../contract/call.ts';
import type { Database } from '../storage/database.ts';

/** Why a stream is ended by the tenant. */
export const STREAM_ENDS = ['revoked', 'suspended', 'gone', 'replaced', 'full'] as const;
export type StreamEnd = (typeof STREAM_ENDS)[number];

/** One change, as a listener is told of it: the URIs that it subscribed to, and whether the list of resources changed. */
export interface Change {
  readonly rev: number;
  readonly uris: readonly string[];
  readonly list: boolean;
  /** The cell that changed, for one who hears of all. */
  readonly cell?: Pick<CellChange, 'run_id' | 'key'>;
  /** Anything may have changed up to `rev`: what it was is not known any more. */
  readonly reset?: true;
}

/** What a tenant says to a listener. */
export type Notice =
  | { readonly kind: 'changes'; readonly rev: number; readonly changes: readonly Change[] }
  /** A message of the client's that came by another request. */
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: 'cancelled' };

/** What a listener is for: being told of changes, or purpose what its client answers to a request that is being served. */
export type StreamPurpose =
  | {
      readonly kind: 'changes';
      readonly since?: number | undefined;
      /** Hears of every change, whatever its session subscribed to: its host knows what its client wants. */
      readonly all?: boolean | undefined;
    }
  | { readonly kind: 'replies'; readonly key: string; readonly cancelKey: string };

export interface Attachment {
  readonly id: string;
  readonly session: SessionId;
  readonly tokenId: TokenId;
  readonly purpose: StreamPurpose;
  /** Whether it is told that the list of resources changed. */
  readonly list: boolean;
  /** Whether it is all that there is of its session, and takes the messages that its client posts. */
  readonly takes: boolean;
  /** The revision up to which it was told. */
  readonly rev: number;
  /** The revision that it knows of. */
  readonly known: number;
}

/** One open stream, as its host holds it. */
export interface Listener {
  readonly attachment: Attachment;
  /** @returns false when it is closing: it was not told, and will ask again */
  send(notice: Notice): boolean;
  /** Keeps a changed attachment. */
  keep(attachment: Attachment): void;
  end(end: StreamEnd): void;
}

/** Streams of a tenant that can be open at once, those of requests that ask their client something included. */
export const MAX_LISTENERS = 1024;

/** A listener that is told nothing still learns, this often, up to where that is so: it will ask from there again. */
const TELL_EVERY_REVS = 256;

/** Who listens now, and telling them. Rows decide what each is told, so that nothing but the streams is in memory. */
export class Listeners {
  readonly #db: Database;
  readonly #open = new Map<string, Listener>();

  constructor(db: Database, open: Iterable<Listener>) {
    this.#db = db;
    for (const listener of open) this.#open.set(listener.attachment.id, listener);
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * What a stream of a session that is admitted begins with.
   * @param mayHear whether the token may hear of cells
   */
  registerStream(
    asked: Pick<Attachment, 'session' | 'tokenId' | 'purpose'>,
    mayHear: boolean,
    head: number,
  ): Attachment {
    const { session, purpose } = asked;
    const [row] = this.#db.exec<Pick<Session, 'kind' | 'rev' | 'list_changed'>>(
      'SELECT kind, rev, list_changed FROM sessions WHERE id = ?',
      session,
    );
    const told = Math.max(row?.rev ?? head, this.#revOf(session));
    const since = (purpose.kind === 'changes' ? purpose.since : undefined) ?? told;
    const rev = Math.min(since, head);
    const list = row?.list_changed === 1 && mayHear;
    const takes = row?.kind === 'stream' && purpose.kind === 'changes';
    return { id: randomHex(8), ...asked, list, takes, rev, known: rev };
  }

  /** Adds a stream, which takes the place of one that its session has, and tells it what it has missed. */
  attach(listener: Listener, head: number): void {
    const { id, session, purpose } = listener.attachment;
    if (purpose.kind === 'changes')
      this.#endWhere(({ attachment }) => tellsOf(attachment, session), 'replaced');
    this.#open.set(id, listener);
    if (this.#open.size > MAX_LISTENERS) {
      this.#endWhere(({ attachment }) => attachment.id === id, 'full');
      return;
    }
    if (purpose.kind !== 'changes') return;
    attachSession(this.#db, session);
    // From here it goes on should it break: what is only on its way is then not taken for heard.
    listener.send({ kind: 'changes', rev: listener.attachment.rev, changes: [] });
    this.#tell([listener], head);
  }

  /** Removes a stream, unless the tenant has ended it before. */
  detach(listener: Listener, byClient: boolean, now: number): void {
    const { id, session, purpose, rev } = listener.attachment;
    if (!this.#open.delete(id) || purpose.kind !== 'changes') return;
    if (!byClient || !endStream(this.#db, session)) detachSession(this.#db, session, rev, now);
  }

  /** The revision up to which the stream of a session was told; 0 when none is open. */
  #revOf(session: string): number {
    const [told = 0] = [...this.#open.values()]
      .filter(({ attachment }) => tellsOf(attachment, session))
      .map(({ attachment }) => attachment.rev);
    return told;
  }

  /** The sessions that have a stream open. */
  sessions(): string[] {
    return [...this.#open.values()]
      .filter(({ attachment }) => attachment.purpose.kind === 'changes')
      .map(({ attachment }) => attachment.session);
  }

  /** Tells everyone what is new up to `head`. */
  tellAll(head: number): void {
    this.#tell([...this.#open.values()], head);
  }

  /** Hands a message to the stream of a session, or to the request of it that waits for replies under `key`. */
  deliver(session: SessionId, key: string | undefined, message: unknown): boolean {
    const to = [...this.#open.values()].find(
      ({ attachment: { purpose, takes, ...attachment } }) =>
        attachment.session === session &&
        (key === undefined ? takes : purpose.kind === 'replies' && purpose.key === key),
    );
    return to?.send({ kind: 'message', message }) ?? false;
  }

  /** Tells a request that is being served that nobody waits for its answer. */
  cancel(cancelKey: string): void {
    for (const listener of this.#open.values()) {
      const { purpose } = listener.attachment;
      if (purpose.kind === 'replies' && purpose.cancelKey === cancelKey) listener.send({ kind: 'cancelled' });
    }
  }

  endToken(tokenId: string): void {
    this.#endWhere(({ attachment }) => attachment.tokenId === tokenId, 'revoked');
  }

  endSession(session: string): void {
    this.#endWhere(({ attachment }) => attachment.session === session, 'gone');
  }

  endAll(end: StreamEnd): void {
    this.#endWhere(() => true, end);
  }

  #endWhere(ends: (listener: Listener) => boolean, end: StreamEnd): void {
    for (const listener of [...this.#open.values()]) {
      if (!ends(listener)) continue;
      this.#open.delete(listener.attachment.id);
      listener.end(end);
    }
  }

  #tell(listeners: readonly Listener[], head: number): void {
    const behind = listeners.filter(
      ({ attachment }) => attachment.purpose.kind === 'changes' && attachment.rev < head,
    );
    if (behind.length === 0) return;
    const changes = changesSince(this.#db, Math.min(...behind.map(({ attachment }) => attachment.rev)));
    // What another process wrote since `head` was read is told with the next head.
    const told = changes === 'lost' ? changes : this.#subscribed(changes.filter(({ rev }) => rev <= head));
    for (const listener of behind) {
      const { attachment } = listener;
      const news = told === 'lost' ? [this.#reset(attachment, head)] : newsFor(attachment, told);
      const silent = news.length === 0 && head - attachment.known < TELL_EVERY_REVS;
      if (silent) listener.keep({ ...attachment, rev: head });
      else if (listener.send({ kind: 'changes', rev: head, changes: news }))
        listener.keep({ ...attachment, rev: head, known: head });
    }
  }

  #reset({ session, list }: Attachment, head: number): Change {
    return { rev: head, uris: this.#uris(session), list, reset: true };
  }

  /** Each change with those who subscribed to its cell. */
  #subscribed(changes: readonly CellChange[]): Told[] {
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

interface Told {
  readonly change: CellChange;
  readonly subscriptions: readonly Subscription[];
}

const tellsOf = (attachment: Attachment, session: string) =>
  attachment.session === session && attachment.purpose.kind === 'changes';

/** What one listener is told of the changes; that the list changed is said once, with the last of them. */
function newsFor({ session, rev, list, purpose }: Attachment, told: readonly Told[]): Change[] {
  const all = purpose.kind === 'changes' && purpose.all === true;
  const news = told
    .filter(({ change }) => change.rev > rev)
    .map(({ change: { rev, run_id, key, listed }, subscriptions }): Change => {
      const uris = subscriptions.filter(({ session_id }) => session_id === session).map(({ uri }) => uri);
      return { rev, uris, list: list && listed === 1, ...(all ? { cell: { run_id, key } } : {}) };
    });
  const last = news.findLastIndex((change) => change.list);
  return news
    .map((change, index) => ({ ...change, list: index === last }))
    .filter((change) => change.list || change.uris.length > 0 || change.cell !== undefined);
}
