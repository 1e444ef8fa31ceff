/** Which text of a cell is indexed, and the FTS5 expressions that search it. */
import { MIN_TRIGRAM_CHARS, UNSPACED_SCRIPTS } from '../search.ts';

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

/** What a search is limited to besides the board. The hits must be checked for it: an expression only excludes most others. */
export interface SearchScope {
  readonly prefix: string;
  readonly tags: readonly string[];
}

/**
 * FTS5 expressions that search one board for a caller's words; undefined for an index that cannot find any of them.
 *
 * They have no phrases: FTS5 looks for the next match of a phrase in all boards before it compares boards, but leaps from
 * one single term to the next. A word of several terms is an AND of them instead, so hits must be checked for the word.
 */
export function boardQuery(
  runId: string,
  terms: readonly string[],
  { prefix, tags }: SearchScope = { prefix: '', tags: [] },
): { words: string | undefined; grams: string | undefined } {
  const board = boardToken(runId);
  const parts = terms.slice(0, MAX_PARTIAL_TERMS);
  const names = [...tags.map((tag) => `${tag} `), prefix].filter((name) => ASCII.test(name));
  return {
    words: onBoard(
      board,
      names.flatMap(wholeWords),
      terms.filter((term) => !IDENTIFIER.test(term)).map(wordsOf),
    ),
    grams: onBoard(
      board,
      names.flatMap((name) => trigramsOf(name.trim(), FEW_TRIGRAMS)),
      parts.map((term) => searchedTrigrams(term, parts.length)),
    ),
  };
}

/** Cells of the board whose name has all of `named` and that have all parts of any term. */
function onBoard(
  board: string,
  named: readonly string[],
  terms: readonly (readonly string[])[],
): string | undefined {
  const any = terms.filter((parts) => parts.length > 0).map((parts) => `(${parts.map(quote).join(' AND ')})`);
  if (any.length === 0) return undefined;
  const inName = [...new Set(named)].map((part) => `name : ${quote(part)} AND `).join('');
  return `board : "${board}" AND ${inName}{name body} : (${any.join(' OR ')})`;
}

const quote = (term: string) => `"${term.replaceAll('"', '""')}"`;

// Beyond ASCII, what FTS5 takes for a letter can differ from what JavaScript does.
const ASCII = /^[ -~]*$/;
/** Each further trigram of a term excludes fewer cells, but costs as much. */
const MAX_TRIGRAMS = 4;
const FEW_TRIGRAMS = 2;
/** Only the first words of a query are also searched as parts of words. */
export const MAX_PARTIAL_TERMS = 4;
/** The trigram index has every identifier with an underscore and a letter. */
export const IDENTIFIER = /^(?=.*_)(?=.*\p{L}).{3,}$/u;

const wordsOf = (term: string) => term.split('_').filter((part) => part !== '');

/** The words of a prefix or tag. The last one is left out if a longer word can begin with it. */
const wholeWords = (name: string) => name.match(/[A-Za-z0-9]+(?![A-Za-z0-9]|$)/g) ?? [];

/** The trigrams by which a term is found as a part of words. @param parts how many terms of the query are searched so */
export const searchedTrigrams = (term: string, parts: number): string[] =>
  trigramsOf(term, parts > 1 ? FEW_TRIGRAMS : MAX_TRIGRAMS);

/** At most `most` trigrams of the term, the first and the last among them. */
function trigramsOf(term: string, most: number): string[] {
  const characters = [...term];
  const last = characters.length - MIN_TRIGRAM_CHARS;
  const count = Math.min(most, last + 1);
  return Array.from({ length: Math.max(0, count) }, (_, i) => {
    const start = count === 1 ? 0 : Math.round((i * last) / (count - 1));
    return characters.slice(start, start + MIN_TRIGRAM_CHARS).join('');
  });
}
