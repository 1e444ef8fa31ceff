import { decisiveWordsOf, haveOpposites } from './decisive-words.ts';
import { foldCode, foldErrorType, foldTool } from './names.ts';
import { cleaned, normaliseCleaned } from './normalise.ts';
import type { Scar } from './store.ts';
import { substrings, type Words } from './tokens.ts';

/** How candidates are searched. */
export type SearchStage = 'tool_target' | 'words' | 'trigrams';

/** The failure that is looked up. Names are redacted, as the stored ones are. */
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
export interface Described extends Failure, Words {
  /** The words of the message that decide although they stand where values stand. */
  readonly decisive: readonly string[];
  /** The message, normalised. */
  readonly normal: string;
}

/** Two failures must share at least this many informative words: no match is better than a wrong one. */
const MIN_SHARED = 2;
/** Share of the shorter text's words that must match when the error types are equal. */
const MIN_SHARE = 0.25;
/** With different error types the texts must be nearly equal. */
const MIN_SHARED_ACROSS_TYPES = 3;
const MIN_SHARE_ACROSS_TYPES = 0.6;

const HALF_LIFE_MS = 30 * 24 * 3_600_000;
const SAME_TYPE_BOOST = 1.5;
const SAME_TOOL_BOOST = 1.2;

export interface Relation {
  /** Orders matches; higher is better, without a unit. */
  readonly score: number;
  /** Whether the scar is a match. Most of the work is here, so the best scars are asked first, and only as many as are wanted. */
  readonly accepts: () => boolean;
}

/** Decides whether a scar that a search returned is the same failure, and scores it. Age lowers the score but never excludes. */
export function relate(failure: Described, scar: Scar, stage: SearchStage, now: number): Relation {
  const tokens = scar.tokens === '' ? [] : scar.tokens.split(' ');
  const shared = sharedWords(failure.tokens, tokens, stage === 'trigrams');
  const shorter = Math.min(failure.tokens.length, tokens.length);
  const share = shorter === 0 ? 0 : shared / shorter;
  const sameType = foldErrorType(failure.errorType) === foldErrorType(scar.error_type);
  const boost = (sameType ? SAME_TYPE_BOOST : 1) * (sameTool(failure.tool, scar.tool) ? SAME_TOOL_BOOST : 1);
  const enough = sameType
    ? shared >= MIN_SHARED && share >= MIN_SHARE
    : shared >= MIN_SHARED_ACROSS_TYPES && share >= MIN_SHARE_ACROSS_TYPES;
  // When one side has no words to compare, equal tool, target and type are enough.
  const hasNoWords = stage === 'tool_target' && shorter < MIN_SHARED && shared === shorter && sameType;
  return {
    score: ((1 + shared) * share * recency(scar, now) * boost) / (1 + scar.wrong_matches),
    accepts: () =>
      (enough || hasNoWords) &&
      !haveDifferentCodes(failure, scar, tokens) &&
      !differInMessage(failure, scar, tokens),
  };
}

/** 1 for a scar seen just now, falling to 0.5 with age (half-life 30 days). */
export function recency(scar: Scar, now: number): number {
  return 0.5 + 0.5 * 2 ** (-Math.max(0, now - scar.last_seen) / HALF_LIFE_MS);
}

/** The shorter message must have at least this share of the longer one's words. */
const MIN_MESSAGE_SHARE = 0.3;

/**
 * True when each message has a word that the other lacks. Messages are made from templates, so such messages come from
 * different templates or name different things; a message that only adds words is the same one with more context.
 * Contexts are prose and may differ.
 */
function differInMessage(failure: Described, scar: Scar, tokens: readonly string[]): boolean {
  const ourWords = failure.tokens.slice(0, failure.messageWords);
  const theirWords = tokens.slice(0, scar.message_words);
  if (theirWords.length === 0) return false;
  // First what needs only the stored words: to normalise the text of a scar takes longer than all the rest.
  if (hasWordInside(ourWords.filter(isDistinctive), theirWords.filter(isDistinctive))) return true;
  const bare = cleaned(scar.beginning ?? '');
  const normal = normaliseCleaned(bare);
  const ours = distinctive(ourWords, failure.decisive);
  const theirs = distinctive(theirWords, decisiveWordsOf(bare, normal));
  if (ours.size === 0 || theirs.size === 0) return false;
  const [fewer, more] = ours.size <= theirs.size ? [ours, theirs] : [theirs, ours];
  return (
    fewer.size < MIN_MESSAGE_SHARE * more.size ||
    [...fewer].some((word) => !more.has(word)) ||
    haveOpposites(failure.normal, normal)
  );
}

/**
 * Whether the longer text has a word between words of the shorter one, as `due to lock timeout` has. Context is added at the
 * ends: a prefix, a wrapper, a further sentence. The words are in the order of the texts.
 */
function hasWordInside(ours: readonly string[], theirs: readonly string[]): boolean {
  const [shorter, longer] = ours.length <= theirs.length ? [new Set(ours), theirs] : [new Set(theirs), ours];
  const inOrder = [...shorter];
  // In another order it is the same in other words.
  if (longer.filter((word) => shorter.has(word)).some((word, i) => word !== inOrder[i])) return false;
  const first = longer.findIndex((word) => shorter.has(word));
  const last = longer.findLastIndex((word) => shorter.has(word));
  return longer.slice(first, last).some((word) => !shorter.has(word) && !VALUE_LABEL.test(word));
}

/** Words that come with a value which differs by chance, and names without vowels, which are made by machines. */
const VALUE_LABEL =
  /^(?:attempt|container|host|id|iteration|job|line|node|of|pid|pod|port|process|rank|request|retry|run|session|thread|tid|trace|try|worker|[b-df-hj-np-tv-z]+)$/;

/** The words by which messages are compared. Decisive names are split as words are. */
const distinctive = (words: readonly string[], decisive: readonly string[]) =>
  new Set([
    ...words.filter(isDistinctive),
    ...decisive.flatMap((name) => name.match(/[\p{L}\p{N}]+/gu) ?? []),
  ]);

/** False for words that mix letters and up to three digits: most are ids. Four digits are left only in codes, as in `ts2304`. */
const isDistinctive = (word: string) => !/\d/.test(word) || /^(?:\d+|code\d+)$|\d{4}/.test(word);

export const sameTool = (a: string | null, b: string | null) =>
  a !== null && b !== null && foldTool(a) === foldTool(b);

const HTTP_FAILURE = /^[45]\d\d$/;

/** True for different error codes, or different HTTP status codes in the texts: these are different failures. */
function haveDifferentCodes(failure: Described, scar: Scar, tokens: readonly string[]): boolean {
  if (
    failure.errorCode !== null &&
    scar.error_code !== null &&
    foldCode(failure.errorCode) !== foldCode(scar.error_code)
  )
    return true;
  const ours = failure.tokens.filter((token) => HTTP_FAILURE.test(token));
  const theirs = tokens.filter((token) => HTTP_FAILURE.test(token));
  return ours.length > 0 && theirs.length > 0 && !ours.some((code) => theirs.includes(code));
}

/** How many words of `ours` occur in `theirs`; with `approximately` also as part of another word or misspelt. */
export function sharedWords(
  ours: readonly string[],
  theirs: readonly string[],
  approximately: boolean,
): number {
  const exact = new Set(theirs);
  const grams = approximately ? theirs.map((word) => ({ word, trigrams: trigramSet(word) })) : [];
  return ours.filter((word) => {
    if (exact.has(word)) return true;
    if (!approximately || word.length < MIN_SIMILAR_CHARS) return false;
    const own = trigramSet(word);
    return grams.some((other) => areSimilarWords(word, own, other.word, other.trigrams));
  }).length;
}

/** Shorter words are similar to too many others. */
const MIN_SIMILAR_CHARS = 5;
/** Minimum Dice coefficient of the trigrams of two words that count as the same. */
const MIN_SIMILARITY = 0.5;

const trigramSet = (word: string) => new Set(substrings(word, 3));

function areSimilarWords(a: string, ofA: ReadonlySet<string>, b: string, ofB: ReadonlySet<string>): boolean {
  if (b.length < MIN_SIMILAR_CHARS) return false;
  if (a.includes(b) || b.includes(a)) return true;
  let common = 0;
  for (const trigram of ofA) if (ofB.has(trigram)) common++;
  return (2 * common) / (ofA.size + ofB.size) >= MIN_SIMILARITY;
}
