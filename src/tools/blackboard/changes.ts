/** Which cells changed on any board after a revision. Notification streams are fed from it. */
import type { Sql } from '../tool.ts';
import { LOG_FLOOR } from './sweep.ts';

/** The most changes that are reported one by one. A stream that is further behind gets a reset: anything may have changed. */
export const MAX_CHANGES = 1000;

export type CellChange = {
  rev: number;
  run_id: string;
  key: string;
  /** 1 if the cell was created or deleted, so that the list of resources changed as well. */
  listed: number;
};

/** Whether all changes after revision `since` are still stored, apart from those that were overwritten many times. */
export function keepsChangesSince(sql: Sql, since: number): boolean {
  const [floor] = sql.exec<{ rev: number }>(
    'SELECT rev FROM board_floors WHERE run_id = ? AND key = ?',
    LOG_FLOOR.runId,
    LOG_FLOOR.key,
  );
  return (floor?.rev ?? 0) <= since;
}

/** The changes after `since` in order of revision, or `lost` if some are no longer stored or there are too many. */
export function changesSince(sql: Sql, since: number): CellChange[] | 'lost' {
  if (!keepsChangesSince(sql, since)) return 'lost';
  const changes = sql.exec<CellChange>(
    'SELECT rev, run_id, key, listed FROM board_events WHERE rev > ? ORDER BY rev LIMIT ?',
    since,
    MAX_CHANGES + 1,
  );
  return changes.length > MAX_CHANGES ? 'lost' : changes;
}

/** The newest change after revision `since` with which a cell came or went; undefined when there is none. */
export function newestListChange(sql: Sql, since: number): number | undefined {
  const [newest] = sql.exec<{ rev: number }>(
    'SELECT rev FROM board_events WHERE rev > ? AND listed = 1 ORDER BY rev DESC LIMIT 1',
    since,
  );
  return newest?.rev;
}

/** The claims and releases after `since`, up to `head`: pages show them, and no resource changes with them. */
export const claimsSince = (sql: Sql, since: number, head: number): CellChange[] =>
  sql.exec<CellChange>(
    'SELECT rev, run_id, key, 0 AS listed FROM board_marks WHERE rev > ? AND rev <= ? ORDER BY rev LIMIT ?',
    since,
    head,
    MAX_CHANGES,
  );
