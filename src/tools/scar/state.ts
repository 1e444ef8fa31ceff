/** Callers set muted and archived; new occurrences and reports do not change them. */
export const STATES = ['open', 'resolved', 'regressed', 'muted', 'archived'] as const;
export type State = (typeof STATES)[number];

export const CLASSES = ['deterministic', 'transient', 'environmental', 'unknown'] as const;
export type FailureClass = (typeof CLASSES)[number];

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const OUTCOMES = ['worked', 'failed', 'not_applicable', 'wrong_match'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The state after one more occurrence. */
export function stateAfterOccurrence(state: State): State {
  return state === 'resolved' ? 'regressed' : state;
}

/** The state after a report on a fix. A failed fix counts like another occurrence. */
export function stateAfterReport(state: State, outcome: Outcome): State {
  if (outcome === 'failed') return stateAfterOccurrence(state);
  return outcome === 'worked' && (state === 'open' || state === 'regressed') ? 'resolved' : state;
}
