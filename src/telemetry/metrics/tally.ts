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
    const sums = this.#sumsOf(metric, labels, DURATION_BOUNDS.length + 2);
    if (sums === undefined) return;
    const last = DURATION_BOUNDS.length;
    for (let n = 0; n < last; n++) if (seconds <= (DURATION_BOUNDS[n] ?? 0)) sums[n] = (sums[n] ?? 0) + 1;
    sums[last] = (sums[last] ?? 0) + 1;
    sums[last + 1] = (sums[last + 1] ?? 0) + seconds;
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

  #add(metric: Added['metric'], labels: readonly string[], added: readonly number[]): void {
    const sums = this.#sumsOf(metric, labels, added.length);
    if (sums !== undefined)
      for (const [index, sum] of added.entries()) sums[index] = (sums[index] ?? 0) + sum;
  }

  /** The sums of a series, all 0 for a new one; undefined for one too many. */
  #sumsOf(metric: Added['metric'], labels: readonly string[], length: number): number[] | undefined {
    const key = JSON.stringify([metric, labels]);
    const known = this.#series.get(key);
    if (known !== undefined) return known.sums;
    if (this.#series.size >= MAX_SERIES) return undefined;
    const sums = Array.from({ length }, () => 0);
    this.#series.set(key, { metric, labels, sums });
    return sums;
  }
}
