import * as z from 'zod';
import { cursorsOf } from '../../../tools/cursor.ts';
import { invalidInput } from '../../../tools/errors.ts';
import { count } from '../../../tools/fields.ts';
import { DAY_MS, dayOf } from '../../contract/period.ts';
import { type UsageOf, type Used, usageByDay, usageByToken, usageOfRecords } from '../usage.ts';
import { cursorField, SCANNED_PER_PAGE } from './calls.ts';
import { firstIdAt, keptIds, moment, timeOf } from './moments.ts';
import { defineReader, type ReadContext } from './reader.ts';

/** What was used, by day, month, token, tool or client. */

export const USAGE_GROUPS = ['day', 'month', 'tool', 'token', 'client'] as const;
const DEFAULT_DAYS = { day: 30, month: 400, token: 30, tool: 30, client: 30 } as const;
const MICRO_USD = 1e6;

export const usedSchema = z.strictObject({
  calls: count().describe('Calls that were answered or failed.'),
  failed: count().describe('Those of them that failed.'),
  refused: count().describe('Calls and requests that were refused.'),
  charged: count().describe('Calls that count against a quota of calls.'),
  work: count().describe('Tokens that were taken from the buckets.'),
  bytes_in: count().describe('Bytes of arguments.'),
  bytes_out: count().describe('Bytes of answers.'),
  saved_usd: z.number().describe('Money that answers of the cache have saved.'),
});
export type UsedEntry = z.infer<typeof usedSchema>;

export const usageSchema = usedSchema.extend({
  day: z.string().optional().describe('2026-11-26, in UTC.'),
  month: z.string().optional().describe('2026-11, in UTC.'),
  tool: z.string().optional(),
  token_id: z.string().optional(),
  label: z.string().optional().describe('What the operator calls the token.'),
  client: z.string().optional().describe('What the client calls itself; empty if it does not.'),
});
export type UsageEntry = z.infer<typeof usageSchema>;

const CURSORS = cursorsOf('usage', z.int().min(0));

/** Usage in a range of time. */
export const recordsUsage = defineReader({
  name: 'records_usage',
  title: 'Show usage',
  description:
    'Shows calls, refusals, bytes, tokens charged and money saved, by day, month, token, tool or client.',
  input: z.strictObject({
    by: z.enum(USAGE_GROUPS).default('day'),
    since: moment().describe(
      'ISO 8601, or an age such as 7d. Days, months and tokens: from the beginning of its day.',
    ),
    until: moment().describe('The first moment that is not counted.'),
    cursor: cursorField(),
  }),
  output: z.strictObject({
    by: z.enum(USAGE_GROUPS),
    since: z.iso.datetime(),
    until: z.iso.datetime(),
    usage: z.array(usageSchema),
    next_cursor: z
      .string()
      .optional()
      .describe('Tools and clients are counted a part of the records at a time: add what comes next.'),
  }),
  log: { by: 'plain', since: 'plain', until: 'plain', cursor: 'length' },
  read({ cursor, ...asked }, context) {
    const { by, since, until } = { ...asked, ...rangeOf(asked, context.now) };
    const times = { since: new Date(since).toISOString(), until: new Date(until).toISOString() };
    if (by === 'tool' || by === 'client') {
      const { all, next } = ofRecords(by, { since, until }, context, asked, cursor);
      return { by, ...times, usage: all.map((one) => entryOf(by, one)), next_cursor: next };
    }
    if (cursor !== undefined)
      throw invalidInput('cursor', 'cursor: only usage by tool and by client has pages. Leave it out.');
    const days = { start: dayOf(since), end: dayOf(until - 1) + 1 };
    const { sql } = context;
    if (by !== 'token')
      return { by, ...times, usage: usageByDay(sql, by, days).map((one) => entryOf(by, one)) };
    const labels = new Map(
      sql
        .exec<{ id: string; label: string }>('SELECT id, label FROM tokens LIMIT ?', 1000)
        .map(({ id, label }) => [id, label]),
    );
    const usage = usageByToken(sql, days).map((one) => ({
      ...entryOf(by, one),
      label: labels.get(one.name),
    }));
    return { by, ...times, usage };
  },
});

interface Asked {
  readonly by: (typeof USAGE_GROUPS)[number];
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** Milliseconds since the epoch. What is counted in whole days begins with the first of them. */
function rangeOf({ by, since, until }: Asked, now: number) {
  const end = until === undefined ? now : timeOf(until, now);
  const start = since === undefined ? end - DEFAULT_DAYS[by] * DAY_MS : timeOf(since, now);
  if (start >= end) throw invalidInput('since', 'since: must be before until.');
  const isExact = by === 'tool' || by === 'client';
  return { since: isExact ? start : dayOf(start) * DAY_MS, until: end };
}

/** One page: the records of a range of ids. */
function ofRecords(
  by: 'tool' | 'client',
  { since, until }: { readonly since: number; readonly until: number },
  context: ReadContext,
  asked: Asked,
  cursor: string | undefined,
) {
  const { sql } = context;
  const kept = keptIds(sql);
  const last = firstIdAt(sql, kept, until) - 1;
  const from = cursor === undefined ? firstIdAt(sql, kept, since) : CURSORS.decode(context, asked, cursor);
  const end = Math.min(last, from + SCANNED_PER_PAGE - 1);
  const all = usageOfRecords(sql, by, { first: from, last: end });
  return { all, next: end < last ? CURSORS.encode(context, asked, end + 1) : undefined };
}

const FIELD = { day: 'day', month: 'month', tool: 'tool', token: 'token_id', client: 'client' } as const;

const entryOf = (by: Asked['by'], { name, used }: UsageOf): UsageEntry => ({
  [FIELD[by]]: name,
  ...usedEntry(used),
});

function usedEntry({ saved_micro_usd, ...counts }: Used): UsedEntry {
  return { ...counts, saved_usd: saved_micro_usd / MICRO_USD };
}
