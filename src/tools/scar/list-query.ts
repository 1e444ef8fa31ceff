import { canonicalJson } from '../../json/canonical.ts';
import { matchTrigrams, matchWords, queryTerms } from '../search.ts';
import type { Sql, SqlValue } from '../tool.ts';
import type { State } from './state.ts';
import { SCAR_COLUMNS, type Scar } from './store.ts';

/** SQL queries of `scar_list`. */

export const SORTS = ['recent', 'frequent', 'severe'] as const;
export type Sort = (typeof SORTS)[number] | 'relevant';

/** At this age relevance is weighted by three quarters; the weight approaches one half with age. */
const HALF_WAY_MS = 30 * 24 * 3_600_000;

/** SQL expressions of the sort keys, largest first. Severity is scaled to outweigh any time in milliseconds. */
const SORT_KEY: Readonly<Record<Sort, string>> = {
  recent: 's.last_seen',
  frequent: 's.occurrences',
  severe: `1e14 * CASE s.severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1
    ELSE 0 END + s.last_seen`,
  relevant: `-INDEX.rank * (0.5 + 0.5 * ${HALF_WAY_MS}.0 / (${HALF_WAY_MS}.0 + max(0, AS_OF - s.last_seen)))`,
};

export interface ListFilter {
  readonly query: string | undefined;
  readonly project: string | null;
  readonly tool: string | null;
  readonly errorType: string | null;
  readonly severity: string | null;
  /** A JSON list. A scar must have all of these tags. */
  readonly tags: string;
}

/** The full-text index that is searched: chosen for the first page and used for all later ones. */
export type Index = 'scar_words' | 'scar_trigrams';

/** The last entry of the previous page. */
export interface Position {
  readonly place: number;
  readonly id: number;
}

interface Filter {
  readonly from: string;
  readonly where: string;
  readonly bindings: readonly SqlValue[];
}

function filterOf(wanted: ListFilter, index: Index): Filter | undefined {
  const named = [
    [' AND s.project = ?', wanted.project],
    [' AND s.tool = ?', wanted.tool],
    [' AND s.error_type = ?', wanted.errorType],
    [' AND s.severity = ?', wanted.severity],
  ] as const;
  const given = named.filter(([, value]) => value !== null);
  const where = `NOT EXISTS (SELECT value FROM json_each(?) EXCEPT SELECT value FROM json_each(s.tags))${given.map(([text]) => text).join('')}`;
  const bindings = [wanted.tags, ...given.map(([, value]) => value)];
  if (wanted.query === undefined) return { from: 'scars AS s', where, bindings };
  const terms = queryTerms(wanted.query);
  const expression = index === 'scar_words' ? matchWords(terms) : matchTrigrams(terms);
  if (expression === undefined) return undefined;
  return {
    from: `${index} JOIN scars AS s ON s.id = ${index}.rowid`,
    where: `${index} MATCH ? AND ${where}`,
    bindings: [expression, ...bindings],
  };
}

/** The number of matching scars in each state. */
export function countStates(sql: Sql, wanted: ListFilter, index: Index): Map<State, number> {
  const filter = filterOf(wanted, index);
  if (filter === undefined) return new Map();
  const rows = sql.exec<{ state: State; scars: number }>(
    `SELECT s.state AS state, count(*) AS scars FROM ${filter.from} WHERE ${filter.where} GROUP BY s.state`,
    ...filter.bindings,
  );
  return new Map(rows.map(({ state, scars }) => [state, scars]));
}

export type ListedScar = Scar & { place: number; fixes: number };

/**
 * The entries after a position, at most `limit`.
 * `asOf` is the time of the first page in milliseconds: age is weighted as of then, so that no entry moves between pages.
 */
export function pageOfScars(
  sql: Sql,
  wanted: ListFilter,
  page: {
    readonly index: Index;
    readonly states: readonly State[];
    readonly sort: Sort;
    readonly asOf: number;
    readonly after: Position | undefined;
    readonly limit: number;
  },
): ListedScar[] {
  const filter = filterOf(wanted, page.index);
  if (filter === undefined) return [];
  const place = SORT_KEY[page.sort].replace('INDEX', page.index).replace('AS_OF', String(page.asOf));
  const { place: from, id } = page.after ?? { place: null, id: null };
  return sql.exec<ListedScar>(
    `WITH placed AS MATERIALIZED (
       SELECT s.id AS id, ${place} AS place FROM ${filter.from}
       WHERE ${filter.where} AND s.state IN (SELECT value FROM json_each(?)))
     SELECT ${SCAR_COLUMNS}, p.place AS place, (SELECT count(*) FROM scar_fixes WHERE scar_id = s.id) AS fixes
     FROM placed AS p JOIN scars AS s ON s.id = p.id
     WHERE ? IS NULL OR p.place < ? OR (p.place = ? AND p.id < ?)
     ORDER BY p.place DESC, p.id DESC LIMIT ?`,
    ...filter.bindings,
    JSON.stringify(page.states),
    from,
    from,
    from,
    id,
    page.limit,
  );
}

/** Identifies a list for its cursors: all arguments except the page size. */
export const listIdentity = (wanted: ListFilter, sort: Sort, status: string | undefined) =>
  canonicalJson([
    wanted.query ?? null,
    wanted.project,
    wanted.tool,
    wanted.errorType,
    wanted.severity,
    wanted.tags,
    sort,
    status ?? null,
  ]);
