/** Calls of one turn. */
const MAX_CALLS_OF_TURN = 16;
/** What a small call is charged: a turn ends with the first one that has cost more. */
const SMALL_WORK = 1;
/** After this time a turn that was asked for is taken for lost, and the next call asks for another one. */
const LOST_MS = 1000;

interface GroupHost {
  /** Milliseconds on a clock that never steps back. */
  readonly monotonic: () => number;
  /** Resolves in a later turn of the event loop, when what has arrived meanwhile was delivered. */
  readonly nextTurn: () => Promise<unknown>;
  /** The tokens that calls were charged since the host began. */
  readonly work: () => number;
}

/**
 * Runs small calls that arrive together in one turn of the event loop, because the platform commits in one transaction
 * what one turn writes. A commit takes a quarter of the CPU of a small write.
 *
 * Guarantees: calls run in the order in which they arrived. Each has a savepoint of its own, so one that fails undoes its
 * own effect alone; and none is answered before the commit. A turn has at most 16 calls, and ends with the first that was
 * charged more than one token: other tenants of the process are served between turns.
 * Failure: a turn that the platform never begins, because the request that asked for it was cancelled, is replaced a second
 * later. Memory: one entry for each call that has arrived and has not begun.
 */
export class GroupCommit {
  readonly #host: GroupHost;
  readonly #waiting: (() => void)[] = [];
  /** When a turn was asked for that has not begun. */
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(host: GroupHost) {
    this.#host = host;
  }

  /** Runs `work` with the next group. @throws what `work` throws */
  add<T>(work: () => T | Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push(() => {
      try {
        resolve(work());
      } catch (cause) {
        reject(cause);
      }
    });
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#host.monotonic();
    if (now - this.#askedAt < LOST_MS) return;
    this.#askedAt = now;
    const run = () => {
      this.#askedAt = Number.NEGATIVE_INFINITY;
      this.#runGroup();
      this.#schedule();
    };
    this.#host.nextTurn().then(run, run);
  }

  #runGroup(): void {
    const group = this.#waiting.splice(0, MAX_CALLS_OF_TURN);
    let begun = 0;
    let isSmall = true;
    while (isSmall && begun < group.length) {
      const before = this.#host.work();
      group[begun]?.();
      begun++;
      isSmall = this.#host.work() - before <= SMALL_WORK;
    }
    this.#waiting.unshift(...group.slice(begun));
  }
}
