import * as z from 'zod';
import type { Sql } from '../../../tools/tool.ts';

/** Times in the questions about records, and the records of a time. */

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const AGE = /^(\d{1,6})([smhd])$/;

const ISO = [z.iso.date(), z.iso.datetime({ offset: true })];

const isMoment = (text: string) => AGE.test(text) || ISO.some((form) => form.safeParse(text).success);

/** A time as ISO 8601, or how long ago it was. */
export const moment = () =>
  z
    .string()
    .max(40)
    .refine(isMoment, { error: 'must be a time such as 2026-11-26T14:00:00Z, or an age such as 15m' })
    .optional();

/** Milliseconds since the epoch. @param text what `moment` accepts */
export function timeOf(text: string, now: number): number {
  const [, count = '', unit = ''] = AGE.exec(text) ?? [];
  return count === '' ? Date.parse(text) : now - Number(count) * (UNIT_MS[unit] ?? 0);
}

/** The ids of the records that are kept: those from `first` to `last`, without a gap. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

export function keptIds(sql: Sql): IdRange {
  const [row] = sql.exec<{ first: number | null; last: number | null }>(
    'SELECT (SELECT min(id) FROM records) AS first, (SELECT max(id) FROM records) AS last',
  );
  return { first: row?.first ?? 1, last: row?.last ?? 0 };
}

/**
 * The first record that ended at `time` or later, by binary search: there is no index on the time. Records end in the order
 * of their ids; after a clock has stepped back, those of the repeated time may be missed.
 * @returns `last + 1` when there is none
 */
export function firstIdAt(sql: Sql, { first, last }: IdRange, time: number): number {
  let low = first;
  let high = last + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = sql.exec<{ at: number }>(
      'SELECT at FROM records WHERE id >= ? ORDER BY id LIMIT 1',
      middle,
    );
    if (row !== undefined && row.at < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
