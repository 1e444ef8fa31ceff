import type { Host } from './host.ts';

/** Has the records of a tenant written a moment after a call, however many calls ask for it. */
export class FlushTimer {
  readonly #host: Pick<Host, 'later' | 'exclusively'>;
  readonly #flush: () => void;
  readonly #failed: (cause: unknown) => void;
  #isSet = false;

  /** @param failed called when the storage cannot be written; the records stay lost */
  constructor(
    host: Pick<Host, 'later' | 'exclusively'>,
    flush: () => void,
    failed: (cause: unknown) => void,
  ) {
    this.#host = host;
    this.#flush = flush;
    this.#failed = failed;
  }

  /** Flushes within `ms` milliseconds, like a call: another process may have written meanwhile. */
  set(ms: number): void {
    if (this.#isSet) return;
    this.#isSet = true;
    this.#host.later(ms, () => {
      this.#isSet = false;
      try {
        this.#host.exclusively(this.#flush);
      } catch (cause) {
        this.#failed(cause);
      }
    });
  }
}
