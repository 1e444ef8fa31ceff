/**
 * The stored versions of a cell: the newest 20, none older than 7 days. They are the cell's rows in `board_events`, which is
 * also the event log of `blackboard_watch`.
 *
 * Guarantees: a version is readable for 7 days unless 20 newer ones of the same key exist. Reads apply both limits
 * themselves, so answers do not depend on when rows are deleted.
 * Memory: at most 20 + 12 rows per key, and those that were written since the last batch of 64 revisions: surplus rows are
 * deleted together with that batch, because a row at a time dirties a database page at a time. Older rows go with the sweep.
 * Deleted rows leave a floor in `board_floors`: the highest revision deleted for that key. A watcher that asks for events
 * below a floor gets `reset`, so a gap is never silent.
 */
import { DAY_MS } from '../time.ts';
import type { Sql } from '../tool.ts';

export const MAX_VERSIONS = 20;
export const VERSION_MS = 7 * DAY_MS;
/** How many surplus versions of a key may wait, unreadable, until they are deleted together. */
const VERSION_SLACK = 12;

/** SQL: the events that the indexes by key and by board do not have yet, and those that they have. */
export const UNINDEXED = 'rev > (SELECT rev FROM board_indexed) AND indexed = 0';
export const INDEXED = 'indexed = 1';

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
  const versions = `SELECT rev, ${EVENT_OP} AS op, author, principal, coalesce(expired_at, at) AS at, expires_at, bytes, tags
    FROM board_events`;
  return sql
    .exec<Version>(
      `${versions} WHERE ${INDEXED} AND run_id = ?1 AND key = ?2
       UNION ALL ${versions} WHERE ${UNINDEXED} AND run_id = ?1 AND key = ?2 ORDER BY rev DESC LIMIT ?3`,
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

/** The stored events of a key, without those of the present batch. */
export function countVersions(sql: Sql, runId: string, key: string): number {
  const [row] = sql.exec<{ n: number }>(
    `SELECT count(*) AS n FROM board_events WHERE ${INDEXED} AND run_id = ? AND key = ?`,
    runId,
    key,
  );
  return row?.n ?? 0;
}

/** Puts the events after a revision into the indexes by key and by board, and deletes surplus versions of their keys. */
export function indexVersions(sql: Sql, after: number): void {
  sql.exec('UPDATE board_events SET indexed = 1 WHERE rev > ? AND indexed = 0', after);
  const full = sql.exec<{ run_id: string; key: string }>(
    `SELECT run_id, key FROM board_events AS e WHERE rev > ? AND ? <= coalesce(
       (SELECT versions FROM board_cells AS c WHERE c.run_id = e.run_id AND c.key = e.key),
       (SELECT count(*) FROM board_events AS v WHERE v.indexed = 1 AND v.run_id = e.run_id AND v.key = e.key))`,
    after,
    MAX_VERSIONS + VERSION_SLACK,
  );
  const cells = new Map(full.map(({ run_id, key }) => [JSON.stringify([run_id, key]), { run_id, key }]));
  for (const { run_id, key } of cells.values()) pruneVersions(sql, run_id, key);
}

/** Deletes all but the newest 20 versions of a key. */
function pruneVersions(sql: Sql, runId: string, key: string): void {
  const deleted = sql.exec<{ rev: number }>(
    `DELETE FROM board_events WHERE ${INDEXED} AND run_id = ?1 AND key = ?2 AND rev <=
       (SELECT rev FROM board_events WHERE ${INDEXED} AND run_id = ?1 AND key = ?2 ORDER BY rev DESC LIMIT 1 OFFSET ?3)
     RETURNING rev`,
    runId,
    key,
    MAX_VERSIONS,
  );
  raiseFloor(sql, runId, key, deleted);
  sql.exec('UPDATE board_cells SET versions = ? WHERE run_id = ? AND key = ?', MAX_VERSIONS, runId, key);
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
