import type { Host } from './host.ts';
import { WRITE_BEHIND_MS } from './records/writer.ts';
import type { Listeners } from './streams/listeners.ts';

/** How long a record may exist in memory only while somebody watches. */
export const WATCHED_WRITE_BEHIND_MS = 100;
/** Records within this time are announced together. */
const ANNOUNCE_MS = 20;
/** The time between two announcements, in milliseconds: after each, everybody who watches reads once. */
export const ANNOUNCE_EVERY_MS = 100;

/** Tells those who watch a tenant of its new records, and has these written sooner while somebody watches. */
export class RecordWatch {
  readonly #host: Pick<Host, 'later' | 'monotonic'>;
  readonly #listeners: Listeners;
  #last: number | undefined;
  #announcedAt = 0;

  constructor(host: Pick<Host, 'later' | 'monotonic'>, listeners: Listeners) {
    this.#host = host;
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
    const untilNext = this.#announcedAt + ANNOUNCE_EVERY_MS - this.#host.monotonic();
    this.#host.later(Math.max(ANNOUNCE_MS, untilNext), () => {
      const upTo = this.#last;
      this.#last = undefined;
      this.#announcedAt = this.#host.monotonic();
      if (upTo !== undefined) this.#listeners.announceRecords(upTo);
    });
  }
}
