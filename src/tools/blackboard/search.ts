/**
 * Searches the cells of a board.
 *
 * Guarantees: a search reads at most the 500 cells written last that have any of the words, as the index finds them, and
 * ranks these by their own text. BM25 of FTS5 would count every cell of the tenant with the words, so it is not used.
 * If more cells have the words, the answer says so (`isMinimum`); the older ones are found with more specific words, a
 * prefix or tags, which the index excludes others by. If the prefix or a tag leaves at most 100 cells, these are read instead
 * of the index, with the same results: the index would look through all cells that have the words of the prefix or tag anywhere.
 */

import { areComparedAlike } from '../rank.ts';
import { newestRowIds, queryTerms } from '../search.ts';
import type { Sql, SqlValue } from '../tool.ts';
import { keyCondition } from './cell.ts';
import { listedCells, type Page, type Selection, stateCondition, tagsCondition } from './listing.ts';
import { CELL_OF_ENTRY } from './search-index.ts';
import { isFoundBy } from './search-match.ts';
import { type Candidate, rankCandidates } from './search-rank.ts';
import { boardQuery, MAX_INDEXED_CHARS } from './search-text.ts';

const MAX_CANDIDATES = 500;
/** Up to so many cells are read instead of the index. */
const MAX_FEW = 100;

/**
 * One page of search results, best first.
 * @param offset how many results the previous pages had
 */
export function pageByScore(
  sql: Sql,
  selection: Selection,
  query: string,
  offset: number,
  limit: number,
): Page<number> {
  const terms = queryTerms(query);
  const { candidates, isMinimum } = fewInScope(sql, selection, terms) ?? fromIndex(sql, selection, terms);
  const ranked = rankCandidates(candidates, terms);
  const end = offset + limit;
  return {
    cells: listedCells(sql, ranked.slice(offset, end)),
    next: end < ranked.length ? end : undefined,
    total: ranked.length,
    isMinimum,
  };
}

interface Found {
  readonly candidates: readonly Candidate[];
  readonly isMinimum: boolean;
}

/** The candidates if a prefix or tag leaves few cells; undefined if it does not, or if the words cannot be compared as the index does. */
function fewInScope(sql: Sql, selection: Selection, terms: readonly string[]): Found | undefined {
  const keys = keysInScope(sql, selection);
  if (keys === undefined || (keys.length > 0 && !areComparedAlike(terms))) return undefined;
  const candidates = loadCandidates(sql, selection, keys, 'cell.run_id = ? AND cell.key = hit.value', [
    selection.runId,
  ]);
  return { candidates: candidates.filter((cell) => isFoundBy(cell, terms)), isMinimum: false };
}

/** The keys with the prefix, or those of them with one of the tags, if these are few. */
function keysInScope(sql: Sql, { runId, prefix, tags }: Selection): string[] | undefined {
  if (prefix === '' && tags.length === 0) return undefined;
  const range = keyCondition(runId, prefix);
  const few = (table: string, bindings: readonly SqlValue[]) => {
    const rows = sql.exec<{ key: string }>(
      `SELECT key FROM ${table} AND ${range.where} LIMIT ?`,
      ...bindings,
      ...range.bindings,
      MAX_FEW + 1,
    );
    return rows.length > MAX_FEW ? undefined : rows.map(({ key }) => key);
  };
  if (tags.length === 0) return few('board_cells WHERE true', []);
  for (const tag of tags) {
    const keys = few('board_tags WHERE tag = ?', [tag]);
    if (keys !== undefined) return keys;
  }
  return undefined;
}

function fromIndex(sql: Sql, selection: Selection, terms: readonly string[]): Found {
  const { words, grams } = boardQuery(selection.runId, terms, selection);
  const found = new Set([...newest(sql, 'board_words', words), ...newest(sql, 'board_grams', grams)]);
  const entries = [...found].sort((a, b) => b - a).slice(0, MAX_CANDIDATES);
  const candidates = loadCandidates(sql, selection, entries, `cell.id = ${CELL_OF_ENTRY}`);
  return { candidates, isMinimum: found.size > MAX_CANDIDATES };
}

/** The newest row ids that match, one more than are ranked. */
const newest = (sql: Sql, index: 'board_words' | 'board_grams', expression: string | undefined): number[] =>
  expression === undefined ? [] : newestRowIds(sql, index, expression, MAX_CANDIDATES + 1);

/** The cells of a selection that `join` finds for any of `hits`. */
function loadCandidates(
  sql: Sql,
  selection: Selection,
  hits: readonly SqlValue[],
  join: string,
  bindings: readonly SqlValue[] = [],
): Candidate[] {
  if (hits.length === 0) return [];
  const range = keyCondition(selection.runId, selection.prefix);
  const state = stateCondition(selection);
  const tags = tagsCondition(selection.runId, selection.tags);
  return sql.exec<Candidate>(
    `SELECT cell.id, cell.key, cell.tags, substr(cell.value, 1, ?) AS value
     FROM (SELECT value FROM json_each(?)) AS hit CROSS JOIN board_cells AS cell ON ${join}
     WHERE ${range.where} AND ${state.where} AND ${tags.where}`,
    MAX_INDEXED_CHARS,
    JSON.stringify(hits),
    ...bindings,
    ...range.bindings,
    ...state.bindings,
    ...tags.bindings,
  );
}
