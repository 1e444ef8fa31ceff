import type { Sql } from '../tool.ts';
import { REPORT_MEMORY_MS } from './fixes.ts';
import { RUN_MEMORY_MS } from './runs.ts';

/**
 * Reclaims the space of what is no longer counted: runs and notes of what they were shown after 7 days, reports after
 * an hour. Nothing relies on its having run.
 * @param limit rows that it deletes at most
 * @returns how many it deleted; fewer than `limit` when nothing is left to reclaim
 */
export function sweepScars(sql: Sql, now: number, limit: number): number {
  let swept = sql.exec(
    `DELETE FROM scar_runs WHERE (scar_id, run_id) IN
       (SELECT scar_id, run_id FROM scar_runs WHERE last_seen <= ? ORDER BY last_seen LIMIT ?) RETURNING scar_id`,
    now - RUN_MEMORY_MS,
    limit,
  ).length;
  swept += sql.exec(
    'DELETE FROM scar_shown WHERE id IN (SELECT id FROM scar_shown WHERE at <= ? ORDER BY at LIMIT ?) RETURNING id',
    now - RUN_MEMORY_MS,
    limit - swept,
  ).length;
  swept += sql.exec(
    'DELETE FROM scar_reports WHERE id IN (SELECT id FROM scar_reports WHERE at <= ? ORDER BY at LIMIT ?) RETURNING id',
    now - REPORT_MEMORY_MS,
    limit - swept,
  ).length;
  return swept;
}
