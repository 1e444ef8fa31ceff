import type { ConnectionUse } from '../contract/connection.ts';

/**
 * A circuit breaker: after too many failures it refuses calls for some time, then lets one through as a probe, and closes
 * again if that one succeeds. Each failed probe doubles the time.
 */
export interface Breaker {
  /** The newest outcomes, oldest first: true for a success. */
  readonly recent: readonly boolean[];
  /** How often it has opened without having been closed. */
  readonly opens: number;
  /** Milliseconds since the epoch; 0 when it is closed. */
  readonly openUntil: number;
}

export const WINDOW = 20;
export const MIN_OUTCOMES = 5;
export const FAILURE_RATIO = 0.5;
export const FIRST_OPEN_MS = 5000;
export const MAX_OPEN_MS = 300_000;

export const CLOSED: Breaker = { recent: [], opens: 0, openUntil: 0 };

export type BreakerState =
  | { readonly kind: 'closed' | 'half_open' }
  | { readonly kind: 'open'; readonly retryAfterMs: number };

/** How long a breaker stays open that has opened so often. */
const openMs = (opens: number) => Math.min(FIRST_OPEN_MS * 2 ** (opens - 1), MAX_OPEN_MS);

export function stateOf({ opens, openUntil }: Breaker, now: number): BreakerState {
  if (openUntil === 0) return { kind: 'closed' };
  const retryAfterMs = openUntil - now;
  // After a clock has stepped back, more than the whole time is left: it would stay open until the clock is where it was.
  const isOpen = retryAfterMs > 0 && retryAfterMs <= openMs(opens);
  return isOpen ? { kind: 'open', retryAfterMs } : { kind: 'half_open' };
}

/** The breaker after a call. A call that used the connection for nothing says nothing about it. */
export function settled(
  breaker: Breaker,
  { succeeded, failed }: Omit<ConnectionUse, 'name'>,
  isProbe: boolean,
  now: number,
): Breaker {
  if (succeeded + failed === 0) return breaker;
  if (isProbe) return failed === 0 ? CLOSED : opened(breaker, now);
  // What was sent before it opened, or by the probe of another call, does not change it now.
  if (breaker.openUntil !== 0) return breaker;
  const outcomes = [
    ...Array<boolean>(Math.min(succeeded, WINDOW)).fill(true),
    ...Array<boolean>(Math.min(failed, WINDOW)).fill(false),
  ];
  const recent = [...breaker.recent, ...outcomes].slice(-WINDOW);
  const failures = recent.filter((success) => !success).length;
  const isFailing = recent.length >= MIN_OUTCOMES && failures >= recent.length * FAILURE_RATIO;
  return isFailing ? opened(breaker, now) : { ...breaker, recent };
}

function opened({ opens }: Breaker, now: number): Breaker {
  return { recent: [], opens: opens + 1, openUntil: now + openMs(opens + 1) };
}
