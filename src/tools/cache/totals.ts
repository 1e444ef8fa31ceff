/**
 * The number and size of the entries that can be served, per namespace. Triggers keep them; see `cache_namespaces`.
 *
 * An invalidation of everything sets them to zero at once. Entries that expired, or that an invalidation by model or tag
 * covers, are subtracted when they are asked for, until they are deleted.
 */
import type { Sql } from '../tool.ts';

/** Stands for all namespaces together. */
export const EVERY_NAMESPACE = '';
/** How many expired, and how many invalidated entries are examined. */
const MAX_EXAMINED = 100;

interface Total {
  readonly entries: number;
  readonly bytes: number;
  /** True if some of these entries cannot be served any more. */
  readonly isReclaiming: boolean;
}

/** The entries that can be served now. */
export function servableTotal(sql: Sql, ns: string, now: number): Total {
  const [stored] = sql.exec<{ entries: number; size: number; since: number }>(
    `SELECT coalesce(max(entries) FILTER (WHERE ns = ?1), 0) AS entries,
       coalesce(max(size) FILTER (WHERE ns = ?1), 0) AS size, max(since) AS since
     FROM cache_namespaces WHERE ns IN ('', ?1)`,
    ns,
  );
  const since = stored?.since ?? 0;
  const expired = countExpired(sql, ns, since, now);
  const invalidated = countInvalidated(sql, ns, since, now);
  return {
    entries: (stored?.entries ?? 0) - expired.entries - invalidated.entries,
    bytes: (stored?.size ?? 0) - expired.size - invalidated.size,
    isReclaiming: Math.max(expired.examined, invalidated.examined) > MAX_EXAMINED,
  };
}

type Part = { examined: number; entries: number; size: number };

function countExpired(sql: Sql, ns: string, since: number, now: number): Part {
  const [part] = sql.exec<Part>(
    `SELECT count(*) AS examined, count(*) FILTER (WHERE rev > ?1 AND ?2 IN ('', ns)) AS entries,
       coalesce(sum(size) FILTER (WHERE rev > ?1 AND ?2 IN ('', ns)), 0) AS size
     FROM (SELECT rev, ns, size FROM cache_entries INDEXED BY cache_entries_expiry WHERE dead_at <= ?3 LIMIT ?4)`,
    since,
    ns,
    now,
    MAX_EXAMINED + 1,
  );
  return part ?? { examined: 0, entries: 0, size: 0 };
}

/** Of the entries that are not expired, those that an invalidation by model or tag covers. */
function countInvalidated(sql: Sql, ns: string, since: number, now: number): Part {
  const [part] = sql.exec<Part>(
    `SELECT count(*) AS examined, count(*) FILTER (WHERE e.rev > ?1 AND ?2 IN ('', e.ns) AND e.dead_at > ?3) AS entries,
       coalesce(sum(e.size) FILTER (WHERE e.rev > ?1 AND ?2 IN ('', e.ns) AND e.dead_at > ?3), 0) AS size
     FROM (SELECT * FROM (
         SELECT e.rev FROM cache_invalidations i
           CROSS JOIN cache_entries e INDEXED BY cache_entries_model ON e.model = i.value
         WHERE i.kind = 'model' AND e.rev <= i.rev AND i.ns IN ('', e.ns) LIMIT ?4)
       UNION SELECT * FROM (
         SELECT e.rev FROM cache_invalidations i
           CROSS JOIN cache_tags t INDEXED BY cache_tags_tag ON t.tag = i.value AND t.entry <= i.rev
           CROSS JOIN cache_entries e ON e.rev = t.entry
         WHERE i.kind = 'tag' AND i.ns IN ('', e.ns) LIMIT ?4)) AS pending
     CROSS JOIN cache_entries e ON e.rev = pending.rev`,
    since,
    ns,
    now,
    MAX_EXAMINED + 1,
  );
  return part ?? { examined: 0, entries: 0, size: 0 };
}

/** Everything in the namespace that was written before `rev` is invalidated. */
export function resetTotals(sql: Sql, ns: string, rev: number): void {
  if (ns === EVERY_NAMESPACE) {
    sql.exec("DELETE FROM cache_namespaces WHERE ns <> ''");
  } else {
    sql.exec(
      `UPDATE cache_namespaces SET entries = cache_namespaces.entries - own.entries, size = cache_namespaces.size - own.size
       FROM (SELECT entries, size FROM cache_namespaces WHERE ns = ?) AS own WHERE cache_namespaces.ns = ''`,
      ns,
    );
  }
  sql.exec(
    `INSERT INTO cache_namespaces (ns, entries, size, since) VALUES (?, 0, 0, ?)
     ON CONFLICT (ns) DO UPDATE SET entries = 0, size = 0, since = excluded.since`,
    ns,
    rev,
  );
}

/** Every entry that `resetTotals` excluded from the totals is deleted. */
export function endReset(sql: Sql, ns: string): void {
  sql.exec('UPDATE cache_namespaces SET since = 0 WHERE ns = ?', ns);
  sql.exec("DELETE FROM cache_namespaces WHERE ns = ? AND ns <> '' AND entries = 0", ns);
}
