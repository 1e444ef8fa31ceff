import { nearest } from '../arguments.ts';
import type { Sql } from '../tool.ts';

const MAX_SUGGESTED = 3;
/** Keys looked at on each side of the wanted one. */
const MAX_NEIGHBOURS = 100;
const MAX_COMPARED_CHARS = 64;

const lastPart = (key: string) => key.slice(key.lastIndexOf('/') + 1).toLowerCase();

/**
 * Up to three keys of the board that a caller who asked for `key` may have meant: such as end alike, under another
 * agent, then such as differ by a typing error. Only the neighbours in key order are looked at.
 */
export function nearKeys(sql: Sql, runId: string, key: string, now: number): string[] {
  const neighbours = (side: '<' | '>', order: 'ASC' | 'DESC') =>
    sql.exec<{ key: string }>(
      `SELECT key FROM (SELECT key, expires_at FROM board_cells WHERE run_id = ? AND key ${side} ?
       ORDER BY key ${order} LIMIT ?) WHERE expires_at IS NULL OR expires_at > ?`,
      runId,
      key,
      MAX_NEIGHBOURS,
      now,
    );
  const pool = [...neighbours('>', 'ASC'), ...neighbours('<', 'DESC')]
    .map((row) => row.key)
    .filter((candidate) => candidate.length <= MAX_COMPARED_CHARS);
  const found = pool.filter((candidate) => lastPart(candidate) === lastPart(key)).slice(0, MAX_SUGGESTED);
  if (key.length > MAX_COMPARED_CHARS) return found;
  while (found.length < MAX_SUGGESTED) {
    const next = nearest(
      key,
      pool.filter((candidate) => !found.includes(candidate)),
    );
    if (next === undefined) break;
    found.push(next);
  }
  return found;
}
