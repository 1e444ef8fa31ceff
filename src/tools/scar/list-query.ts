/**
 * The queries of `scar_list`.
 *
 * Guarantees: a page and its counts examine at most 500 scars, those that come first in the order or, with a query, the newest
 * that have any of its words. A page whose filters reject most of them can be short and still have a next page.
 */
import { canonicalJson } from '../../json/canonical.ts';
import { scoreDocuments } from '../rank.ts';
import { matchTrigrams, matchWords, newestRowIds, queryTerms } from '../search.ts';
import type { Sql, SqlValue } from '../tool.ts';
import { STATES, type State } from './state.ts';
import { SCAR_COLUMNS, type Scar } from './store.ts';

export const SORTS = ['recent', 'frequent', 'severe'] as const;
export type Sort = (typeof SORTS)[number] | 'relevant';

const MAX_EXAMINED = 500;
/** At this age relevance is weighted by three quarters; the weight approaches one half with age. */
const HALF_WAY_MS = 30 * 24 * 3_600_000;

/** SQL expressions of the sort keys, largest first, as their indexes have them. Severity is scaled to outweigh any time in milliseconds. */
const SORT_KEY: Readonly<Record<(typeof SORTS)[number], string>> = {
  recent: 'last_seen',
  frequent: 'occurrences',
  severe: `1e14 * CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 ELSE 0 END + last_seen`,
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

/** The last entry that the previous page examined. */
export interface Position {
  readonly place: number;
  readonly id: number;
}

interface Filter {
  readonly where: string;
  readonly bindings: readonly SqlValue[];
}

/** SQL on a scar `s`, without the query and the state. */
function filterOf(wanted: ListFilter): Filter {
  const named = [
    ['s.project = ?', wanted.project],
    ['s.tool = ?', wanted.tool],
    ['s.error_type = ?', wanted.errorType],
    ['s.severity = ?', wanted.severity],
    [
      'NOT EXISTS (SELECT value FROM json_each(?) EXCEPT SELECT value FROM json_each(s.tags))',
      wanted.tags === '[]' ? null : wanted.tags,
    ],
  ] as const;
  const given = named.filter(([, value]) => value !== null);
  return {
    where: given.length === 0 ? 'true' : given.map(([text]) => text).join(' AND '),
    bindings: given.map(([, value]) => value),
  };
}

export interface StateCounts {
  readonly counts: ReadonlyMap<State, number>;
  /** True if the real numbers can be larger. */
  readonly isMinimum: boolean;
}

/** The number of scars in each state that a list without a query matches. */
export function countStates(sql: Sql, wanted: ListFilter): StateCounts {
  const filter = filterOf(wanted);
  if (filter.bindings.length === 0) {
    const rows = sql.exec<{ state: State; scars: number }>('SELECT state, scars FROM scar_states');
    return { counts: new Map(rows.map(({ state, scars }) => [state, scars])), isMinimum: false };
  }
  const rows = sql.exec<{ state: State; matches: 0 | 1 }>(
    `SELECT s.state, ${filter.where} AS matches FROM scars AS s INDEXED BY scars_recent ORDER BY s.last_seen DESC LIMIT ?`,
    ...filter.bindings,
    MAX_EXAMINED + 1,
  );
  const matching = rows.filter(({ matches }) => matches === 1);
  return { counts: byState(matching), isMinimum: rows.length > MAX_EXAMINED };
}

function byState(scars: readonly { state: State }[]): Map<State, number> {
  return new Map(STATES.map((state) => [state, scars.filter((scar) => scar.state === state).length]));
}

export type ListedScar = Scar & { place: number; fixes: number };

export interface Order {
  readonly states: readonly State[];
  readonly sort: Sort;
  /** The time of the first page in milliseconds: age is weighted as of then, so that no entry moves between pages. */
  readonly asOf: number;
  readonly after: Position | undefined;
  readonly limit: number;
}

export interface Page {
  readonly scars: readonly ListedScar[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: Position | undefined;
}

/** The entries after a position, of a list without a query. */
export function pageOfScars(
  sql: Sql,
  wanted: ListFilter,
  order: Order & { sort: (typeof SORTS)[number] },
): Page {
  const filter = filterOf(wanted);
  const place = SORT_KEY[order.sort];
  const { place: from, id } = order.after ?? { place: Number.MAX_VALUE, id: 0 };
  const examined = `SELECT *, ${place} AS place FROM scars INDEXED BY scars_${order.sort}
    WHERE ${place} <= ? AND (${place} < ? OR id < ?) ORDER BY ${place} DESC, id DESC LIMIT`;
  const bindings = [from, from, id];
  const found = sql.exec<ListedScar>(
    `SELECT ${SCAR_COLUMNS}, s.place, (SELECT count(*) FROM scar_fixes WHERE scar_id = s.id) AS fixes
     FROM (${examined} ?) AS s WHERE ${filter.where} AND s.state IN (SELECT value FROM json_each(?)) LIMIT ?`,
    ...bindings,
    MAX_EXAMINED,
    ...filter.bindings,
    JSON.stringify(order.states),
    order.limit + 1,
  );
  const scars = found.slice(0, order.limit);
  if (found.length > scars.length) return { scars, next: scars.at(-1) };
  const [last] = sql.exec<{ place: number; id: number }>(
    `SELECT place, id FROM (${examined} 1 OFFSET ?)`,
    ...bindings,
    MAX_EXAMINED - 1,
  );
  return { scars, next: last };
}

type Hit = {
  id: number;
  state: State;
  tokens: string;
  names: string;
  last_seen: number;
  occurrences: number;
  severe: number;
};

export interface SearchResult extends StateCounts {
  readonly index: Index;
  readonly hits: readonly Hit[];
  readonly terms: readonly string[];
}

/**
 * The newest scars that have any of the words of a query. A query without a match among whole words is searched by trigrams.
 * @param index the index of the first page
 */
export function searchScars(
  sql: Sql,
  wanted: ListFilter,
  query: string,
  index: Index | undefined,
): SearchResult {
  const terms = queryTerms(query);
  const words = hitsIn(sql, wanted, 'scar_words', matchWords(terms));
  const useWords = index === undefined ? words.hits.length > 0 : index === 'scar_words';
  const { hits, isMinimum } = useWords ? words : hitsIn(sql, wanted, 'scar_trigrams', matchTrigrams(terms));
  return {
    index: useWords ? 'scar_words' : 'scar_trigrams',
    hits,
    terms,
    counts: byState(hits),
    isMinimum,
  };
}

function hitsIn(sql: Sql, wanted: ListFilter, index: Index, expression: string | undefined) {
  if (expression === undefined) return { hits: [], isMinimum: false };
  const ids = newestRowIds(sql, index, expression, MAX_EXAMINED + 1);
  const filter = filterOf(wanted);
  const hits = sql.exec<Hit>(
    `SELECT s.id, s.state, s.tokens, s.names, s.last_seen, s.occurrences, ${SORT_KEY.severe} AS severe
     FROM (SELECT value AS id FROM json_each(?)) AS hit CROSS JOIN scars AS s ON s.id = hit.id WHERE ${filter.where}`,
    JSON.stringify(ids.slice(0, MAX_EXAMINED)),
    ...filter.bindings,
  );
  return { hits, isMinimum: ids.length > MAX_EXAMINED };
}

/** The entries of a search after a position. */
export function pageOfHits(sql: Sql, { hits, terms }: SearchResult, order: Order): Page {
  const placed = placesOf(hits, terms, order)
    .filter(({ state }) => order.states.includes(state))
    .sort((a, b) => b.place - a.place || b.id - a.id);
  const { after } = order;
  const rest = placed.filter(
    ({ place, id }) => after === undefined || place < after.place || (place === after.place && id < after.id),
  );
  const shown = rest.slice(0, order.limit);
  const scars = new Map(
    sql
      .exec<ListedScar>(
        `SELECT ${SCAR_COLUMNS}, (SELECT count(*) FROM scar_fixes WHERE scar_id = s.id) AS fixes
         FROM scars AS s WHERE s.id IN (SELECT value FROM json_each(?))`,
        JSON.stringify(shown.map(({ id }) => id)),
      )
      .map((scar) => [scar.id, scar]),
  );
  return {
    scars: shown.flatMap(({ id, place }) => {
      const scar = scars.get(id);
      return scar === undefined ? [] : [{ ...scar, place }];
    }),
    next: rest.length > shown.length ? shown.at(-1) : undefined,
  };
}

function placesOf(hits: readonly Hit[], terms: readonly string[], { sort, asOf }: Order) {
  if (sort === 'recent') return hits.map((hit) => ({ ...hit, place: hit.last_seen }));
  if (sort === 'frequent') return hits.map((hit) => ({ ...hit, place: hit.occurrences }));
  if (sort === 'severe') return hits.map((hit) => ({ ...hit, place: hit.severe }));
  const scores = scoreDocuments(
    hits.map(({ tokens, names }) => [
      { text: tokens, weight: 1 },
      { text: names, weight: 1 },
    ]),
    terms,
  );
  return hits.map((hit, i) => {
    const age = Math.max(0, asOf - hit.last_seen);
    return { ...hit, place: (scores[i] ?? 0) * (0.5 + (0.5 * HALF_WAY_MS) / (HALF_WAY_MS + age)) };
  });
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
