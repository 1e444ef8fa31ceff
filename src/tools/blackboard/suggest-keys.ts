import { byDistance } from '../suggest.ts';
import type { Sql } from '../tool.ts';
import { NOT_EXPIRED } from './cell.ts';

const MAX_SUGGESTED = 3;
/** How many keys on each side of the requested one are compared. */
const MAX_NEIGHBOURS = 100;
const MAX_COMPARED_CHARS = 64;

const lastPart = (key: string) => key.slice(key.lastIndexOf('/') + 1).toLowerCase();

/**
 * Up to three keys that the caller may have meant by `key`: first keys with the same last part (the same key of another
 * agent), then keys that differ by a typing error. Only the neighbours in key order are compared, to bound the work.
 */
export function suggestKeys(sql: Sql, runId: string, key: string, now: number): string[] {
  const neighbours = (side: '<' | '>', order: 'ASC' | 'DESC') =>
    sql.exec<{ key: string }>(
      `SELECT key FROM (SELECT key, expires_at FROM board_cells WHERE run_id = ? AND key ${side} ?
       ORDER BY key ${order} LIMIT ?) WHERE ${NOT_EXPIRED}`,
      runId,
      key,
      MAX_NEIGHBOURS,
      now,
    );
  const candidates = [...neighbours('>', 'ASC'), ...neighbours('<', 'DESC')]
    .map((row) => row.key)
    .filter((candidate) => candidate.length <= MAX_COMPARED_CHARS);
  const found = candidates
    .filter((candidate) => lastPart(candidate) === lastPart(key))
    .slice(0, MAX_SUGGESTED);
  if (key.length > MAX_COMPARED_CHARS) return found;
  const most = Math.max(2, Math.floor(key.length / 3));
  const misspelt = byDistance(
    key,
    candidates.filter((candidate) => !found.includes(candidate)),
  ).filter(({ distance }) => distance <= most);
  return [...found, ...misspelt.map(({ candidate }) => candidate)].slice(0, MAX_SUGGESTED);
}
