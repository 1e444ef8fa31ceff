/** Runs `task` once after `ms` milliseconds. @returns a function that cancels it */
export type Later = (ms: number, task: () => void) => () => void;

/**
 * A monotonic clock for a platform that has only one whose time may step back: it counts the forward steps alone.
 * @param clock milliseconds since the epoch
 * @returns milliseconds since an arbitrary start; never less than before
 */
export function forwardOnly(clock: () => number): () => number {
  let last = clock();
  let elapsed = 0;
  return () => {
    const now = clock();
    elapsed += Math.max(0, now - last);
    last = now;
    return elapsed;
  };
}
