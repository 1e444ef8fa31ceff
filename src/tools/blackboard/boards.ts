import type { Sql } from '../tool.ts';
import { prefixRange } from './cell.ts';

const MAX_BOARDS_COUNTED = 1_000;
const MAX_CELLS_COUNTED = 1_000;

export type Board = {
  run_id: string;
  /** Cells that have not expired, counted up to 1,000. */
  cells: number;
  updated_at: number;
};

/** SQL: how many cells of a row `total` of `board_totals` have not expired. Binding: the current time. */
const UNEXPIRED = `total.cells - (SELECT count(*) FROM board_cells INDEXED BY board_cells_board_expiry
  WHERE board_cells.run_id = total.run_id AND expires_at <= ?)`;

/** One page of boards, starting after the board named `after`, and the total number of boards (counted up to 1,000). */
export function listBoards(sql: Sql, after: string, limit: number, now: number) {
  const boards = sql.exec<Board>(
    `SELECT run_id, min(cells, ?) AS cells, updated_at FROM
       (SELECT run_id, ${UNEXPIRED} AS cells, written_at AS updated_at FROM board_totals AS total WHERE run_id > ?)
     WHERE cells > 0 ORDER BY run_id LIMIT ?`,
    MAX_CELLS_COUNTED,
    now,
    after,
    limit + 1,
  );
  const total = countBoards(sql, now);
  return {
    boards: boards.slice(0, limit),
    more: boards.length > limit,
    total: Math.min(total, MAX_BOARDS_COUNTED),
    isMinimum: total > MAX_BOARDS_COUNTED,
  };
}

/** The number of boards with an unexpired cell, up to 1,001. Boards are examined one by one only if any cell has expired. */
function countBoards(sql: Sql, now: number): number {
  const [row] = sql.exec<{ boards: number }>(
    `SELECT count(*) AS boards FROM (SELECT 1 FROM board_totals AS total
       WHERE NOT EXISTS (SELECT 1 FROM board_cells INDEXED BY board_cells_expiry WHERE expires_at <= ?)
         OR ${UNEXPIRED} > 0 LIMIT ?)`,
    now,
    now,
    MAX_BOARDS_COUNTED + 1,
  );
  return row?.boards ?? 0;
}

/** The names of boards with an unexpired cell that begin with `prefix`, in order, among the first `limit` boards. */
export function boardNames(
  sql: Sql,
  prefix: string,
  limit: number,
  now: number,
): { names: string[]; more: boolean } {
  const { from, to } = prefixRange(prefix.normalize('NFC'));
  const rows = sql.exec<{ run_id: string; live: number }>(
    `SELECT run_id, ${UNEXPIRED} > 0 AS live FROM board_totals AS total
     WHERE run_id >= ?${to === undefined ? '' : ' AND run_id < ?'} ORDER BY run_id LIMIT ?`,
    now,
    from,
    ...(to === undefined ? [] : [to]),
    limit + 1,
  );
  const names = rows.slice(0, limit).flatMap(({ run_id, live }) => (live === 1 ? [run_id] : []));
  return { names, more: rows.length > limit };
}
