/**
 * The stored versions of a cell: the newest 20, none older than 7 days. They are the cell's rows in `board_events`, which is
 * also the event log of `blackboard_watch`.
 *
 * Guarantees: a version is readable for 7 days unless 20 newer ones of the same key exist. Reads apply both limits
 * themselves, so answers do not depend on when rows are deleted.
 * Memory: at most 20 + 12 rows per key (surplus rows are deleted together, to save work); older rows go with the sweep.
 * Deleted rows leave a floor in `board_floors`: the highest revision deleted for that key. A watcher that asks for events
 * below a floor gets `reset`, so a gap is never silent.
 */
import { DAY_MS } from '../time.ts';
import type { Sql } from '../tool.ts';

export const MAX_VERSIONS = 20;
export const VERSION_MS = 7 * DAY_MS;
/** How many surplus versions of a key may wait, unreadable, until they are deleted together. */
export const VERSION_SLACK = 12;

/** SQL: the operation of a row of `board_events`; an expired cell is stored as deleted. */
export const EVENT_OP = "iif(expired_at IS NULL, op, 'expired')";

/** A row of `board_events` without its value. */
export type Version = {
  rev: number;
  op: string;
  author: string;
  principal: string;
  at: number;
  expires_at: number | null;
  bytes: number | null;
  tags: string;
};

/** The readable versions of a key, newest first. */
export function listVersions(sql: Sql, runId: string, key: string, now: number): Version[] {
  return sql
    .exec<Version>(
      `SELECT rev, ${EVENT_OP} AS op, author, principal, coalesce(expired_at, at) AS at, expires_at, bytes, tags FROM board_events
       WHERE run_id = ? AND key = ? ORDER BY rev DESC LIMIT ?`,
      runId,
      key,
      MAX_VERSIONS,
    )
    .filter((version) => version.at > now - VERSION_MS);
}

/** The first `maxChars` characters of a version's value; undefined for a deletion. */
export function versionValue(sql: Sql, rev: number, maxChars: number): string | undefined {
  const [row] = sql.exec<{ value: string | null }>(
    'SELECT substr(value, 1, ?) AS value FROM board_events WHERE rev = ?',
    maxChars,
    rev,
  );
  return row?.value ?? undefined;
}

export function countVersions(sql: Sql, runId: string, key: string): number {
  const [row] = sql.exec<{ n: number }>(
    'SELECT count(*) AS n FROM board_events WHERE run_id = ? AND key = ?',
    runId,
    key,
  );
  return row?.n ?? 0;
}

/** Deletes all but the newest 20 versions of a key. */
export function pruneVersions(sql: Sql, runId: string, key: string): void {
  const deleted = sql.exec<{ rev: number }>(
    `DELETE FROM board_events WHERE run_id = ? AND key = ? AND rev <=
       (SELECT rev FROM board_events WHERE run_id = ? AND key = ? ORDER BY rev DESC LIMIT 1 OFFSET ?)
     RETURNING rev`,
    runId,
    key,
    runId,
    key,
    MAX_VERSIONS,
  );
  raiseFloor(sql, runId, key, deleted);
}

/** Records that these events were deleted: the floor of the key becomes the highest of their revisions. */
export function raiseFloor(
  sql: Sql,
  runId: string,
  key: string,
  deleted: readonly { readonly rev: number }[],
): void {
  if (deleted.length === 0) return;
  sql.exec(
    `INSERT INTO board_floors (run_id, key, rev) VALUES (?, ?, ?)
     ON CONFLICT (run_id, key) DO UPDATE SET rev = max(rev, excluded.rev)`,
    runId,
    key,
    Math.max(...deleted.map(({ rev }) => rev)),
  );
}
