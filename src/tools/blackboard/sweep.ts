/** Reclaims the space of what can no longer be seen. Nothing depends on its having run. */
import type { Sql, ToolContext } from '../tool.ts';
import { raiseFloor, VERSION_MS } from './history.ts';
import { dropCells } from './remove.ts';
import { indexPending, keepIndexed } from './search-index.ts';

const SWEEP_EVERY = 64;
const MAX_SWEPT = 128;
/** Marks are kept for so many revisions, whatever their age: each has one of its own, so there are never more. */
export const MAX_MARK_REVS = 100_000;
/** The row of `board_floors` for what was dropped because of its age. */
export const AGE_FLOOR = { runId: '', key: '' } as const;

/**
 * What a writer does last: keeps the search index near, and sweeps whenever the revision passes a multiple of 64, and
 * more than was written since. It drops rows, so nothing may rely on rows that were read before it.
 * @param before the revision at the beginning of the call
 */
export function sweep({ sql, now, headRev }: ToolContext, before: number): void {
  keepIndexed(sql);
  if (Math.floor(headRev() / SWEEP_EVERY) !== Math.floor(before / SWEEP_EVERY))
    sweepBlackboard(sql, now, MAX_SWEPT);
}

/**
 * Drops events and marks of claims that are older than 7 days, marks of more than 100,000 revisions ago, and cells
 * that have expired, with their tags and index entries.
 * @param limit how many rows may be dropped, index entries not counted
 * @returns how many were; fewer than `limit` when there is nothing more to drop
 */
export function sweepBlackboard(sql: Sql, now: number, limit: number): number {
  // The index learns of a cell by its event.
  indexPending(sql);
  let dropped = 0;
  for (const drop of [dropCellsExpired, dropEvents, dropMarks, dropFloors]) {
    if (dropped < limit) dropped += drop(sql, now, limit - dropped);
  }
  return dropped;
}

function dropCellsExpired(sql: Sql, now: number, limit: number): number {
  const expired = sql.exec<{ id: number }>(
    'SELECT id FROM board_cells WHERE expires_at <= ? ORDER BY expires_at LIMIT ?',
    now,
    limit,
  );
  if (expired.length > 0)
    dropCells(
      sql,
      expired.map(({ id }) => id),
    );
  return expired.length;
}

function dropEvents(sql: Sql, now: number, limit: number): number {
  return noted(
    sql,
    sql.exec<{ rev: number }>(
      `DELETE FROM board_events WHERE rev IN
         (SELECT rev FROM (SELECT rev, at FROM board_events ORDER BY rev LIMIT ?) WHERE at <= ?) RETURNING rev`,
      limit,
      now - VERSION_MS,
    ),
  );
}

function dropMarks(sql: Sql, now: number, limit: number): number {
  return noted(
    sql,
    sql.exec<{ rev: number }>(
      `DELETE FROM board_marks WHERE rev IN
         (SELECT rev FROM (SELECT rev, at FROM board_marks ORDER BY rev LIMIT ?) 
         WHERE at <= ? OR rev <= (SELECT max(rev) FROM board_marks) - ?) RETURNING rev`,
      limit,
      now - VERSION_MS,
      MAX_MARK_REVS,
    ),
  );
}

function noted(sql: Sql, dropped: { rev: number }[]): number {
  raiseFloor(sql, AGE_FLOOR.runId, AGE_FLOOR.key, dropped);
  return dropped.length;
}

/** A floor below the one for age says nothing more. */
function dropFloors(sql: Sql, _now: number, limit: number): number {
  return sql.exec(
    `DELETE FROM board_floors WHERE (run_id, key) IN
       (SELECT run_id, key FROM board_floors WHERE run_id <> ? AND rev <=
         (SELECT rev FROM board_floors WHERE run_id = ? AND key = ?) ORDER BY rev LIMIT ?) RETURNING 1 AS dropped`,
    AGE_FLOOR.runId,
    AGE_FLOOR.runId,
    AGE_FLOOR.key,
    limit,
  ).length;
}
