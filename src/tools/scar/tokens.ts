import { normalise, withoutMarks } from './normalise.ts';

/** Maximum number of distinct words stored and indexed per scar. */
export const MAX_TOKENS = 64;
const MAX_TOKEN_CHARS = 64;
const MIN_TOKEN_CHARS = 2;

/** Words that do not help to identify a failure. */
const STOP_WORDS = new Set(
  (
    'am an as at be by do he if in is it me my no of on or so to up us we ' +
    'the and for are was were has have had not but with from this that these those then than into onto over under ' +
    'you your our its their his her they them who what which when where why how all any some such same other ' +
    'can could should would will shall may might must did does done doing been being both few more most only own ' +
    'too very just out off again once here there about above below after before between during through until while ' +
    'error errors exception exceptions fail fails failed failing failure failures problem issue warning ' +
    'tried trying try call called calling calls got get gets return returns returned returning received occurred ' +
    'occurs unexpected unexpectedly unable cannot because please message agent tool task step using used'
  ).split(' '),
);

/** Scripts written without spaces: their text is split into pairs of characters. */
const UNSPACED =
  /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{M}]{2,})/u;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

export interface Words {
  /** The informative words, distinct, those of the message first. */
  readonly tokens: readonly string[];
  /** How many tokens come from the message. */
  readonly messageWords: number;
}

type Text = string | null | undefined;

/**
 * The informative words of a failure in order of appearance: normalised as for the fingerprint, without marks, stop words,
 * one-character words and numbers other than codes.
 */
export const wordsOf = (message: Text, ...others: readonly Text[]): Words =>
  wordsOfNormal(normalOf(message), ...others.map(normalOf));

const normalOf = (text: Text) => (text ? normalise(text) : '');

/** The same, of texts that `normalise` has returned. */
export function wordsOfNormal(message: string, ...others: readonly string[]): Words {
  const tokens = new Set<string>();
  addWordsOf(message, tokens);
  const messageWords = tokens.size;
  for (const text of others) addWordsOf(text, tokens);
  return { tokens: [...tokens], messageWords };
}

export const tokensOf = (...texts: readonly Text[]) => wordsOf(undefined, ...texts).tokens;

/** The place before a small number that is a code: `exit code 1` and `signal 9` give the words `code1` and `code9`. */
const SMALL_CODE =
  /(?<=(?<![\p{L}\p{N}])(?:code|status|signal|errno|exited with)[ :=#(]{1,3})(?=\d{1,3}(?!\w|\.\d))/gu;

function addWordsOf(normal: string, into: Set<string>): void {
  const text = withoutMarks(normal).replace(SMALL_CODE, 'code');
  for (const { 0: word, index } of text.matchAll(WORD)) {
    const isPart = PART_OF_NAME_BEFORE.test(text.slice(Math.max(0, index - 2), index));
    for (const token of split(word, isPart)) {
      if (into.size === MAX_TOKENS) return;
      into.add(token);
    }
  }
}

/** A stop word is informative as part of a name: `get` alone is not, `objects.get` is. */
const PART_OF_NAME_BEFORE = /[\p{L}\p{N}][._:]$/u;

function* split(word: string, isPart: boolean): Generator<string> {
  for (const part of word.split(UNSPACED)) {
    if (UNSPACED.test(part)) yield* substrings(part, 2);
    else if (isInformative(part, isPart)) yield part.slice(0, MAX_TOKEN_CHARS).toWellFormed();
  }
}

/** Shorter numbers say little, and longer ones that are not codes are marks. */
const MIN_CODE_DIGITS = 3;

function isInformative(word: string, isPart: boolean): boolean {
  if (/^\d+$/.test(word)) return word.length >= MIN_CODE_DIGITS;
  return word.length >= MIN_TOKEN_CHARS && (isPart || !STOP_WORDS.has(word));
}

/** Every substring of `size` characters. */
export function* substrings(word: string, size: number): Generator<string> {
  const characters = Array.from(word);
  for (let i = 0; i + size <= characters.length; i++) yield characters.slice(i, i + size).join('');
}
