import type { Later } from '../contract/timer.ts';

/** Calls of one tenant that can wait at once. A further call that would wait is refused as `unavailable`. */
export const MAX_WAITERS = 256;

/** The calls of one tenant that wait for a topic to be touched, each for a limited time. */
export class Waiters {
  readonly #later: Later;
  readonly #topics = new Map<string, Set<() => void>>();
  readonly #cancels = new Map<string, () => void>();
  #count = 0;

  constructor(later: Later) {
    this.#later = later;
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= MAX_WAITERS;
  }

  /**
   * Resolves when the topic is touched, when the call is cancelled, or after `ms` milliseconds.
   * @returns whether the call may wait further; false when it was cancelled
   */
  wait(topic: string, ms: number, cancelKey: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = this.#topics.get(topic) ?? new Set();
    const end = (mayWait: boolean) => {
      stopTimer();
      if (!waiting.delete(wake)) return;
      if (this.#cancels.get(cancelKey) === cancel) this.#cancels.delete(cancelKey);
      this.#count--;
      if (waiting.size === 0) this.#topics.delete(topic);
      resolve(mayWait);
    };
    const wake = () => end(true);
    const cancel = () => end(false);
    const stopTimer = this.#later(Math.max(0, ms), wake);
    waiting.add(wake);
    this.#topics.set(topic, waiting);
    this.#cancels.set(cancelKey, cancel);
    this.#count++;
    return promise;
  }

  cancel(cancelKey: string): void {
    this.#cancels.get(cancelKey)?.();
  }

  touch(topics: Iterable<string>): void {
    for (const topic of topics) for (const wake of [...(this.#topics.get(topic) ?? [])]) wake();
  }

  /** Wakes every waiting call: what it waits for may no longer exist. */
  touchAll(): void {
    this.touch([...this.#topics.keys()]);
  }
}
