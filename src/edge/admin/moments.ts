import * as z from 'zod';
import { DAY_MS } from '../../tenant/contract/period.ts';

/** Moments in a query: a date, a date with a time, or how long ago. */

const AGO_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS };
const date = z.iso.date();
const dateTime = z.iso.datetime({ offset: true });

const EXPECTED =
  'must be a date (2026-11-26), a date and time (2026-11-26T14:00:00Z) or a time ago (90m, 12h, 7d)';

/** @returns milliseconds since the epoch; undefined for a text that is no moment */
function momentOf(text: string, now: number): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ago = AGO_MS[unit];
  if (ago !== undefined) return now - Number(digits) * ago;
  return date.safeParse(text).success || dateTime.safeParse(text).success ? Date.parse(text) : undefined;
}

/** A moment as milliseconds since the epoch. A date is its first moment, in UTC. */
export const momentSchema = (now: number) =>
  z.string().transform((text, context) => {
    const moment = momentOf(text, now);
    if (moment !== undefined) return moment;
    context.addIssue({ code: 'custom', message: EXPECTED });
    return z.NEVER;
  });
