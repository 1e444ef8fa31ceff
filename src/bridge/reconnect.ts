import { setTimeout as delay } from 'node:timers/promises';
import type { TransportFailure } from './failure.ts';

export const FIRST_DELAY_MS = 500;
export const MAX_DELAY_MS = 30_000;
/** Consecutive failures after which a stream is given up, about eight minutes after the first. */
export const MAX_FAILURES = 20;

/**
 * The time to wait before the next attempt: exponential backoff, of which up to one half is random so that clients do
 * not reconnect all at once.
 * @param failures consecutive failures so far
 * @param retryAfterMs what the server asked for, honoured up to `MAX_DELAY_MS`
 */
export function reconnectDelayMs(failures: number, retryAfterMs = 0): number {
  const backoff = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1));
  return Math.min(MAX_DELAY_MS, Math.max(retryAfterMs, backoff * (0.5 + Math.random() / 2)));
}

export interface ReconnectOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (failure: TransportFailure) => void;
  readonly wait?: (ms: number) => Promise<void>;
}

/**
 * Opens a stream again each time it ends, until `signal` aborts, a failure is permanent, or too many follow each other.
 * @param open resolves with the reason once the stream has ended; calls `onActivity` for everything that arrives
 * @returns why the stream was given up; undefined after an abort
 */
export async function keepStreamOpen(
  open: (onActivity: () => void) => Promise<TransportFailure>,
  { signal, onRetry, wait = (ms) => delay(ms, undefined, { signal }) }: ReconnectOptions,
): Promise<TransportFailure | undefined> {
  for (let failures = 0; !signal.aborted; ) {
    const failure = await open(() => {
      failures = 0;
    });
    if (signal.aborted) break;
    if (!failure.isTransient || ++failures > MAX_FAILURES) return failure;
    onRetry(failure);
    await wait(reconnectDelayMs(failures, failure.http?.retryAfterMs)).catch(() => undefined);
  }
  return undefined;
}
