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

/** How long a transient failure speaks against trying again, in milliseconds. */
export const TRANSIENT_MS = 24 * 3_600_000;
const RUN_HITS_TO_STOP = 2;
const OCCURRENCES_TO_STOP = 3;
/** The confidence at which a fix stands. */
const STANDING = 0.5;

/** What is known of the failure that matched. */
export interface Evidence {
  readonly state: State;
  readonly class: FailureClass;
  readonly occurrences: number;
  /** How often the run at hand hit this failure. */
  readonly runHits: number;
  /** The confidence of its best fix. */
  readonly confidence: number;
  /** Milliseconds since the epoch. */
  readonly lastSeen: number;
}

/** Whether to go on; the server advises, it cannot block. Depends on nothing but what is given. */
export function verdictOf(match: Evidence | undefined, now: number): Verdict {
  if (match === undefined) return { verdict: 'clear', reason: 'no_match' };
  if (match.state === 'muted' || match.state === 'archived') return { verdict: 'clear', reason: 'hidden' };
  if (match.class === 'transient' && now >= match.lastSeen + TRANSIENT_MS) {
    return { verdict: 'clear', reason: 'transient_expired' };
  }
  if (match.class === 'environmental') return { verdict: 'caution', reason: 'environmental' };
  if (match.runHits >= RUN_HITS_TO_STOP) return { verdict: 'stop', reason: 'repeated_in_run' };
  const hopeless =
    match.class === 'deterministic' &&
    match.occurrences >= OCCURRENCES_TO_STOP &&
    match.confidence < STANDING;
  return hopeless
    ? { verdict: 'stop', reason: 'deterministic_without_fix' }
    : { verdict: 'caution', reason: 'known_failure' };
}

/** Orders verdicts, the strongest first. */
export const strongest = (a: Verdict, b: Verdict) =>
  VERDICTS.indexOf(b.verdict) - VERDICTS.indexOf(a.verdict);
