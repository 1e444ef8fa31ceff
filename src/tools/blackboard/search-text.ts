/** What is indexed of a cell, and how a query finds it. */
import { matchTrigrams, matchWords, queryTerms } from '../search.ts';

/** How much of a value's JSON text is searched. */
export const MAX_INDEXED_CHARS = 2_048;

/** The text of one index: `name` is the key and the tags, `body` the beginning of the value. */
export interface IndexText {
  readonly name: string;
  readonly body: string;
}

export interface SearchText {
  readonly words: IndexText;
  readonly grams: IndexText;
}

/**
 * The texts for the two indexes. Trigrams cost about ten times as much as words, so only what words cannot serve goes
 * there: the key, the tags, and of the value the identifiers, paths and runs of a script that is written without spaces.
 * @param json the JSON text of the value, or its beginning
 */
export function searchText(key: string, tags: readonly string[], json: string): SearchText {
  const name = [key, ...tags].join(' ');
  const body = json.slice(0, MAX_INDEXED_CHARS).replace(JSON_ESCAPE, ' ').toWellFormed();
  return {
    words: { name: name + shortRuns(name), body: body + shortRuns(body) },
    grams: { name, body: identifiers(body) },
  };
}

const JSON_ESCAPE = /\\(?:u[0-9a-f]{4}|.)/g;
const CHUNK = /[\p{L}\p{N}\p{M}_]+(?:[./:@#-]+[\p{L}\p{N}\p{M}_]+)*/gu;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const UNSPACED_RUN = new RegExp(`${UNSPACED.source}[${UNSPACED.source.slice(1, -1)}\\p{M}ー]*`, 'gu');
const NON_ASCII = /[^\0-\x7f]/;
/** Most of what is there: a word or a number. Only for speed. */
const PLAIN = /^(?:[A-Za-z][a-z]*|\d+)$/;
/** A letter next to a digit, or a capital after a small letter. */
const MIXED = /\p{L}\p{M}*\p{N}|\p{N}\p{L}|\p{Ll}\p{M}*\p{Lu}/u;
const JOINED = /[_./:@#-]/;
const LETTER = /\p{L}/u;

function identifiers(body: string): string {
  return [...new Set(body.match(CHUNK))]
    .filter((chunk) => !PLAIN.test(chunk) && isSearchedInPart(chunk))
    .join(' ');
}

function isSearchedInPart(chunk: string): boolean {
  return MIXED.test(chunk) || UNSPACED.test(chunk) || (JOINED.test(chunk) && LETTER.test(chunk));
}

/** Each character and each pair of a script without spaces, as words: a trigram index finds nothing that short. */
function shortRuns(text: string): string {
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
 * Three characters that stand for a board in the indexes. They are one trigram and one word, and no query can contain
 * them. Two boards may share them, so a hit still has to be checked for its board.
 */
export function boardToken(runId: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < runId.length; i++) hash = Math.imul(hash ^ runId.charCodeAt(i), 0x01000193) >>> 0;
  return String.fromCharCode(...[0, 11, 22].map((shift) => PRIVATE_USE + ((hash >>> shift) & 0x7ff)));
}

/** FTS5 expressions for a caller's words on one board; undefined where there is nothing that the index could find. */
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
