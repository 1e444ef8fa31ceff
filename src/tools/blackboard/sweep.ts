/** Frees the space of rows that no answer shows any more. No answer depends on whether or when this runs. */
import type { Sql, ToolContext } from '../tool.ts';
import { usedBy } from '../totals.ts';
import { raiseFloor, VERSION_MS } from './history.ts';
import { indexIfBehind, indexPending } from './search-index.ts';

const SWEEP_EVERY_REVS = 64;
/** More than is written in 64 revisions, so that the sweep cannot fall behind. */
const MAX_SWEPT = 128;
/** Log entries of claims are kept for this many revisions at most. Each has its own revision, so this bounds their number. */
export const MAX_MARK_REVS = 100_000;
/** What marks may take, beyond the storage quota; the oldest go first. */
export const MAX_MARK_BYTES = 16 * 1024 * 1024;
/** Marks that go when there is one too many: the smallest of them take as much as the largest that there can be. */
const MARKS_AT_ONCE = 16;
/** Bytes that an event without its value takes, with its index entries. */
const EVENT_BYTES = 250;
/** The row of `board_floors` for what was dropped because of its age or to make room. */
export const LOG_FLOOR = { runId: '', key: '' } as const;

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
 * Deletes events and log entries of claims that are older than 7 days, and log entries of claims from more than 100,000
 * revisions ago. Expired cells are removed by `boardExpiry`, which logs their expiry.
 * @param limit the most rows to delete, index entries not counted
 * @returns the number of deleted rows; less than `limit` if nothing is left to delete
 */
export function sweepBlackboard(sql: Sql, now: number, limit: number): number {
  // The index finds new cells through their events, so it must be complete before events are deleted.
  indexPending(sql);
  let deleted = 0;
  for (const step of [deleteOldEvents, deleteOldClaimEvents, deleteUnneededFloors]) {
    if (deleted < limit) deleted += step(sql, now, limit - deleted);
  }
  return deleted;
}

function deleteOldEvents(sql: Sql, now: number, limit: number): number {
  return raiseLogFloor(
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
  return raiseLogFloor(
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

/**
 * Drops the oldest events, whatever their age, so that the storage has room for new data: at least one, and no more than
 * are needed to free `bytes`. Whoever watches or listens from before is answered with a reset.
 * @param limit events that are dropped at most
 * @returns how many were dropped, 0 when there is no history, and about how many bytes they took
 */
export function dropHistory(sql: Sql, bytes: number, limit: number): { events: number; bytes: number } {
  let oldest = indexedHistory(sql, limit);
  if (oldest.length === 0) {
    indexPending(sql);
    oldest = indexedHistory(sql, limit);
  }
  let freed = 0;
  let events = 0;
  for (const event of oldest) {
    freed += event.bytes + EVENT_BYTES;
    events++;
    if (freed >= bytes) break;
  }
  const last = oldest[events - 1];
  if (last === undefined) return { events: 0, bytes: 0 };
  sql.exec('DELETE FROM board_events WHERE rev <= ?', last.rev);
  raiseLogFloor(sql, [last]);
  deleteUnneededFloors(sql, 0, limit);
  return { events, bytes: freed };
}

/** The oldest events whose cells are in the search index: the index learns of a cell by its event. */
function indexedHistory(sql: Sql, limit: number): { rev: number; bytes: number }[] {
  return sql.exec<{ rev: number; bytes: number }>(
    `SELECT rev, coalesce(bytes, 0) AS bytes FROM board_events WHERE rev <= (SELECT rev FROM board_indexed)
     ORDER BY rev LIMIT ?`,
    limit,
  );
}

/** Drops the oldest marks when all of them together take more than they may. Called for each mark that is added. */
export function limitClaimEvents(sql: Sql): void {
  if (usedBy(sql, 'claims').bytes <= MAX_MARK_BYTES) return;
  raiseLogFloor(
    sql,
    sql.exec<{ rev: number }>(
      'DELETE FROM board_marks WHERE rev IN (SELECT rev FROM board_marks ORDER BY rev LIMIT ?) RETURNING rev',
      MARKS_AT_ONCE,
    ),
  );
}

function raiseLogFloor(sql: Sql, deleted: { rev: number }[]): number {
  raiseFloor(sql, LOG_FLOOR.runId, LOG_FLOOR.key, deleted);
  return deleted.length;
}

/** The floor of the log covers every board, so a lower floor of a single key is not needed. */
function deleteUnneededFloors(sql: Sql, _now: number, limit: number): number {
  return sql.exec(
    `DELETE FROM board_floors WHERE (run_id, key) IN
       (SELECT run_id, key FROM board_floors WHERE run_id <> ? AND rev <=
         (SELECT rev FROM board_floors WHERE run_id = ? AND key = ?) ORDER BY rev LIMIT ?) RETURNING 1 AS dropped`,
    LOG_FLOOR.runId,
    LOG_FLOOR.runId,
    LOG_FLOOR.key,
    limit,
  ).length;
}
