/**
 * Searches the cells of a board.
 *
 * Guarantees: a search reads at most the 500 cells written last that have any of the words, as the index finds them, and
 * ranks these by their own text. BM25 of FTS5 would count every cell of the tenant with the words, so it is not used.
 * If more cells have the words, the answer says so (`isMinimum`); the older ones are found with more specific words, a
 * prefix or tags, which the index excludes others by.
 */
import { newestRowIds, queryTerms } from '../search.ts';
import type { Sql } from '../tool.ts';
import { keyCondition } from './cell.ts';
import { listedCells, type Page, type Selection, stateCondition, tagsCondition } from './listing.ts';
import { CELL_OF_ENTRY } from './search-index.ts';
import { type Candidate, rankCandidates } from './search-rank.ts';
import { boardQuery, MAX_INDEXED_CHARS } from './search-text.ts';

const MAX_CANDIDATES = 500;

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
  if (!canMatch(sql, selection)) return { cells: [], next: undefined, total: 0, isMinimum: false };
  const terms = queryTerms(query);
  const { words, grams } = boardQuery(selection.runId, terms, selection);
  const found = new Set([...newest(sql, 'board_words', words), ...newest(sql, 'board_grams', grams)]);
  const entries = [...found].sort((a, b) => b - a).slice(0, MAX_CANDIDATES);
  const ranked = rankCandidates(loadCandidates(sql, selection, entries), terms);
  const end = offset + limit;
  return {
    cells: listedCells(sql, ranked.slice(offset, end)),
    next: end < ranked.length ? end : undefined,
    total: ranked.length,
    isMinimum: found.size > MAX_CANDIDATES,
  };
}

/**
 * False if no key has the prefix, or none of these has one of the tags. The full-text index would look through all cells that
 * have the words of the prefix and of the tags anywhere, before it finds nothing.
 */
function canMatch(sql: Sql, { runId, prefix, tags }: Selection): boolean {
  const { where, bindings } = keyCondition(runId, prefix);
  if (tags.length === 0)
    return sql.exec(`SELECT 1 AS found FROM board_cells WHERE ${where} LIMIT 1`, ...bindings).length > 0;
  return tags.every(
    (tag) =>
      sql.exec(`SELECT 1 AS found FROM board_tags WHERE tag = ? AND ${where} LIMIT 1`, tag, ...bindings)
        .length > 0,
  );
}

/** The newest row ids that match, one more than are ranked. */
const newest = (sql: Sql, index: 'board_words' | 'board_grams', expression: string | undefined): number[] =>
  expression === undefined ? [] : newestRowIds(sql, index, expression, MAX_CANDIDATES + 1);

function loadCandidates(sql: Sql, selection: Selection, entries: readonly number[]): Candidate[] {
  if (entries.length === 0) return [];
  const range = keyCondition(selection.runId, selection.prefix);
  const state = stateCondition(selection);
  const tags = tagsCondition(selection.runId, selection.tags);
  return sql.exec<Candidate>(
    `SELECT cell.id, cell.key, cell.tags, substr(cell.value, 1, ?) AS value
     FROM (SELECT value AS entry FROM json_each(?)) AS hit CROSS JOIN board_cells AS cell ON cell.id = ${CELL_OF_ENTRY}
     WHERE ${range.where} AND ${state.where} AND ${tags.where}`,
    MAX_INDEXED_CHARS,
    JSON.stringify(entries),
    ...range.bindings,
    ...state.bindings,
    ...tags.bindings,
  );
}
