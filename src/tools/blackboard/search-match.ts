import { fold, isWordIn } from '../rank.ts';
import { parseTags } from './cell.ts';
import type { Candidate } from './search-rank.ts';
import { IDENTIFIER, MAX_PARTIAL_TERMS, searchedTrigrams, searchText } from './search-text.ts';

/**
 * Whether the search indexes find a cell by any of the terms, and `rankCandidates` accepts it. It tells so from the cell alone.
 * @param terms from `queryTerms`, in ASCII: beyond that FTS5 can take other characters for letters
 */
export function isFoundBy({ key, tags, value }: Candidate, terms: readonly string[]): boolean {
  const { words, grams } = searchText(key, parseTags(tags), value);
  const text = fold(`${words.name}\n${words.body}`);
  const identifiers = `${grams.name}\n${grams.body}`.toLowerCase();
  const parts = Math.min(terms.length, MAX_PARTIAL_TERMS);
  return terms.some((term, i) => {
    if (!text.includes(term)) return false;
    if (!IDENTIFIER.test(term) && isWordIn(text, term)) return true;
    const trigrams = i < parts ? searchedTrigrams(term, parts) : [];
    return trigrams.length > 0 && trigrams.every((trigram) => identifiers.includes(trigram));
  });
}
