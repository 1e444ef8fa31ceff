import type { Later } from './write-behind.ts';

/** Calls of one tenant that can wait at once; a further one is answered at once with what there is. */
export const MAX_WAITERS = 256;

/** Calls that wait for a topic to be touched, each until its time is up. */
export class Waiters {
  readonly #later: Later;
  readonly #topics = new Map<string, Set<() => void>>();
  #count = 0;

  constructor(later: Later) {
    this.#later = later;
  }

  get full(): boolean {
    return this.#count >= MAX_WAITERS;
  }

  /** Resolves when the topic is touched, or after `ms` milliseconds. */
  wait(topic: string, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#topics.get(topic) ?? new Set();
    const wake = () => {
      cancel();
      if (!waiting.delete(wake)) return;
      this.#count--;
      if (waiting.size === 0) this.#topics.delete(topic);
      resolve();
    };
    const cancel = this.#later(Math.max(0, ms), wake);
    waiting.add(wake);
    this.#topics.set(topic, waiting);
    this.#count++;
    return promise;
  }

  touch(topics: Iterable<string>): void {
    for (const topic of topics) for (const wake of [...(this.#topics.get(topic) ?? [])]) wake();
  }

  /** Wakes everyone: what they waited for may be gone. */
  touchAll(): void {
    this.touch([...this.#topics.keys()]);
  }
}
