/** The storage that sessions and their subscriptions may take: bounded in bytes, so that they cannot shut out the data. */
import { ToolError } from '../tools/errors.ts';
import type { Sql, ToolContext } from '../tools/tool.ts';

/** Resources that one session can be subscribed to. */
export const MAX_SUBSCRIPTIONS = 100;
/**
 * Bytes of one session's subscriptions. A hundred cells with names of 250 Chinese characters fit; a hundred with the
 * longest names and the longest URIs for them do not.
 */
export const MAX_SUBSCRIPTION_BYTES = 196_608;
/**
 * The sessions of a tenant may take this part of its storage quota, with their subscriptions. The rest of the quota
 * cannot be used up by tokens that may only read.
 */
export const SESSION_SHARE = 1 / 16;
/** The share of a small quota is not less than this: 256 KiB are some hundred clients with ten subscriptions each. */
export const MIN_SESSION_ROOM_BYTES = 262_144;
/** The share of a large quota is not more than this: 16 MiB are 16 KiB for each of the 1,000 sessions. */
export const MAX_SESSION_ROOM_BYTES = 16_777_216;

/** What a row takes besides its texts, about: the ids, the numbers and the index entries. */
const SESSION_ROW_BYTES = 256;
const SUBSCRIPTION_ROW_BYTES = 128;

/** Bytes that the sessions of a tenant with this storage quota may take. */
export function sessionRoomBytes(quotaBytes: number): number {
  const share = Math.floor(quotaBytes * SESSION_SHARE);
  return Math.min(MAX_SESSION_ROOM_BYTES, Math.max(MIN_SESSION_ROOM_BYTES, share));
}

/**
 * Counts what a session takes, after it or its subscriptions have changed. If all sessions take more than their share,
 * those that were idle for longest are deleted.
 * @throws ToolError `too_large` when the session has too many subscriptions; `quota_exceeded` when the share is used up by
 * sessions that are in use
 */
export function countSession(context: ToolContext, id: string): void {
  const { count, bytes } = subscribed(context.sql, id);
  if (count > MAX_SUBSCRIPTIONS) {
    const message = `One client can subscribe to ${MAX_SUBSCRIPTIONS} resources; unsubscribe from one first.`;
    throw new ToolError('too_large', message, { limit: MAX_SUBSCRIPTIONS });
  }
  if (bytes > MAX_SUBSCRIPTION_BYTES) {
    const message = `The subscriptions of one client can take ${MAX_SUBSCRIPTION_BYTES} bytes; unsubscribe from one first.`;
    throw new ToolError('too_large', message, { limit: MAX_SUBSCRIPTION_BYTES });
  }
  context.sql.exec(
    'UPDATE sessions SET bytes = ? + length(CAST(client AS BLOB)) WHERE id = ?',
    SESSION_ROW_BYTES + bytes,
    id,
  );
  requireRoom(context, id);
}

function subscribed(sql: Sql, id: string): { count: number; bytes: number } {
  const [taken] = sql.exec<{ count: number; bytes: number }>(
    // The names of a cell are in the table and in the index of its sessions.
    `SELECT count(*) AS count, coalesce(sum(
       2 * length(CAST(run_id || key AS BLOB)) + length(CAST(coalesce(uri, '') AS BLOB)) + ?), 0) AS bytes
     FROM subscriptions WHERE session_id = ?`,
    SUBSCRIPTION_ROW_BYTES,
    id,
  );
  return taken ?? { count: 0, bytes: 0 };
}

/** Bytes that all sessions take, with their subscriptions. */
export function sessionBytes(sql: Sql): number {
  const [taken] = sql.exec<{ bytes: number }>('SELECT coalesce(sum(bytes), 0) AS bytes FROM sessions');
  return taken?.bytes ?? 0;
}

function requireRoom({ sql, allowance }: ToolContext, id: string): void {
  const taken = sessionBytes(sql);
  if (taken <= MIN_SESSION_ROOM_BYTES) return;
  const room = sessionRoomBytes(allowance().storage.quota_bytes);
  if (taken <= room || taken - deleteIdle(sql, id, taken - room) <= room) return;
  const message = `The sessions and subscriptions of this tenant can take ${room} bytes. Close a session or unsubscribe from resources, then repeat the request.`;
  throw new ToolError('quota_exceeded', message, { limit: room });
}

/**
 * Deletes the sessions that have no stream and were idle for longest, until at least `bytes` are free.
 * @param except the session that needs the room
 * @returns the bytes that are free now
 */
function deleteIdle(sql: Sql, except: string, bytes: number): number {
  const deleted = sql.exec<{ bytes: number }>(
    `DELETE FROM sessions WHERE id IN (
       SELECT id FROM (
         SELECT id, sum(bytes) OVER (ORDER BY seen_at, id) - bytes AS before
         FROM sessions WHERE attached = 0 AND id <> ?
       ) WHERE before < ?
     ) RETURNING bytes`,
    except,
    bytes,
  );
  return deleted.reduce((sum, session) => sum + session.bytes, 0);
}
