import type { Sql } from '../tool.ts';

const MAX_BOARDS_COUNTED = 1_000;
const MAX_CELLS_COUNTED = 1_000;

export type Board = {
  run_id: string;
  /** Live cells, at most 1,000. */
  cells: number;
  updated_at: number;
};

const LIVE = '(expires_at IS NULL OR expires_at > ?)';

/** The names of boards that have a live cell, in order. Each step is one search in the index, whatever a board holds. */
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
         (SELECT 1 FROM board_cells WHERE board_cells.run_id = names.run_id AND ${LIVE}) LIMIT ?`,
      after,
      now,
      limit,
    )
    .map((row) => row.run_id);
}

/** A page of boards after the one named `after`, and how many there are in all. */
export function listBoards(sql: Sql, after: string, limit: number, now: number) {
  const names = boardNames(sql, after, limit + 1, now);
  const total = boardNames(sql, '', MAX_BOARDS_COUNTED + 1, now).length;
  const boards = names.slice(0, limit).flatMap((runId) =>
    sql.exec<Board>(
      `SELECT run_id, count(*) AS cells, max(updated_at) AS updated_at FROM
         (SELECT run_id, updated_at FROM board_cells WHERE run_id = ? AND ${LIVE} LIMIT ?)`,
      runId,
      now,
      MAX_CELLS_COUNTED,
    ),
  );
  return {
    boards,
    more: names.length > limit,
    total: Math.min(total, MAX_BOARDS_COUNTED),
    uncounted: total > MAX_BOARDS_COUNTED,
  };
}
