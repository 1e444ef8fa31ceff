/**
 * Invalidates any number of entries in one small write, and deletes them later in bounded steps.
 *
 * An invalidation is one row with its revision. Every entry has the revision of its write, so an entry is invalidated if a
 * matching invalidation has a higher revision: `IS_INVALIDATED` tests this in every query that serves or counts entries.
 * Guarantees: from the call on, no matching older entry is served; entries stored later are not affected.
 * Memory: repeating an invalidation updates its row. A row is deleted once all its entries are. Each new invalidation deletes
 * up to 2 entries, and up to 40 while 250 or more rows are pending: of 50,000 entries, so about 1,500 rows can be at most.
 * Until they are deleted, invalidated entries still count towards the quota; `evictToFit` deletes them first.
 */
import type { Sql, SqlValue } from '../tool.ts';
import { EVERY_NAMESPACE, endReset, resetTotals, servableTotal } from './totals.ts';

interface Condition {
  readonly where: string;
  readonly bindings: readonly SqlValue[];
}

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

/** How many entries one invalidation deletes. */
export const RECLAIMED_PER_INVALIDATION = 2;
/** With this many pending invalidations, each new one deletes `RECLAIMED_WHEN_MANY` entries. It bounds their number: see above. */
export const MANY_PENDING = 250;
export const RECLAIMED_WHEN_MANY = 40;
/** How many entries a count examines. */
const MAX_EXAMINED = 100;

/** SQL: whether entry `e` is invalidated. Usually nothing is pending; the first EXISTS, evaluated once per statement, makes that case cheap. */
export const IS_INVALIDATED = `(EXISTS (SELECT 1 FROM cache_invalidations) AND (
  EXISTS (SELECT 1 FROM cache_invalidations i
          WHERE i.kind = 'all' AND i.value = '' AND i.ns IN ('', e.ns) AND i.rev > e.rev)
  OR EXISTS (SELECT 1 FROM cache_invalidations i
             WHERE i.kind = 'model' AND i.value = e.model AND i.ns IN ('', e.ns) AND i.rev > e.rev)
  OR EXISTS (SELECT 1 FROM cache_tags t JOIN cache_invalidations i ON i.kind = 'tag' AND i.value = t.tag
             WHERE t.entry = e.rev AND i.ns IN ('', e.ns) AND i.rev > e.rev)))`;

const ENTRIES = {
  all: `FROM cache_entries e WHERE ? = ''`,
  'all of a namespace': `FROM cache_entries e INDEXED BY cache_entries_ns WHERE ? = '' AND e.ns = ?`,
  model: 'FROM cache_entries e INDEXED BY cache_entries_model WHERE e.model = ?',
  'model of a namespace':
    'FROM cache_entries e INDEXED BY cache_entries_model WHERE e.model = ? AND e.ns = ?',
  tag: `FROM cache_tags t INDEXED BY cache_tags_tag CROSS JOIN cache_entries e ON e.rev = t.entry WHERE t.tag = ?`,
  'tag of a namespace': `FROM cache_tags t INDEXED BY cache_tags_tag CROSS JOIN cache_entries e ON e.rev = t.entry
    WHERE t.tag = ? AND e.ns = ?`,
} as const;

/** The newest entries of a target, in the order of its index: they are the last to be covered by an earlier invalidation. */
const NEWEST_FIRST = { model: 'e.ns DESC, e.rev DESC', tag: 't.entry DESC' } as const;

/** SQL that follows SELECT, for the entries of a target with any revision. */
function entriesOf(kind: BulkTarget['kind'], value: string, ns: string): Condition {
  return ns === EVERY_NAMESPACE
    ? { where: ENTRIES[kind], bindings: [value] }
    : { where: ENTRIES[`${kind} of a namespace`], bindings: [value, ns] };
}

/** From now on every entry of the target that was written before `rev` counts as absent. */
export function recordInvalidation(sql: Sql, { kind, value, namespace }: BulkTarget, rev: number): void {
  const ns = namespace ?? EVERY_NAMESPACE;
  sql.exec(
    `INSERT INTO cache_invalidations (kind, value, ns, rev) VALUES (?, ?, ?, ?)
     ON CONFLICT (kind, value, ns) DO UPDATE SET rev = excluded.rev`,
    kind,
    value,
    ns,
    rev,
  );
  if (kind === 'all') resetTotals(sql, ns, rev);
}

/**
 * How many entries of the target were written up to `rev` and can still be served; of those by model or tag, only the newest
 * 100 are examined. `isEstimate`: the real number can differ.
 */
export function countServable(
  sql: Sql,
  target: BulkTarget,
  rev: number,
  now: number,
): { servable: number; isEstimate: boolean } {
  const ns = target.namespace ?? EVERY_NAMESPACE;
  if (target.kind === 'all') {
    const { entries, isReclaiming } = servableTotal(sql, ns, now);
    return { servable: entries, isEstimate: isReclaiming };
  }
  const { where, bindings } = entriesOf(target.kind, target.value, ns);
  const [row] = sql.exec<{ examined: number; servable: number }>(
    `SELECT count(*) AS examined, count(*) FILTER (WHERE e.dead_at > ? AND e.rev <= ? AND NOT ${IS_INVALIDATED}) AS servable
     FROM (SELECT e.rev, e.ns, e.model, e.dead_at ${where} ORDER BY ${NEWEST_FIRST[target.kind]} LIMIT ?) AS e`,
    now,
    rev,
    ...bindings,
    MAX_EXAMINED + 1,
  );
  return {
    servable: Math.min(row?.servable ?? 0, MAX_EXAMINED),
    isEstimate: (row?.examined ?? 0) > MAX_EXAMINED,
  };
}

/** After an invalidation: deletes a few of the entries that it, or another one before it, covers. */
export function reclaimAfterInvalidation(sql: Sql, now: number): void {
  const isMany =
    sql.exec('SELECT 1 AS many FROM cache_invalidations LIMIT 1 OFFSET ?', MANY_PENDING - 1).length > 0;
  reclaim(sql, now, isMany ? RECLAIMED_WHEN_MANY : RECLAIMED_PER_INVALIDATION);
}

/** Deletes at most `budget` expired entries and at most `budget` invalidated ones. @returns how many rows it deleted */
export function reclaim(sql: Sql, now: number, budget: number): number {
  return deleteExpired(sql, now, budget) + deleteInvalidated(sql, budget);
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
    const { where, bindings } = entriesOf(oldest.kind, oldest.value, oldest.ns);
    const deleted = sql.exec(
      `DELETE FROM cache_entries WHERE rev IN (SELECT e.rev ${where} AND e.rev <= ? LIMIT ?) RETURNING rev`,
      ...bindings,
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
    if (oldest.kind === 'all') endReset(sql, oldest.ns);
    left -= deleted + 1;
  }
  return budget - left;
}
