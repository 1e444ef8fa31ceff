/** Turns a caller's words into FTS5 queries. Every word is quoted, so callers cannot use FTS5 syntax. */
import type { SearchIndex } from './search-merge.ts';
import type { Sql } from './tool.ts';

/** Scripts that are written without spaces between words, as part of a regular expression's character class (flag `u`). */
export const UNSPACED_SCRIPTS = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}`;

/**
 * The row ids that match an FTS5 expression, the newest first.
 * They are read as one row: with a row for each, most of the time would go into making objects of them.
 */
export function newestRowIds(sql: Sql, index: SearchIndex, expression: string, limit: number): number[] {
  const [found] = sql.exec<{ ids: string }>(
    `SELECT json_group_array(id) AS ids FROM
       (SELECT rowid AS id FROM ${index} WHERE ${index} MATCH ? ORDER BY rowid DESC LIMIT ?)`,
    expression,
    limit,
  );
  return JSON.parse(found?.ids ?? '[]');
}

export const MAX_QUERY_TERMS = 32;
/** A trigram index cannot find shorter texts. */
export const MIN_TRIGRAM_CHARS = 3;

/** The distinct words of `text`, lower-cased, at most 32. */
export function queryTerms(text: string): string[] {
  const terms = new Set<string>();
  for (const [word] of text
    .normalize('NFC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}\p{M}_]+/gu)) {
    terms.add(word);
    if (terms.size === MAX_QUERY_TERMS) break;
  }
  return [...terms];
}

/** An FTS5 expression for a word index that matches any of the words; undefined if there are none. */
export function matchWords(terms: readonly string[]): string | undefined {
  return terms.length === 0 ? undefined : terms.map(quote).join(' OR ');
}

/** Like `matchWords`, for a trigram index, which cannot find texts of fewer than three characters. */
export function matchTrigrams(terms: readonly string[]): string | undefined {
  return matchWords(terms.filter((term) => [...term].length >= MIN_TRIGRAM_CHARS));
}

function quote(term: string): string {
  return `"${term.replaceAll('"', '""')}"`;
}
