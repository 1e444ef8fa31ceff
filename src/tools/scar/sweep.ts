import type { Sql } from '../tool.ts';
import { REPORT_RETENTION_MS } from './fixes.ts';
import { RUN_RETENTION_MS } from './runs.ts';

/**
 * Deletes expired rows to free storage: runs and what they were shown after 7 days, reports after an hour. Only storage
 * depends on it, because reads ignore expired rows.
 * @param limit maximum number of rows to delete
 * @returns how many rows were deleted; fewer than `limit` when no expired rows are left
 */
export function sweepScars(sql: Sql, now: number, limit: number): number {
  let swept = sql.exec(
    `DELETE FROM scar_runs WHERE (scar_id, run_id) IN
       (SELECT scar_id, run_id FROM scar_runs WHERE last_seen <= ? ORDER BY last_seen LIMIT ?) RETURNING scar_id`,
    now - RUN_RETENTION_MS,
    limit,
  ).length;
  swept += sql.exec(
    'DELETE FROM scar_shown WHERE id IN (SELECT id FROM scar_shown WHERE at <= ? ORDER BY at LIMIT ?) RETURNING id',
    now - RUN_RETENTION_MS,
    limit - swept,
  ).length;
  swept += sql.exec(
    'DELETE FROM scar_reports WHERE id IN (SELECT id FROM scar_reports WHERE at <= ? ORDER BY at LIMIT ?) RETURNING id',
    now - REPORT_RETENTION_MS,
    limit - swept,
  ).length;
  return swept;
}
