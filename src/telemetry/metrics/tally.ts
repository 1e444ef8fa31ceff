import { type CounterName, DURATION_BOUNDS, type HistogramName } from './metrics.ts';
import type { Added } from './report.ts';

/** Series that are counted at once. Labels have few values, so only a mistake reaches it. */
const MAX_SERIES = 2000;

/** Counts in memory until they are reported. */
export class Tally {
  readonly #series = new Map<string, Added & { readonly sums: number[] }>();

  get isEmpty(): boolean {
    return this.#series.size === 0;
  }

  count(metric: CounterName, labels: readonly string[] = [], by = 1): void {
    if (by > 0) this.#add(metric, labels, [by]);
  }

  observe(metric: HistogramName, labels: readonly string[], seconds: number): void {
    const buckets = DURATION_BOUNDS.map((bound) => (seconds <= bound ? 1 : 0));
    this.#add(metric, labels, [...buckets, 1, seconds]);
  }

  /** What was counted since the last time. */
  take(): Added[] {
    const added = [...this.#series.values()];
    this.#series.clear();
    return added;
  }

  /** Counts again what could not be reported. */
  putBack(added: readonly Added[]): void {
    for (const { metric, labels, sums } of added) this.#add(metric, labels, sums);
  }

  #add(metric: Added['metric'], labels: readonly string[], sums: readonly number[]): void {
    const key = JSON.stringify([metric, ...labels]);
    const known = this.#series.get(key);
    if (known !== undefined) {
      for (const [index, sum] of sums.entries()) known.sums[index] = (known.sums[index] ?? 0) + sum;
    } else if (this.#series.size < MAX_SERIES) this.#series.set(key, { metric, labels, sums: [...sums] });
  }
}
