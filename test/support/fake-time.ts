import type { Later } from '../../src/tenant/contract/timer.ts';

export const START = Date.UTC(2026, 0, 1);

/** Time in the hands of a test: nothing happens unless it lets it pass. */
export class FakeTime {
  now = START;
  #put: { due: number; task: () => void }[] = [];

  readonly later: Later = (ms, task) => {
    const entry = { due: this.now + ms, task };
    this.#put.push(entry);
    return () => {
      this.#put = this.#put.filter((other) => other !== entry);
    };
  };

  /** Sets the clock forward or back without any time passing. */
  step(ms: number): void {
    this.now += ms;
    for (const entry of this.#put) entry.due += ms;
  }

  /**
   * Runs what was put off until now, or until `withinMs` milliseconds later, without moving the time.
   * @returns how many tasks were run
   */
  runLater(withinMs = 0): number {
    const until = this.now + withinMs;
    const due = this.#put.filter((entry) => entry.due <= until);
    this.#put = this.#put.filter((entry) => entry.due > until);
    for (const { task } of due) task();
    return due.length;
  }

  /** Lets time pass: runs what was put off, each at its time, and what follows from it. */
  async elapse(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let next = this.now; ; next = Math.min(...this.#put.map((entry) => entry.due))) {
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.runLater();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.now = end;
  }
}
