import { normalise, withoutMarks } from './normalise.ts';

/** Distinct words kept and indexed of one scar. */
export const MAX_TOKENS = 64;
const MAX_TOKEN_CHARS = 64;
const MIN_TOKEN_CHARS = 3;

/** Words that say nothing about which failure it is. */
const STOP_WORDS = new Set(
  (
    'the and for are was were has have had not but with from this that these those then than into onto over under ' +
    'you your our its their his her they them who what which when where why how all any each some such same other ' +
    'can could should would will shall may might must did does done doing been being both few more most only own ' +
    'too very just out off again once here there about above below after before between during through until while ' +
    'error errors exception exceptions fail fails failed failing failure failures problem issue warning ' +
    'tried trying try call called calling calls got get gets return returns returned returning received occurred ' +
    'occurs unexpected unexpectedly unable cannot because please message agent tool task step run running using used'
  ).split(' '),
);

/** Scripts that are written without spaces: their text is taken in pairs of characters. */
const UNSPACED =
  /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{M}]{2,})/u;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/**
 * The informative words of a text, distinct and in order of appearance: normalised as for the fingerprint, without
 * marks, stop words, words of fewer than three characters and numbers other than three-digit codes.
 */
export function tokensOf(...texts: readonly (string | null | undefined)[]): string[] {
  const tokens = new Set<string>();
  for (const text of texts) {
    if (text === null || text === undefined) continue;
    for (const [word] of withoutMarks(normalise(text)).matchAll(WORD)) {
      for (const token of split(word)) {
        tokens.add(token);
        if (tokens.size === MAX_TOKENS) return [...tokens];
      }
    }
  }
  return [...tokens];
}

function* split(word: string): Generator<string> {
  for (const part of word.split(UNSPACED)) {
    if (UNSPACED.test(part)) yield* windows(part, 2);
    else if (isInformative(part)) yield part.slice(0, MAX_TOKEN_CHARS).toWellFormed();
  }
}

function isInformative(word: string): boolean {
  return (
    word.length >= MIN_TOKEN_CHARS && !STOP_WORDS.has(word) && (!/^\d+$/.test(word) || word.length === 3)
  );
}

/** Every run of `size` characters of a word. */
export function* windows(word: string, size: number): Generator<string> {
  const characters = Array.from(word);
  for (let i = 0; i + size <= characters.length; i++) yield characters.slice(i, i + size).join('');
}
