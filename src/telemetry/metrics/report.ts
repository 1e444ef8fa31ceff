import type { CounterName, HistogramName } from './metrics.ts';

/** What is reported to the aggregator of metrics. Everything in it may come from another release. */

/** What was added to one series since the last report. */
export interface Added {
  readonly metric: CounterName | HistogramName;
  /** The values of its labels in their order, without `tenant`. */
  readonly labels: readonly string[];
  /** One number, or those of a histogram: its buckets, the count and the sum. */
  readonly sums: readonly number[];
}

/** What a tenant is like now. */
export interface Gauges {
  readonly status: 'active' | 'suspended';
  readonly storageBytes: number;
  readonly storageQuotaBytes: number;
  readonly limitRemainingRatio: number;
  readonly openStreams: number;
  readonly waiters: number;
}

/** The newest signed head of a tenant's records. */
export interface ReportedAnchor {
  readonly record: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly head: string;
  readonly kid: string;
  readonly mac: string;
}

/** What agents have called since the last report. */
export interface CountedCalls {
  readonly calls: number;
  /** Those that were refused or failed, or whose answer was a conflict, a lost claim or a warning. */
  readonly notOk: number;
  readonly refused: number;
}

export interface TenantReport {
  readonly tenant: string;
  readonly added: readonly Added[];
  readonly counted: CountedCalls | undefined;
  readonly gauges: Gauges;
  readonly anchor: ReportedAnchor | undefined;
}

/** Counts come at most this often from each tenant and each isolate of the edge. */
export const REPORT_EVERY_MS = 60_000;
