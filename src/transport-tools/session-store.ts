/** Who is told of changes: the rows of sessions and of what they subscribed to. */
import { ToolError } from '../tools/errors.ts';
import type { Sql, ToolContext } from '../tools/tool.ts';

/** Sessions of a tenant; to open a further one ends that which was idle for longest. */
export const MAX_SESSIONS = 1000;
/** Streams without a session that a tenant can have open at once. */
export const MAX_STREAMS = 256;
/** Resources that one session can be subscribed to. */
export const MAX_SUBSCRIPTIONS = 100;
/** How long a session lives that nobody uses. */
export const SESSION_IDLE_MS = 24 * 3_600_000;
/** How exactly it is known when a session was last used. */
const SEEN_EVERY_MS = 600_000;

const TOPIC = 'session:';
/** The topic that is touched when a session is closed. */
export const sessionTopic = (id: string) => `${TOPIC}${id}`;
/** The sessions that were closed, of topics that were touched. */
export const closedSessions = (topics: ReadonlySet<string>) =>
  [...topics].filter((topic) => topic.startsWith(TOPIC)).map((topic) => topic.slice(TOPIC.length));

export function countSessions(sql: Sql): number {
  const [counted] = sql.exec<{ count: number }>(
    `SELECT count(*) AS count FROM sessions WHERE kind = 'session'`,
  );
  return counted?.count ?? 0;
}

export type Session = {
  id: string;
  kind: 'session' | 'stream';
  principal: string;
  /** JSON text. */
  client: string;
  client_name: string | null;
  client_version: string | null;
  log_level: string | null;
  list_changed: number;
  rev: number;
  seen_at: number;
  attached: number;
};

/** The session, if it is this principal's and still lives: a session of another one is as good as none. */
export function liveSession(sql: Sql, id: string, principal: string, now: number): Session | undefined {
  const [session] = sql.exec<Session>(
    'SELECT * FROM sessions WHERE id = ? AND principal = ? AND (attached = 1 OR seen_at > ?)',
    id,
    principal,
    now - SESSION_IDLE_MS,
  );
  return session;
}

/** @throws ToolError `unknown_handle` when there is no such session */
export function requireSession({ sql, author, now }: ToolContext, id: string): void {
  if (liveSession(sql, id, author.principal, now) !== undefined) return;
  throw new ToolError('unknown_handle', 'There is no such session; initialize a new one.', {
    field: 'session_id',
  });
}

/** Notes that the session is in use. */
export function seeSession(sql: Sql, session: Pick<Session, 'id' | 'seen_at'>, now: number): void {
  if (now - session.seen_at < SEEN_EVERY_MS) return;
  sql.exec('UPDATE sessions SET seen_at = ? WHERE id = ?', now, session.id);
}

/** Notes that the session has a stream open. */
export function attachSession(sql: Sql, id: string): void {
  sql.exec('UPDATE sessions SET attached = 1 WHERE id = ?', id);
}

/** Notes that the stream of a session has ended, and up to which revision it was told. */
export function detachSession(sql: Sql, id: string, rev: number, now: number): void {
  sql.exec('UPDATE sessions SET attached = 0, rev = max(rev, ?), seen_at = ? WHERE id = ?', rev, now, id);
}

/** Ends the session if it was opened for one stream only. */
export function endStream(sql: Sql, id: string): boolean {
  return sql.exec(`DELETE FROM sessions WHERE id = ? AND kind = 'stream' RETURNING id`, id).length > 0;
}

/** Ends every session of a token. */
export function endSessionsOf(sql: Sql, principal: string): void {
  sql.exec('DELETE FROM sessions WHERE principal = ?', principal);
}

/** Notes which sessions have a stream open, after a time in which nobody did. */
export function reattachSessions(sql: Sql, ids: readonly string[], now: number): void {
  const open = JSON.stringify(ids);
  sql.exec(
    // Until now each of them was in use.
    'UPDATE sessions SET attached = 0, seen_at = ? WHERE attached = 1 AND id NOT IN (SELECT value FROM json_each(?))',
    now,
    open,
  );
}

/** Ends the sessions that were idle for too long, a bounded step. */
export function sweepSessions(sql: Sql, now: number, limit: number): number {
  return sql.exec(
    `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE attached = 0 AND seen_at <= ? LIMIT ?) RETURNING id`,
    now - SESSION_IDLE_MS,
    limit,
  ).length;
}
