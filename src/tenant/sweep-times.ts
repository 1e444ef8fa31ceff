import type { Host } from './host.ts';

/** Expiries are recorded together that are no further apart than this, in milliseconds. */
const MIN_WAKE_MS = 1000;
/** When the next sweep is due at the latest: after one that found more than one step of work, and otherwise. */
const SWEEP_AGAIN_MS = 1000;
const SWEEP_EVERY_MS = 3_600_000;

/** When a tenant sweeps: now and then, and soon after an entry expires whose expiry is an event. */
export class SweepTimes {
  readonly #host: Pick<Host, 'clock' | 'wakeWithin'>;
  /** The expiry for which the host was last asked to wake, in milliseconds since the epoch. */
  #wakesAt: number | undefined;

  constructor(host: Pick<Host, 'clock' | 'wakeWithin'>) {
    this.#host = host;
  }

  /** Makes sure that a sweep records the next expiry soon after its time, also if no call comes. */
  wakeFor(next: number | undefined): void {
    if (next === undefined) return;
    const now = this.#host.clock();
    const isPlanned = this.#wakesAt !== undefined && now < this.#wakesAt;
    if (isPlanned && next >= (this.#wakesAt ?? 0)) return;
    this.#wakesAt = Math.max(next, now + MIN_WAKE_MS);
    this.#host.wakeWithin?.(this.#wakesAt - now);
  }

  /** In how many milliseconds the next sweep is due: soon if there is more to do, and when the next entry expires. */
  nextMs(progress: 'more' | 'done', next: number | undefined): number {
    if (progress === 'more') return SWEEP_AGAIN_MS;
    this.#wakesAt = next;
    const untilNext = next === undefined ? SWEEP_EVERY_MS : Math.max(MIN_WAKE_MS, next - this.#host.clock());
    return Math.min(SWEEP_EVERY_MS, untilNext);
  }
}
