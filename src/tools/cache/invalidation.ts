/**
 * Invalidates any number of entries in one small write, and deletes them later in bounded steps.
 *
 * An invalidation is one row with its revision. Every entry has the revision of its write, so an entry is invalidated if a
 * matching invalidation has a higher revision: `IS_INVALIDATED` tests this in every query that serves or counts entries.
 * Guarantees: from the call on, no matching older entry is served; entries stored later are not affected.
 * Memory: repeating an invalidation updates its row. A row is deleted once all its entries are. Each new invalidation deletes
 * up to 200 entries, so at most about 250 rows (50,000 entries / 200) can be pending.
 * Until they are deleted, invalidated entries still count towards the quota; `evictToFit` deletes them first.
 */
import type { Sql } from '../tool.ts';

/** Selects all entries, those of a model or those with a tag. `namespace` undefined means every namespace. */
export interface BulkTarget {
  readonly kind: 'all' | 'model' | 'tag';
  readonly value: string;
  readonly namespace: string | undefined;
}

export interface KeysTarget {
  readonly kind: 'keys';
  readonly keys: readonly string[];
  readonly namespace: string | undefined;
}

/** What `cache_invalidate` can select. */
export type InvalidationTarget = BulkTarget | KeysTarget;

/** How many entries one invalidation deletes. It bounds the number of pending invalidations: see above. */
export const RECLAIMED_PER_INVALIDATION = 200;
/** Stored in place of a namespace when an invalidation covers all of them. */
export const EVERY_NAMESPACE = '';

/** SQL: whether entry `e` is invalidated. Usually nothing is pending; the first EXISTS, evaluated once per statement, makes that case cheap. */
export const IS_INVALIDATED = `(EXISTS (SELECT 1 FROM cache_invalidations) AND (
  EXISTS (SELECT 1 FROM cache_invalidations i
          WHERE i.kind = 'all' AND i.value = '' AND i.ns IN ('', e.ns) AND i.rev > e.rev)
  OR EXISTS (SELECT 1 FROM cache_invalidations i
             WHERE i.kind = 'model' AND i.value = e.model AND i.ns IN ('', e.ns) AND i.rev > e.rev)
  OR EXISTS (SELECT 1 FROM cache_tags t JOIN cache_invalidations i ON i.kind = 'tag' AND i.value = t.tag
             WHERE t.entry = e.rev AND i.ns IN ('', e.ns) AND i.rev > e.rev)))`;

/** SQL that selects the entries of a target written up to a revision. Bindings: value, namespace, revision. */
const ENTRIES_UP_TO: Record<BulkTarget['kind'], string> = {
  all: `SELECT e.rev FROM cache_entries e WHERE ? = '' AND ? IN ('', e.ns) AND e.rev <= ?`,
  model: `SELECT e.rev FROM cache_entries e WHERE e.model = ? AND ? IN ('', e.ns) AND e.rev <= ?`,
  tag: `SELECT e.rev FROM cache_tags t JOIN cache_entries e ON e.rev = t.entry
        WHERE t.tag = ? AND ? IN ('', e.ns) AND t.entry <= ?`,
};

/** From now on every entry of the target that was written before `rev` counts as absent. */
export function recordInvalidation(sql: Sql, { kind, value, namespace }: BulkTarget, rev: number): void {
  sql.exec(
    `INSERT INTO cache_invalidations (kind, value, ns, rev) VALUES (?, ?, ?, ?)
     ON CONFLICT (kind, value, ns) DO UPDATE SET rev = excluded.rev`,
    kind,
    value,
    namespace ?? EVERY_NAMESPACE,
    rev,
  );
}

/** Counts the entries of the target, written up to `rev`, that can still be served. Stops at `max`. */
export function countServable(sql: Sql, target: BulkTarget, rev: number, now: number, max: number): number {
  const [row] = sql.exec<{ servable: number }>(
    `SELECT count(*) AS servable FROM
       (SELECT 1 FROM cache_entries e
        WHERE e.rev IN (${ENTRIES_UP_TO[target.kind]}) AND e.dead_at > ? AND NOT ${IS_INVALIDATED} LIMIT ?)`,
    target.value,
    target.namespace ?? EVERY_NAMESPACE,
    rev,
    now,
    max,
  );
  return row?.servable ?? 0;
}

/** Deletes at most `budget` expired entries and at most `budget` invalidated ones. */
export function reclaim(sql: Sql, now: number, budget: number): void {
  deleteExpired(sql, now, budget);
  deleteInvalidated(sql, budget);
}

/** Deletes at most `budget` expired entries. @returns how many it deleted */
export function deleteExpired(sql: Sql, now: number, budget: number): number {
  return sql.exec(
    `DELETE FROM cache_entries WHERE rev IN
       (SELECT rev FROM cache_entries WHERE dead_at <= ? ORDER BY dead_at LIMIT ?) RETURNING rev`,
    now,
    budget,
  ).length;
}

/** Deletes invalidated entries, and invalidations that have none left. @returns how many rows it deleted, at most `budget` */
export function deleteInvalidated(sql: Sql, budget: number): number {
  let left = budget;
  while (left > 0) {
    const [oldest] = sql.exec<{ kind: BulkTarget['kind']; value: string; ns: string; rev: number }>(
      'SELECT kind, value, ns, rev FROM cache_invalidations ORDER BY rev LIMIT 1',
    );
    if (oldest === undefined) break;
    const deleted = sql.exec(
      `DELETE FROM cache_entries WHERE rev IN (${ENTRIES_UP_TO[oldest.kind]} LIMIT ?) RETURNING rev`,
      oldest.value,
      oldest.ns,
      oldest.rev,
      left,
    ).length;
    if (deleted === left) return budget;
    // No entry of this invalidation is left, and later entries have a higher revision, so its row is not needed any more.
    sql.exec(
      'DELETE FROM cache_invalidations WHERE kind = ? AND value = ? AND ns = ?',
      oldest.kind,
      oldest.value,
      oldest.ns,
    );
    left -= deleted + 1;
  }
  return budget - left;
}
