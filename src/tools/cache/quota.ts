import type { Sql } from '../tool.ts';
import { reclaim } from './invalidation.ts';

export interface Quota {
  readonly bytes: number;
  readonly entries: number;
}
/** The limits of one tenant's cache. */
export const CACHE_QUOTA: Quota = { bytes: 256 * 1024 * 1024, entries: 50_000 };
export const MAX_EVICTED_PER_CALL = 250;
const RECLAIMED_PER_STEP = 10;

export interface EvictedEntry extends Record<string, string | number> {
  rev: number;
  ns: string;
  model: string;
  size: number;
}

/** By how much the cache would exceed its quota; 0 or less means that it fits. */
interface Excess {
  readonly bytes: number;
  readonly entries: number;
}

/**
 * Frees space for an entry of `size` bytes: first it deletes dead entries, then the least recently hit, at most 250 per call.
 * If that is not enough, `fits` is false and the caller must not store the entry. A retry continues with the eviction.
 */
export function evictToFit(
  sql: Sql,
  size: number,
  now: number,
  quota: Quota = CACHE_QUOTA,
): { fits: boolean; evicted: readonly EvictedEntry[] } {
  if (!exceeds(excess(sql, size, quota))) return { fits: true, evicted: [] };
  const over = reclaimToFit(sql, size, now, quota);
  if (!exceeds(over)) return { fits: true, evicted: [] };
  const oldest = sql.exec<EvictedEntry>(
    'SELECT rev, ns, model, size FROM cache_entries ORDER BY hit_at, rev LIMIT ?',
    MAX_EVICTED_PER_CALL,
  );
  const evicted = chooseEvictions(oldest, over);
  sql.exec(
    'DELETE FROM cache_entries WHERE rev IN (SELECT value FROM json_each(?))',
    JSON.stringify(evicted.map((victim) => victim.rev)),
  );
  return { fits: !exceeds(excess(sql, size, quota)), evicted };
}

/** Deletes dead entries in small steps until the entry fits, or none is left, or enough were deleted for one call. */
function reclaimToFit(sql: Sql, size: number, now: number, quota: Quota): Excess {
  let over = excess(sql, size, quota);
  for (let deleted = 0; exceeds(over) && deleted < MAX_EVICTED_PER_CALL; deleted += RECLAIMED_PER_STEP) {
    if (reclaim(sql, now, RECLAIMED_PER_STEP) === 0) break;
    over = excess(sql, size, quota);
  }
  return over;
}

function excess(sql: Sql, size: number, quota: Quota): Excess {
  const [totals] = sql.exec<{ entries: number; size: number }>('SELECT entries, size FROM cache_totals');
  return {
    bytes: (totals?.size ?? 0) + size - quota.bytes,
    entries: (totals?.entries ?? 0) + 1 - quota.entries,
  };
}

const exceeds = (over: Excess) => over.bytes > 0 || over.entries > 0;

/** The shortest prefix of `oldest` whose removal eliminates the excess; all of them if that is not enough. */
export function chooseEvictions<V extends { readonly size: number }>(
  oldest: readonly V[],
  over: Excess,
): V[] {
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
