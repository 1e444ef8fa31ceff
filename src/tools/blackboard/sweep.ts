import type { ToolContext } from '../tool.ts';
import { VERSION_MS } from './history.ts';
import { dropCells } from './remove.ts';

const SWEEP_EVERY = 64;
const MAX_SWEPT = 128;

/**
 * Whenever the revision passes a multiple of 64, reclaims the space of some versions that are too old and of some cells
 * that have expired. It drops rows, so nothing may rely on rows that were read before it.
 * @param before the revision at the beginning of the call
 */
export function sweep({ sql, now, headRev }: ToolContext, before: number): void {
  if (Math.floor(headRev() / SWEEP_EVERY) === Math.floor(before / SWEEP_EVERY)) return;
  sql.exec(
    `DELETE FROM board_events WHERE rev IN
       (SELECT rev FROM (SELECT rev, at FROM board_events ORDER BY rev LIMIT ?) WHERE at <= ?)`,
    MAX_SWEPT,
    now - VERSION_MS,
  );
  const expired = sql.exec<{ id: number }>(
    'SELECT id FROM board_cells WHERE expires_at <= ? ORDER BY expires_at LIMIT ?',
    now,
    MAX_SWEPT,
  );
  if (expired.length > 0)
    dropCells(
      sql,
      expired.map(({ id }) => id),
    );
}
