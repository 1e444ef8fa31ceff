/** Days and months, in UTC. */

export const DAY_MS = 86_400_000;

/** What a quota of calls is for. */
export const PERIODS = ['day', 'month'] as const;
export type Period = (typeof PERIODS)[number];

/** Days since 1970. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

/** A range of days; `end` is the first one after it. */
export interface Days {
  readonly start: number;
  readonly end: number;
}

/** The days of the period that `ms` lies in. */
export function daysOf(period: Period, ms: number): Days {
  const day = dayOf(ms);
  if (period === 'day') return { start: day, end: day + 1 };
  const date = new Date(ms);
  const first = (months: number) => dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
  return { start: first(0), end: first(1) };
}

/** A day as `2026-11-26`, or its month as `2026-11`. */
export const nameOf = (period: Period, day: number): string =>
  new Date(day * DAY_MS).toISOString().slice(0, period === 'day' ? 10 : 7);
