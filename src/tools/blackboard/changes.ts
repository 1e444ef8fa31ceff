/** Which cells changed on any board after a revision. Notification streams are fed from it. */
import type { Sql } from '../tool.ts';
import { AGE_FLOOR } from './sweep.ts';

/** The most changes that are reported one by one. A stream that is further behind gets a reset: anything may have changed. */
export const MAX_CHANGES = 1000;

export type CellChange = {
  rev: number;
  run_id: string;
  key: string;
  /** 1 if the cell was created or deleted, so that the list of resources changed as well. */
  listed: number;
};

/** The changes after `since` in order of revision, or `lost` if some are no longer stored or there are too many. */
export function changesSince(sql: Sql, since: number): CellChange[] | 'lost' {
  const [floor] = sql.exec<{ rev: number }>(
    'SELECT rev FROM board_floors WHERE run_id = ? AND key = ?',
    AGE_FLOOR.runId,
    AGE_FLOOR.key,
  );
  if ((floor?.rev ?? 0) > since) return 'lost';
  const changes = sql.exec<CellChange>(
    'SELECT rev, run_id, key, listed FROM board_events WHERE rev > ? ORDER BY rev LIMIT ?',
    since,
    MAX_CHANGES + 1,
  );
  return changes.length > MAX_CHANGES ? 'lost' : changes;
}
