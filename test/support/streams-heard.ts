/** Waiting for what must come: nothing is asserted about how long it takes. */
const GUARD_MS = 45_000;
const ASK_EVERY_MS = 50;

/** What was heard, in order, and waiting until it is what it must become. */
export class Heard<Item> {
  readonly all: Item[] = [];
  readonly #watchers = new Set<() => void>();

  push(...items: Item[]): void {
    this.all.push(...items);
    for (const look of [...this.#watchers]) look();
  }

  /** Resolves once `is` holds of all that was heard; fails the test when nothing more comes for too long. */
  until(is: (all: readonly Item[]) => boolean): Promise<void> {
    if (is(this.all)) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (settle: () => void) => {
      clearTimeout(guard);
      this.#watchers.delete(look);
      settle();
    };
    const look = () => {
      if (is(this.all)) end(resolve);
    };
    const guard = setTimeout(
      () =>
        end(() => reject(new Error(`not heard in time; so far: ${JSON.stringify(this.all).slice(-800)}`))),
      GUARD_MS,
    );
    this.#watchers.add(look);
    return promise;
  }
}

/** Asks again and again, until `is` holds of the answer, which is what the operator can see from outside. */
export async function eventually<T>(ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + GUARD_MS;
  for (;;) {
    const answer = await ask();
    if (is(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`it did not come about; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/** The promise, or a failure when it does not settle for too long. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const guard = setTimeout(() => reject(new Error(`${what} did not happen in time`)), GUARD_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(guard);
  }
}
