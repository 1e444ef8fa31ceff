import type { Sql } from '../tool.ts';
import { NOT_EXPIRED } from './cell.ts';

const MAX_BOARDS_COUNTED = 1_000;
const MAX_CELLS_COUNTED = 1_000;

export type Board = {
  run_id: string;
  /** Cells that have not expired, counted up to 1,000. */
  cells: number;
  updated_at: number;
};

/**
 * The sorted names of boards that have an unexpired cell. The recursive query jumps from one board to the next in the
 * index, so its cost depends on the number of boards and not on the number of cells.
 */
function boardNames(sql: Sql, after: string, limit: number, now: number): string[] {
  return sql
    .exec<{ run_id: string }>(
      `WITH RECURSIVE names (run_id) AS (
         SELECT min(run_id) FROM board_cells WHERE run_id > ?
         UNION ALL
         SELECT (SELECT min(run_id) FROM board_cells WHERE run_id > names.run_id) FROM names
         WHERE names.run_id IS NOT NULL
       )
       SELECT run_id FROM names WHERE EXISTS
         (SELECT 1 FROM board_cells WHERE board_cells.run_id = names.run_id AND ${NOT_EXPIRED}) LIMIT ?`,
      after,
      now,
      limit,
    )
    .map((row) => row.run_id);
}

/** One page of boards, starting after the board named `after`, and the total number of boards (counted up to 1,000). */
export function listBoards(sql: Sql, after: string, limit: number, now: number) {
  const names = boardNames(sql, after, limit + 1, now);
  const total = boardNames(sql, '', MAX_BOARDS_COUNTED + 1, now).length;
  const boards = names.slice(0, limit).flatMap((runId) =>
    sql.exec<Board>(
      `SELECT run_id, count(*) AS cells, max(updated_at) AS updated_at FROM
         (SELECT run_id, updated_at FROM board_cells WHERE run_id = ? AND ${NOT_EXPIRED} LIMIT ?)`,
      runId,
      now,
      MAX_CELLS_COUNTED,
    ),
  );
  return {
    boards,
    more: names.length > limit,
    total: Math.min(total, MAX_BOARDS_COUNTED),
    isMinimum: total > MAX_BOARDS_COUNTED,
  };
}
