import type { FailureClass, State } from './state.ts';

export const VERDICTS = ['clear', 'caution', 'stop'] as const;
export const REASONS = [
  'no_match',
  'hidden',
  'transient_expired',
  'environmental',
  'repeated_in_run',
  'deterministic_without_fix',
  'known_failure',
] as const;

export interface Verdict {
  readonly verdict: (typeof VERDICTS)[number];
  readonly reason: (typeof REASONS)[number];
}

/** How long a transient failure is a reason not to retry, in milliseconds. */
export const TRANSIENT_MS = 24 * 3_600_000;
const RUN_HITS_TO_STOP = 2;
const OCCURRENCES_TO_STOP = 3;
/** Confidence from which a fix is trusted. */
const MIN_TRUSTED_CONFIDENCE = 0.5;

/** Facts about the matching scar that decide the verdict. */
export interface Evidence {
  readonly state: State;
  readonly class: FailureClass;
  readonly occurrences: number;
  /** Occurrences of this failure in the current run. */
  readonly runHits: number;
  /** Confidence of its best fix, 0 to 1. */
  readonly confidence: number;
  /** Milliseconds since the epoch. */
  readonly lastSeen: number;
}

/** Advice on whether to proceed, a pure function of its arguments. The server cannot block an action. */
export function verdictOf(match: Evidence | undefined, now: number): Verdict {
  if (match === undefined) return { verdict: 'clear', reason: 'no_match' };
  if (match.state === 'muted' || match.state === 'archived') return { verdict: 'clear', reason: 'hidden' };
  if (match.class === 'transient' && now >= match.lastSeen + TRANSIENT_MS) {
    return { verdict: 'clear', reason: 'transient_expired' };
  }
  if (match.class === 'environmental') return { verdict: 'caution', reason: 'environmental' };
  if (match.runHits >= RUN_HITS_TO_STOP) return { verdict: 'stop', reason: 'repeated_in_run' };
  const isDeterministicWithoutFix =
    match.class === 'deterministic' &&
    match.occurrences >= OCCURRENCES_TO_STOP &&
    match.confidence < MIN_TRUSTED_CONFIDENCE;
  return isDeterministicWithoutFix
    ? { verdict: 'stop', reason: 'deterministic_without_fix' }
    : { verdict: 'caution', reason: 'known_failure' };
}

/** Sorts verdicts, the strongest first. */
export const byStrength = (a: Verdict, b: Verdict) =>
  VERDICTS.indexOf(b.verdict) - VERDICTS.indexOf(a.verdict);
