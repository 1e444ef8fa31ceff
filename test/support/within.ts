const TURN_MS = 100;

/**
 * Whether a promise settles within so many milliseconds. The time is counted in short turns of this isolate: when the whole
 * process stands still because the machine is busy with others, that is one turn and not the seconds that it took.
 */
export async function isWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = promise.then(() => {
    settled = true;
  });
  for (let turns = 0; turns < ms / TURN_MS && !settled; turns++)
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, TURN_MS))]);
  return settled;
}
