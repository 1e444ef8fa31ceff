import type { Scar } from './store.ts';
import { type Words, windows } from './tokens.ts';

/** What is known of the failure at hand; its names are without credentials, as the stored ones are. */
export interface Failure {
  readonly project: string | null;
  readonly tool: string | null;
  readonly target: string | null;
  readonly errorType: string;
  readonly errorCode: string | null;
  readonly message: string | undefined;
  readonly context: string | undefined;
}

/** A failure and the informative words of its texts. */
export interface Described extends Failure, Words {}

/** Informative words that two failures share at least: no match is better than a wrong one. */
const MIN_SHARED = 2;
/** The part of the shorter text that must be shared, when the failures are of the same type. */
const MIN_SHARE = 0.25;
/** Failures of different types must have nearly the same text. */
const MIN_SHARED_ACROSS_TYPES = 3;
const MIN_SHARE_ACROSS_TYPES = 0.6;

const HALF_LIFE_MS = 30 * 24 * 3_600_000;
const SAME_TYPE_BOOST = 1.5;
const SAME_TOOL_BOOST = 1.2;

export interface Relation {
  readonly accepted: boolean;
  /** Orders the accepted ones; has no unit. */
  readonly score: number;
}

/** How a scar found by a search relates to the failure at hand. Age re-ranks, it excludes nothing. */
export function relate(
  failure: Described,
  scar: Scar,
  rung: 'tool_target' | 'words' | 'trigrams',
  now: number,
): Relation {
  const tokens = scar.tokens === '' ? [] : scar.tokens.split(' ');
  const shared = sharedWords(failure.tokens, tokens, rung === 'trigrams');
  const shorter = Math.min(failure.tokens.length, tokens.length);
  const share = shorter === 0 ? 0 : shared / shorter;
  const sameType = sameName(failure.errorType, scar.error_type);
  const boost =
    (sameType ? SAME_TYPE_BOOST : 1) *
    (failure.tool !== null && failure.tool === scar.tool ? SAME_TOOL_BOOST : 1);
  const enough = sameType
    ? shared >= MIN_SHARED && share >= MIN_SHARE
    : shared >= MIN_SHARED_ACROSS_TYPES && share >= MIN_SHARE_ACROSS_TYPES;
  // Tool and target stand for the words when one side has none to compare.
  const silent = rung === 'tool_target' && shorter < MIN_SHARED && shared === shorter && sameType;
  return {
    accepted:
      (enough || silent) && !contradict(failure, scar, tokens) && !differInMessage(failure, scar, tokens),
    score: ((1 + shared) * share * recency(scar, now) * boost) / (1 + scar.wrong_matches),
  };
}

/** From 1 for what was seen just now down to a half for what was seen long ago. */
export function recency(scar: Scar, now: number): number {
  return 0.5 + 0.5 * 2 ** (-Math.max(0, now - scar.last_seen) / HALF_LIFE_MS);
}

/** The part of the longer message that the shorter one must be. */
const MIN_MESSAGE_SHARE = 0.3;

/**
 * Messages come from templates, so two that each have a word of their own were made by two templates or name two
 * things; one that only says more is the same with its surroundings. Contexts are prose and may differ in words.
 */
function differInMessage(failure: Described, scar: Scar, tokens: readonly string[]): boolean {
  const ours = failure.tokens.slice(0, failure.messageWords).filter(isTelling);
  const theirs = tokens.slice(0, scar.message_words).filter(isTelling);
  if (ours.length === 0 || theirs.length === 0) return false;
  const [shorter, longer] = ours.length <= theirs.length ? [ours, theirs] : [theirs, ours];
  const words = new Set(longer);
  return shorter.length < MIN_MESSAGE_SHARE * longer.length || shorter.some((word) => !words.has(word));
}

/** A word that mixes letters and digits is most often an id. */
const isTelling = (word: string) => !/\d/.test(word) || /^(?:\d+|code\d+)$/.test(word);

export const sameName = (a: string, b: string) => letters(a) === letters(b);
const letters = (name: string) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

const HTTP_FAILURE = /^[45]\d\d$/;

/** Two failures with different error codes, or different HTTP codes in their text, are two failures. */
function contradict(failure: Described, scar: Scar, tokens: readonly string[]): boolean {
  if (failure.errorCode !== null && scar.error_code !== null && failure.errorCode !== scar.error_code) {
    return true;
  }
  const ours = failure.tokens.filter((token) => HTTP_FAILURE.test(token));
  const theirs = tokens.filter((token) => HTTP_FAILURE.test(token));
  return ours.length > 0 && theirs.length > 0 && !ours.some((code) => theirs.includes(code));
}

/** How many words of `ours` occur in `theirs`; `loosely` also inside another word or misspelt. */
export function sharedWords(ours: readonly string[], theirs: readonly string[], loosely: boolean): number {
  const exact = new Set(theirs);
  const grams = loosely ? theirs.map((word) => ({ word, trigrams: trigramSet(word) })) : [];
  return ours.filter((word) => {
    if (exact.has(word)) return true;
    if (!loosely || word.length < MIN_LOOSE_CHARS) return false;
    const own = trigramSet(word);
    return grams.some((other) => resembles(word, own, other.word, other.trigrams));
  }).length;
}

/** Shorter words resemble too many others. */
const MIN_LOOSE_CHARS = 5;
/** Dice coefficient of the trigrams of two words that are taken for the same one. */
const MIN_RESEMBLANCE = 0.5;

const trigramSet = (word: string) => new Set(windows(word, 3));

function resembles(a: string, ofA: ReadonlySet<string>, b: string, ofB: ReadonlySet<string>): boolean {
  if (b.length < MIN_LOOSE_CHARS) return false;
  if (a.includes(b) || b.includes(a)) return true;
  let common = 0;
  for (const trigram of ofA) if (ofB.has(trigram)) common++;
  return (2 * common) / (ofA.size + ofB.size) >= MIN_RESEMBLANCE;
}
