/** Turns a caller's words into FTS5 queries. No text of a caller's ever reaches MATCH unquoted. */

export const MAX_QUERY_TERMS = 32;
const MIN_TRIGRAM_CHARS = 3;

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

/** An FTS5 expression that matches any of the words, for an index of words; undefined when there is no word. */
export function matchWords(terms: readonly string[]): string | undefined {
  return terms.length === 0 ? undefined : terms.map(quote).join(' OR ');
}

/** The same for a trigram index, which finds no text of fewer than three characters. */
export function matchTrigrams(terms: readonly string[]): string | undefined {
  return matchWords(terms.filter((term) => [...term].length >= MIN_TRIGRAM_CHARS));
}

function quote(term: string): string {
  return `"${term.replaceAll('"', '""')}"`;
}
