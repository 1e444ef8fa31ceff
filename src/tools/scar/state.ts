/** Muted and archived are a decision of the caller's: what happens to the failure does not change them. */
export const STATES = ['open', 'resolved', 'regressed', 'muted', 'archived'] as const;
export type State = (typeof STATES)[number];

export const CLASSES = ['deterministic', 'transient', 'environmental', 'unknown'] as const;
export type FailureClass = (typeof CLASSES)[number];

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const OUTCOMES = ['worked', 'failed', 'not_applicable', 'wrong_match'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The state after the failure was seen once more. */
export function seenAgain(state: State): State {
  return state === 'resolved' ? 'regressed' : state;
}

/** The state after a report on a fix: a fix that failed shows that the failure is still there. */
export function afterReport(state: State, outcome: Outcome): State {
  if (outcome === 'failed') return seenAgain(state);
  return outcome === 'worked' && (state === 'open' || state === 'regressed') ? 'resolved' : state;
}
