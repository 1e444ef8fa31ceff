import type { Sql } from '../tool.ts';
import { reclaim } from './invalidation.ts';

export interface Quota {
  readonly bytes: number;
  readonly entries: number;
}
/** What one tenant's cache may hold. */
export const CACHE_QUOTA: Quota = { bytes: 256 * 1024 * 1024, entries: 50_000 };
export const MAX_EVICTED_PER_CALL = 250;

export interface Victim extends Record<string, string | number> {
  rev: number;
  ns: string;
  model: string;
  size: number;
}

/** By how much a cache would exceed its quota. */
interface Excess {
  readonly bytes: number;
  readonly entries: number;
}

/**
 * Makes room for an entry of `size` bytes: first what is dead goes, then the least recently hit, a bounded number a
 * call. When that was not enough, `fits` is false and the next call goes on from there: the quota is never exceeded.
 */
export function makeRoom(
  sql: Sql,
  size: number,
  now: number,
  quota: Quota = CACHE_QUOTA,
): { fits: boolean; evicted: readonly Victim[] } {
  if (!exceeds(excess(sql, size, quota))) return { fits: true, evicted: [] };
  reclaim(sql, now, MAX_EVICTED_PER_CALL);
  const over = excess(sql, size, quota);
  if (!exceeds(over)) return { fits: true, evicted: [] };
  const oldest = sql.exec<Victim>(
    'SELECT rev, ns, model, size FROM cache_entries ORDER BY hit_at, rev LIMIT ?',
    MAX_EVICTED_PER_CALL,
  );
  const evicted = victims(oldest, over);
  sql.exec(
    'DELETE FROM cache_entries WHERE rev IN (SELECT value FROM json_each(?))',
    JSON.stringify(evicted.map((victim) => victim.rev)),
  );
  return { fits: !exceeds(excess(sql, size, quota)), evicted };
}

function excess(sql: Sql, size: number, quota: Quota): Excess {
  const [totals] = sql.exec<{ entries: number; size: number }>('SELECT entries, size FROM cache_totals');
  return {
    bytes: (totals?.size ?? 0) + size - quota.bytes,
    entries: (totals?.entries ?? 0) + 1 - quota.entries,
  };
}

const exceeds = (over: Excess) => over.bytes > 0 || over.entries > 0;

/** The fewest of `oldest`, from the front, that take the excess away; all of them when that is not enough. */
export function victims<V extends { readonly size: number }>(oldest: readonly V[], over: Excess): V[] {
  let { bytes, entries } = over;
  const chosen: V[] = [];
  for (const candidate of oldest) {
    if (!exceeds({ bytes, entries })) break;
    chosen.push(candidate);
    bytes -= candidate.size;
    entries--;
  }
  return chosen;
}
