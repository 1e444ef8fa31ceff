/** The events of a board after a revision, for `blackboard_watch`: writes and deletions merged with the log of claims. */
import type { Sql } from '../tool.ts';
import { keyCondition, NOT_EXPIRED } from './cell.ts';
import { EVENT_OP, INDEXED, VERSION_MS } from './history.ts';
import type { Mode } from './plan-write.ts';
import { LOG_FLOOR } from './sweep.ts';
import { PREVIEW_SOURCE_CHARS } from './value.ts';

/** The most indexed events of a board that one call scans. The rest is left to the next call, however few of them matched. */
const MAX_SCANNED = 10_000;

export type BoardEvent = {
  rev: number;
  op: Mode | 'delete' | 'expired' | 'claim' | 'release' | 'claim_expired';
  key: string;
  author: string;
  principal: string;
  /** When it happened, in milliseconds since the epoch. Expiries are logged later, so it does not always grow with `rev`. */
  at: number;
  expires_at: number | null;
  /** The start of the JSON text; null if the event wrote no value. */
  value: string | null;
};

export interface EventQuery {
  readonly runId: string;
  readonly prefix: string;
  /** Only events after this revision. */
  readonly since: number;
}

/**
 * The stored events in order of revision.
 * @returns `upTo`: the revision up to which `events` is complete; undefined if it is complete to the end
 */
export function eventsSince(
  sql: Sql,
  query: EventQuery,
  limit: number,
  now: number,
): { events: BoardEvent[]; upTo: number | undefined } {
  const { runId, prefix, since } = query;
  const { where, bindings } = keyCondition(runId, prefix);
  const [lastScanned] = sql.exec<{ rev: number }>(
    `SELECT rev FROM board_events WHERE ${INDEXED} AND run_id = ? AND rev > ? ORDER BY rev LIMIT 1 OFFSET ?`,
    runId,
    since,
    MAX_SCANNED - 1,
  );
  const last = lastScanned?.rev ?? Number.MAX_SAFE_INTEGER;
  const oldest = now - VERSION_MS;
  const event = `${EVENT_OP} AS op, key, author, principal, coalesce(expired_at, at) AS at, expires_at,
    substr(value, 1, ?) AS value`;
  const rows = sql.exec<BoardEvent>(
    `SELECT rev, ${event} FROM board_events WHERE ${INDEXED} AND ${where} AND rev > ? AND rev <= ? AND at > ?
     UNION ALL
     SELECT rev, ${event} FROM board_events
     WHERE ${where} AND indexed = 0 AND rev > max(?, (SELECT rev FROM board_indexed)) AND rev <= ? AND at > ?
     UNION ALL
     SELECT rev, iif(ended IS NULL, op, 'claim_expired'), key, author, principal, coalesce(expired_at, at), NULL, NULL
     FROM board_marks WHERE ${where} AND rev > ? AND rev <= ? AND at > ? AND (ended IS NULL OR ended = 'expired')
     ORDER BY rev LIMIT ?`,
    ...[PREVIEW_SOURCE_CHARS, ...bindings, since, last, oldest],
    ...[PREVIEW_SOURCE_CHARS, ...bindings, since, last, oldest],
    ...[...bindings, since, last, oldest],
    limit + 1,
  );
  const events = rows.slice(0, limit);
  return { events, upTo: rows.length > limit ? events.at(-1)?.rev : lastScanned?.rev };
}

/**
 * Whether events after `since` are no longer stored. For a watcher that starts from 0 this does not count, as long as the last
 * write of every unexpired cell is still stored: such a watcher still learns of every cell.
 */
export function hasLostEvents(sql: Sql, { runId, prefix, since }: EventQuery, now: number): boolean {
  const { where, bindings } = keyCondition(runId, prefix);
  const oldest = now - VERSION_MS;
  const [lost] = sql.exec<{ pruned: number; aged: number }>(
    `SELECT EXISTS (SELECT 1 FROM board_floors WHERE ${where} AND rev > ?) AS pruned,
       EXISTS (SELECT 1 FROM board_floors WHERE run_id = ? AND key = ? AND rev > ?)
       OR coalesce((SELECT at FROM board_events WHERE rev > ? ORDER BY rev LIMIT 1) <= ?, 0)
       OR coalesce((SELECT at FROM board_marks WHERE rev > ? ORDER BY rev LIMIT 1) <= ?, 0) AS aged`,
    ...bindings,
    since,
    LOG_FLOOR.runId,
    LOG_FLOOR.key,
    since,
    since,
    oldest,
    since,
    oldest,
  );
  if (lost?.pruned === 1) return true;
  if (lost?.aged !== 1) return false;
  if (since > 0) return true;
  const old = sql.exec(
    `SELECT 1 FROM board_cells WHERE ${where} AND ${NOT_EXPIRED}
       AND (updated_at <= ? OR rev <= (SELECT rev FROM board_floors WHERE run_id = ? AND key = ?)) LIMIT 1`,
    ...bindings,
    now,
    oldest,
    LOG_FLOOR.runId,
    LOG_FLOOR.key,
  );
  return old.length > 0;
}
