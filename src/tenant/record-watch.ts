import type { Later } from './contract/timer.ts';
import { WRITE_BEHIND_MS } from './records/writer.ts';
import type { Listeners } from './streams/listeners.ts';

/** How long a record may exist in memory only while somebody watches. */
export const WATCHED_WRITE_BEHIND_MS = 100;
/** Records within this time are announced together. */
const ANNOUNCE_MS = 20;

/** Tells those who watch a tenant of its new records, and has these written sooner while somebody watches. */
export class RecordWatch {
  readonly #later: Later;
  readonly #listeners: Listeners;
  #last: number | undefined;

  constructor(later: Later, listeners: Listeners) {
    this.#later = later;
    this.#listeners = listeners;
  }

  /** How soon records are to be written. */
  flushMs(ms: number): number {
    return this.#listeners.isWatched && ms <= WRITE_BEHIND_MS ? Math.min(ms, WATCHED_WRITE_BEHIND_MS) : ms;
  }

  /** @param last the newest record that is written */
  recorded(last: number): void {
    if (!this.#listeners.isWatched) return;
    const isScheduled = this.#last !== undefined;
    this.#last = last;
    if (isScheduled) return;
    this.#later(ANNOUNCE_MS, () => {
      const upTo = this.#last;
      this.#last = undefined;
      if (upTo !== undefined) this.#listeners.announceRecords(upTo);
    });
  }
}
