/** Scores texts by the words of a query, from the texts alone, so that the cost does not depend on how many others match. */

export interface WeightedText {
  readonly text: string;
  readonly weight: number;
}

/** A term that is a whole word counts this many times as much as one that is only part of a word. */
const WHOLE_WORD = 2;
/** How many occurrences of a term in a text are examined. */
const MAX_OCCURRENCES = 4;

const NON_ASCII = /[^\0-\x7f]/;
const WORD_CHARACTER = /[\p{L}\p{N}]/u;

/**
 * The score of each document, higher for a better match and 0 for none of the terms. Each term adds the weights of the texts
 * that contain it, times how rare the term is among the documents (the inverse document frequency of BM25, Robertson and
 * Zaragoza 2009).
 * @param terms from `queryTerms`
 */
export function scoreDocuments(
  documents: readonly (readonly WeightedText[])[],
  terms: readonly string[],
): number[] {
  const folded = terms.map(fold);
  const points = documents.map((texts) => {
    const foldedTexts = texts.map(({ text, weight }) => ({ text: fold(text), weight }));
    return folded.map((term) => pointsOf(foldedTexts, term));
  });
  const rarity = folded.map((_, i) => {
    const n = points.filter((ofTerms) => (ofTerms[i] ?? 0) > 0).length;
    return Math.log(1 + (documents.length - n + 0.5) / (n + 0.5));
  });
  return points.map((ofTerms) => ofTerms.reduce((sum, point, i) => sum + point * (rarity[i] ?? 0), 0));
}

/** True if `scoreDocuments` compares these terms exactly as FTS5 does, so that a score of 0 means no match. */
export const areComparedAlike = (terms: readonly string[]) => terms.every((term) => !NON_ASCII.test(term));

function pointsOf(texts: readonly WeightedText[], term: string): number {
  let points = 0;
  for (const { text, weight } of texts) points += weight * presence(text, term);
  return points;
}

/** 0 if the text does not contain the term, 1 if as part of a word, `WHOLE_WORD` if as a word of its own. */
function presence(text: string, term: string): number {
  let at = text.indexOf(term);
  if (at < 0) return 0;
  for (let seen = 0; at >= 0 && seen < MAX_OCCURRENCES; seen++) {
    if (!isInWord(text[at - 1]) && !isInWord(text[at + term.length])) return WHOLE_WORD;
    at = text.indexOf(term, at + 1);
  }
  return 1;
}

/** Whether a term stands in a folded text as a word of its own. */
export function isWordIn(text: string, term: string): boolean {
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1))
    if (!isInWord(text[at - 1]) && !isInWord(text[at + term.length])) return true;
  return false;
}

const isInWord = (character: string | undefined) => character !== undefined && WORD_CHARACTER.test(character);

/** Lower case without marks, as the indexes compare words. */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  return NON_ASCII.test(lower) ? lower.normalize('NFD').replace(/\p{M}/gu, '') : lower;
}
