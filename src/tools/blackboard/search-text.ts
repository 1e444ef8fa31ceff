/** Which text of a cell is indexed, and the FTS5 expressions that search it. */
import { matchTrigrams, matchWords, queryTerms, UNSPACED_SCRIPTS } from '../search.ts';

/** How many characters of a value's JSON text are indexed. */
export const MAX_INDEXED_CHARS = 2_048;

/** The text for one index: `name` has the key and the tags, `body` the start of the value. */
export interface IndexText {
  readonly name: string;
  readonly body: string;
}

export interface SearchText {
  readonly words: IndexText;
  readonly grams: IndexText;
}

/**
 * The texts for the two indexes. Trigrams cost about ten times as much as words, so the trigram index gets only what a word
 * search cannot find: the key, the tags, and from the value identifiers, paths and text in scripts without spaces.
 * @param json the JSON text of the value, or its start
 */
export function searchText(key: string, tags: readonly string[], json: string): SearchText {
  const name = [key, ...tags].join(' ');
  const body = json.slice(0, MAX_INDEXED_CHARS).replace(JSON_ESCAPE, ' ').toWellFormed();
  return {
    words: { name: name + unspacedTerms(name), body: body + unspacedTerms(body) },
    grams: { name, body: identifiers(body) },
  };
}

const JSON_ESCAPE = /\\(?:u[0-9a-f]{4}|.)/g;
const CHUNK = /[\p{L}\p{N}\p{M}_]+(?:[./:@#-]+[\p{L}\p{N}\p{M}_]+)*/gu;
const UNSPACED = new RegExp(`[${UNSPACED_SCRIPTS}]`, 'u');
const UNSPACED_RUN = new RegExp(`[${UNSPACED_SCRIPTS}][${UNSPACED_SCRIPTS}\\p{M}ー]*`, 'gu');
const NON_ASCII = /[^\0-\x7f]/;
/** A plain word or a number, as most chunks are. Only an optimisation. */
const PLAIN = /^(?:[A-Za-z][a-z]*|\d+)$/;
/** A letter next to a digit, or an upper-case letter after a lower-case one. */
const MIXED = /\p{L}\p{M}*\p{N}|\p{N}\p{L}|\p{Ll}\p{M}*\p{Lu}/u;
const JOINED = /[_./:@#-]/;
const LETTER = /\p{L}/u;

function identifiers(body: string): string {
  return [...new Set(body.match(CHUNK))]
    .filter((chunk) => !PLAIN.test(chunk) && mayBeSearchedInPart(chunk))
    .join(' ');
}

function mayBeSearchedInPart(chunk: string): boolean {
  return MIXED.test(chunk) || UNSPACED.test(chunk) || (JOINED.test(chunk) && LETTER.test(chunk));
}

/** Text in scripts without spaces as words of one and two characters, because the trigram index cannot find such short texts. */
function unspacedTerms(text: string): string {
  if (!NON_ASCII.test(text)) return '';
  const parts = new Set<string>();
  for (const [run] of text.matchAll(UNSPACED_RUN)) {
    const characters = [...run];
    for (const [i, character] of characters.entries()) {
      parts.add(character);
      const next = characters[i + 1];
      if (next !== undefined) parts.add(character + next);
    }
  }
  return [...parts].map((part) => ` ${part}`).join('');
}

const PRIVATE_USE = 0xe000;

/**
 * Three private-use characters that identify a board in both indexes, made from a hash (FNV-1a) of its name. They form one
 * word and one trigram, and no query can contain them. Two boards can have the same token, so hits must be checked for
 * their board.
 */
export function boardToken(runId: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < runId.length; i++) hash = Math.imul(hash ^ runId.charCodeAt(i), 0x01000193) >>> 0;
  return String.fromCharCode(...[0, 11, 22].map((shift) => PRIVATE_USE + ((hash >>> shift) & 0x7ff)));
}

/** FTS5 expressions that search one board for a caller's words; undefined for an index that cannot find any of them. */
export function boardQuery(
  runId: string,
  query: string,
): { words: string | undefined; grams: string | undefined } {
  const terms = queryTerms(query);
  return { words: onBoard(runId, matchWords(terms)), grams: onBoard(runId, matchTrigrams(terms)) };
}

function onBoard(runId: string, expression: string | undefined): string | undefined {
  return expression && `board : "${boardToken(runId)}" AND {name body} : (${expression})`;
}
