/** Frees the space of rows that no answer shows any more. No answer depends on whether or when this runs. */
import type { Sql, ToolContext } from '../tool.ts';
import { deleteCellRows } from './delete-cells.ts';
import { raiseFloor, VERSION_MS } from './history.ts';
import { indexIfBehind, indexPending } from './search-index.ts';

const SWEEP_EVERY_REVS = 64;
/** More than is written in 64 revisions, so that the sweep cannot fall behind. */
const MAX_SWEPT = 128;
/** Log entries of claims are kept for this many revisions at most. Each has its own revision, so this bounds their number. */
export const MAX_MARK_REVS = 100_000;
/** The row of `board_floors` for events that were deleted because of their age, on any board. */
export const AGE_FLOOR = { runId: '', key: '' } as const;

/**
 * Runs a call that writes. Afterwards it updates the search index if that has fallen behind, and sweeps if the revision
 * has passed a multiple of 64. The sweep deletes rows, so it must come after everything that uses rows read before.
 */
export function sweepAfter<Answer>({ sql, now, headRev }: ToolContext, run: () => Answer): Answer {
  const before = headRev();
  const answer = run();
  indexIfBehind(sql);
  if (Math.floor(headRev() / SWEEP_EVERY_REVS) !== Math.floor(before / SWEEP_EVERY_REVS))
    sweepBlackboard(sql, now, MAX_SWEPT);
  return answer;
}

/**
 * Deletes events and log entries of claims that are older than 7 days, log entries of claims from more than 100,000
 * revisions ago, and expired cells with their tags and index entries.
 * @param limit the most rows to delete, index entries not counted
 * @returns the number of deleted rows; less than `limit` if nothing is left to delete
 */
export function sweepBlackboard(sql: Sql, now: number, limit: number): number {
  // The index finds new cells through their events, so it must be complete before events are deleted.
  indexPending(sql);
  let deleted = 0;
  for (const step of [deleteExpiredCells, deleteOldEvents, deleteOldClaimEvents, deleteUnneededFloors]) {
    if (deleted < limit) deleted += step(sql, now, limit - deleted);
  }
  return deleted;
}

function deleteExpiredCells(sql: Sql, now: number, limit: number): number {
  const expired = sql.exec<{ id: number }>(
    'SELECT id FROM board_cells WHERE expires_at <= ? ORDER BY expires_at LIMIT ?',
    now,
    limit,
  );
  if (expired.length > 0)
    deleteCellRows(
      sql,
      expired.map(({ id }) => id),
    );
  return expired.length;
}

function deleteOldEvents(sql: Sql, now: number, limit: number): number {
  return raiseAgeFloor(
    sql,
    sql.exec<{ rev: number }>(
      `DELETE FROM board_events WHERE rev IN
         (SELECT rev FROM (SELECT rev, at FROM board_events ORDER BY rev LIMIT ?) WHERE at <= ?) RETURNING rev`,
      limit,
      now - VERSION_MS,
    ),
  );
}

function deleteOldClaimEvents(sql: Sql, now: number, limit: number): number {
  return raiseAgeFloor(
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

function raiseAgeFloor(sql: Sql, deleted: { rev: number }[]): number {
  raiseFloor(sql, AGE_FLOOR.runId, AGE_FLOOR.key, deleted);
  return deleted.length;
}

/** The floor for age covers every board, so a lower floor of a single key is not needed. */
function deleteUnneededFloors(sql: Sql, _now: number, limit: number): number {
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
