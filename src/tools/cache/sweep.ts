import type { Sql } from '../tool.ts';
import { deleteOldDays } from './counters.ts';
import { deleteExpired, deleteInvalidated } from './invalidation.ts';
import { deleteExpiredLeases, deleteUnneededTags, LEASE_GRACE_MS } from './lease.ts';

/**
 * Frees the space of rows that no answer shows any more: expired and invalidated entries with their bodies and texts,
 * invalidations without entries, leases past their grace period, tags stored for past leases, and old counters.
 * @returns how many rows it deleted, at most `limit`; fewer if nothing is left to delete
 */
export function sweepCache(sql: Sql, now: number, limit: number): number {
  let left = limit;
  left -= deleteExpired(sql, now, left);
  left -= deleteInvalidated(sql, left);
  left -= deleteExpiredLeases(sql, now - LEASE_GRACE_MS, left);
  left -= deleteUnneededTags(sql, left);
  left -= deleteOldDays(sql, now, left);
  return limit - left;
}
