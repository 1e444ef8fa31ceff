import type { Sql } from '../tool.ts';
import { dropOldDays } from './counters.ts';
import { dropExpired, dropInvalidated } from './invalidation.ts';
import { dropLeases, dropLostTags, LATE_MS } from './lease.ts';

/**
 * Reclaims the space of what no call can see any more: expired and invalidated entries with their bodies and texts,
 * invalidations that have done their work, forgotten leases and old counters.
 * @returns how many rows it removed, at most `limit`; fewer mean that nothing is left
 */
export function sweepCache(sql: Sql, now: number, limit: number): number {
  let left = limit;
  left -= dropExpired(sql, now, left);
  left -= dropInvalidated(sql, left);
  left -= dropLeases(sql, now - LATE_MS, left);
  left -= dropLostTags(sql, left);
  left -= dropOldDays(sql, now, left);
  return limit - left;
}
