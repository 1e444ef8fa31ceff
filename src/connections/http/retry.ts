/** When and whether a request is repeated. */

export const MAX_ATTEMPTS = 3;
const BASE_MS = 200;
const MAX_WAIT_MS = 5000;
/** What a service asks for beyond a day is read as a day. */
const MAX_RETRY_AFTER_MS = 86_400_000;
/** Methods that have the same effect when they are repeated (RFC 9110, section 9.2.2). */
const IDEMPOTENT: readonly string[] = ['GET', 'HEAD', 'PUT', 'DELETE'];
/** Statuses after which the same request can succeed. */
const TRANSIENT: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export const isTransient = (status: number) => TRANSIENT.includes(status);

/** How long a service asks to wait, in milliseconds (RFC 9110, section 10.2.3); undefined when it does not say. */
export function retryAfterOf(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  // Without a letter, `Date.parse` takes a number such as -5 or 1.5 for a date.
  const at = /^[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : at - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

/**
 * How long to wait before the next attempt: a random part of a time that doubles ("full jitter"), but no less than the
 * service asks for.
 * @param attempts how many have failed
 * @returns undefined when the request must not be repeated, or not so soon
 */
export function nextAttemptIn(
  { method, attempts, retryAfterMs }: { method: string; attempts: number; retryAfterMs: number | undefined },
  random: () => number,
): number | undefined {
  if (!IDEMPOTENT.includes(method) || attempts >= MAX_ATTEMPTS) return undefined;
  const jitter = random() * Math.min(MAX_WAIT_MS, BASE_MS * 2 ** attempts);
  const wait = Math.ceil(Math.max(jitter, retryAfterMs ?? 0));
  return wait > MAX_WAIT_MS ? undefined : wait;
}
