import type { Sql } from '../tool.ts';

/** What an invalidation names: all entries, those of a model or those with a tag; in one namespace or in every one. */
export interface Target {
  readonly kind: 'all' | 'model' | 'tag';
  readonly value: string;
  readonly namespace: string | undefined;
}

/**
 * Entries reclaimed by one invalidation. One that leaves any pending has reclaimed this many, so there are never many
 * more than `CACHE_QUOTA.entries` divided by this pending.
 */
export const RECLAIMED_PER_INVALIDATION = 200;
export const EVERY_NAMESPACE = '';

/** SQL: whether a later invalidation names the entry `e`. Mostly none is pending, which is asked once a statement. */
export const SUPERSEDED = `(EXISTS (SELECT 1 FROM cache_invalidations) AND (
  EXISTS (SELECT 1 FROM cache_invalidations i
          WHERE i.kind = 'all' AND i.value = '' AND i.ns IN ('', e.ns) AND i.rev > e.rev)
  OR EXISTS (SELECT 1 FROM cache_invalidations i
             WHERE i.kind = 'model' AND i.value = e.model AND i.ns IN ('', e.ns) AND i.rev > e.rev)
  OR EXISTS (SELECT 1 FROM cache_tags t JOIN cache_invalidations i ON i.kind = 'tag' AND i.value = t.tag
             WHERE t.entry = e.rev AND i.ns IN ('', e.ns) AND i.rev > e.rev)))`;

/** SQL for the entries written up to a revision; its bindings are value, namespace and revision. */
const WRITTEN_BY: Record<Target['kind'], string> = {
  all: `SELECT e.rev FROM cache_entries e WHERE ? = '' AND ? IN ('', e.ns) AND e.rev <= ?`,
  model: `SELECT e.rev FROM cache_entries e WHERE e.model = ? AND ? IN ('', e.ns) AND e.rev <= ?`,
  tag: `SELECT e.rev FROM cache_tags t JOIN cache_entries e ON e.rev = t.entry
        WHERE t.tag = ? AND ? IN ('', e.ns) AND t.entry <= ?`,
};

/** Makes every entry of the target that was written before `rev` count as absent from now on. */
export function invalidate(sql: Sql, { kind, value, namespace }: Target, rev: number): void {
  sql.exec(
    `INSERT INTO cache_invalidations (kind, value, ns, rev) VALUES (?, ?, ?, ?)
     ON CONFLICT (kind, value, ns) DO UPDATE SET rev = excluded.rev`,
    kind,
    value,
    namespace ?? EVERY_NAMESPACE,
    rev,
  );
}

/** How many entries written up to `rev` the target names that can still be served, counted up to `max`. */
export function countLive(sql: Sql, target: Target, rev: number, now: number, max: number): number {
  const [row] = sql.exec<{ live: number }>(
    `SELECT count(*) AS live FROM
       (SELECT 1 FROM cache_entries e
        WHERE e.rev IN (${WRITTEN_BY[target.kind]}) AND e.dead_at > ? AND NOT ${SUPERSEDED} LIMIT ?)`,
    target.value,
    target.namespace ?? EVERY_NAMESPACE,
    rev,
    now,
    max,
  );
  return row?.live ?? 0;
}

/** Frees the space of some entries that can never be served again: at most `budget` of the expired and the invalidated. */
export function reclaim(sql: Sql, now: number, budget: number): void {
  dropExpired(sql, now, budget);
  dropInvalidated(sql, budget);
}

/** @returns how many of at most `budget` expired entries it removed */
export function dropExpired(sql: Sql, now: number, budget: number): number {
  return sql.exec(
    `DELETE FROM cache_entries WHERE rev IN
       (SELECT rev FROM cache_entries WHERE dead_at <= ? ORDER BY dead_at LIMIT ?) RETURNING rev`,
    now,
    budget,
  ).length;
}

/** @returns how many of at most `budget` invalidated entries and spent invalidations it removed */
export function dropInvalidated(sql: Sql, budget: number): number {
  let left = budget;
  while (left > 0) {
    const [oldest] = sql.exec<{ kind: Target['kind']; value: string; ns: string; rev: number }>(
      'SELECT kind, value, ns, rev FROM cache_invalidations ORDER BY rev LIMIT 1',
    );
    if (oldest === undefined) break;
    const removed = sql.exec(
      `DELETE FROM cache_entries WHERE rev IN (${WRITTEN_BY[oldest.kind]} LIMIT ?) RETURNING rev`,
      oldest.value,
      oldest.ns,
      oldest.rev,
      left,
    ).length;
    if (removed === left) return budget;
    // Nothing older is left, and whatever is written later is newer: this invalidation has done its work.
    sql.exec(
      'DELETE FROM cache_invalidations WHERE kind = ? AND value = ? AND ns = ?',
      oldest.kind,
      oldest.value,
      oldest.ns,
    );
    left -= removed + 1;
  }
  return budget - left;
}
