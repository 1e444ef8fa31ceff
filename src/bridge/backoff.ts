import { setTimeout as delay } from 'node:timers/promises';
import type { Failure } from './failure.ts';

export const FIRST_DELAY_MS = 500;
export const MAX_DELAY_MS = 30_000;
/** Failures in a row after which a stream is given up: about eight minutes. */
export const MAX_FAILURES = 20;

/** How long to wait after so many failures in a row; half of it by chance, so that not all clients come back at once. */
export function delayAfter(failures: number, atLeastMs = 0): number {
  const most = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1));
  return Math.min(MAX_DELAY_MS, Math.max(atLeastMs, most * (0.5 + Math.random() / 2)));
}

/**
 * Opens a stream again whenever it ends, until `signal`. `open` resolves or rejects with the reason when the stream has
 * ended, and calls `alive` whenever something came over it.
 * @returns why it was given up; undefined when it was told to stop
 */
export async function keepOpen(
  open: (alive: () => void) => Promise<Failure>,
  signal: AbortSignal,
  pause = (ms: number): Promise<void> => delay(ms, undefined, { signal }),
): Promise<Failure | undefined> {
  for (let failures = 0; !signal.aborted; ) {
    const failure = await open(() => {
      failures = 0;
    });
    if (signal.aborted) break;
    if (!failure.passing || ++failures > MAX_FAILURES) return failure;
    await pause(delayAfter(failures, failure.retryAfterMs)).catch(() => undefined);
  }
  return undefined;
}
