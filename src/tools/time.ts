/** Ages and remaining times as answers show them, in whole seconds. Moments are milliseconds since the epoch. */

export const DAY_MS = 86_400_000;

/** Whole seconds since `at`; 0 if `at` lies in the future. */
export function ageSeconds(at: number, now: number): number {
  return Math.max(0, Math.floor((now - at) / 1000));
}

/** Seconds until `expiresAt`, rounded up; 0 if it has passed, undefined if there is no expiry. */
export function secondsLeft(expiresAt: number | null, now: number): number | undefined {
  return expiresAt === null ? undefined : Math.max(0, Math.ceil((expiresAt - now) / 1000));
}
