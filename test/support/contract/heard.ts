import { vi } from 'vitest';

/** A guard against what never comes; shorter than the longest that a call waits by itself. */
const GUARD_MS = 15_000;
const MAX_HEARD = 1000;

/** Waits until `condition` no longer throws. */
export const eventually = (condition: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(condition, { timeout: GUARD_MS, interval: 10 });

/** What a client was told unasked, in order: the URI of a resource that changed, or that the list did. */
export class Heard {
  static readonly LIST = 'list_changed';
  readonly #told: string[] = [];

  add(told: string): void {
    if (this.#told.length >= MAX_HEARD) throw new Error(`more than ${MAX_HEARD} notifications`);
    this.#told.push(told);
  }

  get count(): number {
    return this.#told.length;
  }

  /** What came after the first `count`. */
  after(count: number): readonly string[] {
    return this.#told.slice(count);
  }

  /** Waits until `told` has come after the first `count`. */
  until(told: string, count: number): Promise<void> {
    return eventually(() => {
      if (!this.after(count).includes(told))
        throw new Error(`not told ${told}, but: ${this.#told.join(' ')}`);
    });
  }
}
