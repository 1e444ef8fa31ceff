/**
 * Measures how the time of a function grows with the length of a text. Time is the processor's time of this thread, so that
 * other processes do not count, and only ratios within one run are compared.
 */

const KIB = 1024;
const START_KIB = 16;
const END_KIB = 1024;
/** Longer than the clock's steps and than pauses of the collector; from here on a ratio means something. */
const ENOUGH_MS = 20;
/** The shortest time that is taken for measured. */
const FLOOR_MS = 2;
const STEP = 4;
/** Four times the text takes 4 times as long when time is linear, 16 times when it is quadratic. */
export const MAX_GROWTH = 9;

export const repeatTo = (seed: string, chars: number, tail = '') =>
  seed.repeat(Math.ceil(chars / seed.length)).slice(0, Math.max(0, chars - tail.length)) + tail;

function milliseconds(run: () => unknown): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Makes the text four times as long, from 16 KiB up to 1 MiB, or until one call takes 20 ms, and compares the last two calls.
 * @returns how many times longer the last call took; a call too short to be measured counts as 2 ms
 */
export function growthOf(run: (text: string) => unknown, seed: string, tail = ''): number {
  let [before, last] = [0, 0];
  for (let kib = START_KIB; kib <= END_KIB; kib *= STEP) {
    const text = repeatTo(seed, kib * KIB, tail);
    [before, last] = [last, milliseconds(() => run(text))];
    if (kib > START_KIB && last >= ENOUGH_MS) break;
  }
  return last / Math.max(FLOOR_MS, before);
}
