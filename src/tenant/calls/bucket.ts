import type { BucketLimit } from '../contract/limit-settings.ts';

/** The arithmetic of token buckets. Whole numbers only, so that waiting times are exact. */

/** Levels are counted in millionths of a token (micro-tokens). */
export const MICRO = 1_000_000;

export interface Bucket {
  /** Micro-tokens. Negative while the bucket is in debt. */
  readonly level: number;
  /** The time of `level`, in milliseconds on any clock. */
  readonly at: number;
}

export const capacityOf = (limit: BucketLimit) => limit.burst * MICRO;
/** A rate of at most three decimals refills a whole number of micro-tokens each millisecond. */
const refillPerMs = (limit: BucketLimit) => Math.round(limit.rate * 1000);

/** The level at `now`. A clock that steps back refills nothing; one that leaps ahead fills the bucket at most. */
export function levelAt(bucket: Bucket, limit: BucketLimit, now: number): number {
  const capacity = capacityOf(limit);
  const level = Math.min(bucket.level, capacity);
  const elapsed = Math.max(0, now - bucket.at);
  const refill = refillPerMs(limit);
  return elapsed >= (capacity - level) / refill ? capacity : level + elapsed * refill;
}

/** Time in milliseconds until the bucket has refilled from `level` to `wanted` (in micro-tokens). */
export function waitFor(wanted: number, level: number, limit: BucketLimit): number {
  return Math.ceil(Math.max(0, wanted - level) / refillPerMs(limit));
}
