import * as z from 'zod';
import { count } from '../../../tools/fields.ts';
import { SCANNED_PER_PAGE } from './calls.ts';
import { idsOf, OK, REFUSED, SHOWN } from './filter.ts';
import { moment } from './moments.ts';
import { defineReader } from './reader.ts';

/** How a time was, in numbers: how many calls, how many of them went wrong, how long they took, and what refused them. */

const MAX_REASONS = 50;
/** Nineteen of twenty calls took no longer. */
const PERCENTILE = 0.95;

const output = z.strictObject({
  calls: count().describe('Calls and refusals.'),
  not_ok: count(),
  refused: count(),
  p95_ms: count().describe('Without the time that calls waited for others.'),
  first_at: z.iso
    .datetime()
    .optional()
    .describe('The numbers begin here: there were too many records since.'),
  refusals: z
    .array(
      z.strictObject({
        tool: z.string(),
        code: z.string(),
        scope: z.string().optional(),
        times: count(),
        retry_after_ms: count().describe('The longest time that a caller was told to wait.'),
      }),
    )
    .describe('What was refused, the most frequent first.'),
});

/** Of the agents: what the operator does is not counted. */
const COUNTED = `${SHOWN} AND transport <> 'admin'`;

const COUNTS = `
  SELECT coalesce(sum(iif(outcome = 'deferred', 0, times)), 0) AS calls, coalesce(sum(iif(${OK}, 0, times)), 0) AS not_ok,
    coalesce(sum(iif(${REFUSED}, times, 0)), 0) AS refused, coalesce(sum(outcome IN ('answer', 'error')), 0) AS timed
  FROM records WHERE id >= ? AND id <= ? AND ${COUNTED}`;
const TOOK = `
  SELECT took_ms - wait_ms AS ms FROM records WHERE id >= ? AND id <= ? AND ${COUNTED} AND outcome IN ('answer', 'error')
  ORDER BY ms LIMIT 1 OFFSET ?`;
const REASONS = `
  SELECT tool, coalesce(code, outcome) AS code, scope, sum(times) AS times, max(coalesce(retry_after_ms, 0)) AS retry_after_ms
  FROM records WHERE id >= ? AND id <= ? AND ${REFUSED} GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT ?`;

type Counts = { calls: number; not_ok: number; refused: number; timed: number };
type Reason = { tool: string; code: string; scope: string | null; times: number; retry_after_ms: number };

export const recordsSummary = defineReader({
  name: 'records_summary',
  title: 'Summarize records',
  description: 'Counts what was called, refused and failed since a time, and what refused it.',
  input: z.strictObject({ since: moment().describe('By default an hour ago.') }),
  output,
  log: { since: 'plain' },
  read({ since = '1h' }, { sql, now }) {
    const { first: from, last } = idsOf(sql, { since }, now);
    const first = Math.max(from, last - SCANNED_PER_PAGE + 1);
    const [counts] = sql.exec<Counts>(COUNTS, first, last);
    const { calls = 0, not_ok = 0, refused = 0, timed = 0 } = counts ?? {};
    const rank = Math.max(0, Math.ceil(timed * PERCENTILE) - 1);
    const [slow] = sql.exec<{ ms: number }>(TOOK, first, last, rank);
    const [oldest] =
      first === from ? [] : sql.exec<{ at: number }>('SELECT at FROM records WHERE id = ?', first);
    return {
      calls,
      not_ok,
      refused,
      p95_ms: Math.max(0, slow?.ms ?? 0),
      first_at: oldest && new Date(oldest.at).toISOString(),
      refusals: sql
        .exec<Reason>(REASONS, first, last, MAX_REASONS)
        .map(({ scope, ...reason }) => ({ ...reason, scope: scope ?? undefined })),
    };
  },
});
