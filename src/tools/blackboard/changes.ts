/** What changed on any board after a revision, for those who are told of it. */
import type { Sql } from '../tool.ts';
import { AGE_FLOOR } from './sweep.ts';

/** Changes that are told one by one; to one who is further behind it is told that anything may have changed. */
export const MAX_CHANGES = 1000;

export type CellChange = {
  rev: number;
  run_id: string;
  key: string;
  /** 1 when the cell came or went with it: then the list of cells changed too. */
  listed: number;
};

/** The changes in order, or `lost` when not all of them are known any more, or there are too many. */
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
