/** The stored sessions: the clients that receive change notifications. Deleting a session also deletes its subscriptions. */
import { ToolError } from '../tools/errors.ts';
import type { Sql, ToolContext } from '../tools/tool.ts';

/** The most sessions of a tenant. Opening another one ends the one that was unused for longest. */
export const MAX_SESSIONS = 1000;
/** The most streams without a session that a tenant can have open at once. */
export const MAX_STREAMS = 256;
/** After this time without use a session ends. */
export const SESSION_IDLE_MS = 24 * 3_600_000;
/** `seen_at` is updated only if it is older than this, so that most requests write nothing. */
const SEEN_AT_PRECISION_MS = 600_000;

const TOPIC_PREFIX = 'session:';
/** Topic for `ToolContext.touch`: a session was closed. */
export const sessionTopic = (id: string) => `${TOPIC_PREFIX}${id}`;
/** The ids of closed sessions among the touched topics. */
export const closedSessions = (topics: ReadonlySet<string>) =>
  [...topics]
    .filter((topic) => topic.startsWith(TOPIC_PREFIX))
    .map((topic) => topic.slice(TOPIC_PREFIX.length));

export function countSessions(sql: Sql): number {
  const [counted] = sql.exec<{ count: number }>(
    `SELECT count(*) AS count FROM sessions WHERE kind = 'session'`,
  );
  return counted?.count ?? 0;
}

/** A row of `sessions`. */
export type SessionRow = {
  id: string;
  kind: 'session' | 'stream';
  principal: string;
  /** The client's `initialize` parameters as JSON text. */
  client: string;
  client_name: string | null;
  client_version: string | null;
  log_level: string | null;
  list_changed: number;
  rev: number;
  seen_at: number;
  attached: number;
};

/** The session, if it belongs to this principal and has not ended. Sessions of other principals are treated as absent. */
export function findSession(sql: Sql, id: string, principal: string, now: number): SessionRow | undefined {
  const [session] = sql.exec<SessionRow>(
    'SELECT * FROM sessions WHERE id = ? AND principal = ? AND (attached = 1 OR seen_at > ?)',
    id,
    principal,
    now - SESSION_IDLE_MS,
  );
  return session;
}

/** @throws ToolError `unknown_handle` if the session does not exist or has ended */
export function requireSession({ sql, author, now }: ToolContext, id: string): void {
  if (findSession(sql, id, author.principal, now) !== undefined) return;
  throw new ToolError('unknown_handle', 'This session does not exist or has ended. Initialize a new one.', {
    field: 'session_id',
  });
}

/** Updates the time at which the session was last used. */
export function recordSessionUse(sql: Sql, session: Pick<SessionRow, 'id' | 'seen_at'>, now: number): void {
  if (now - session.seen_at < SEEN_AT_PRECISION_MS) return;
  sql.exec('UPDATE sessions SET seen_at = ? WHERE id = ?', now, session.id);
}

/** Records that the session has an open stream. Such a session does not end by idleness. */
export function attachSession(sql: Sql, id: string): void {
  sql.exec('UPDATE sessions SET attached = 1 WHERE id = ?', id);
}

/** Records that the stream of a session has ended. @param rev the revision up to which the client was notified */
export function detachSession(sql: Sql, id: string, rev: number, now: number): void {
  sql.exec('UPDATE sessions SET attached = 0, rev = max(rev, ?), seen_at = ? WHERE id = ?', rev, now, id);
}

/** Deletes the session if it existed only for one stream. @returns whether it did */
export function deleteStreamSession(sql: Sql, id: string): boolean {
  return sql.exec(`DELETE FROM sessions WHERE id = ? AND kind = 'stream' RETURNING id`, id).length > 0;
}

/** Deletes every session of a token. */
export function deleteSessionsOfToken(sql: Sql, principal: string): void {
  sql.exec('DELETE FROM sessions WHERE principal = ?', principal);
}

/** Records after a restart that all sessions except `ids` have no open stream any more. */
export function detachSessionsExcept(sql: Sql, ids: readonly string[], now: number): void {
  const open = JSON.stringify(ids);
  sql.exec(
    // Their streams may have ended just now, so their idle time starts now.
    'UPDATE sessions SET attached = 0, seen_at = ? WHERE attached = 1 AND id NOT IN (SELECT value FROM json_each(?))',
    now,
    open,
  );
}

/** Deletes at most `limit` sessions that were unused for too long. @returns how many it deleted */
export function sweepSessions(sql: Sql, now: number, limit: number): number {
  return sql.exec(
    `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE attached = 0 AND seen_at <= ? LIMIT ?) RETURNING id`,
    now - SESSION_IDLE_MS,
    limit,
  ).length;
}
