import * as z from 'zod';
import { count } from '../fields.ts';
import { defineTool, type Sql } from '../tool.ts';
import { namespace } from './cache-input.ts';
import { dayOf, MAX_DAYS, MICRO_USD_PER_USD, UNLABELLED } from './counters.ts';
import { CACHE_QUOTA } from './quota.ts';
import { EVERY_NAMESPACE, servableTotal } from './totals.ts';

const DEFAULT_DAYS = 7;
const MAX_MODELS = 20;
const OTHER_MODELS = '(other)';

/** A counter that is left out is 0. */
const counterFields = {
  hits: count(),
  misses: count(),
  stale: count().optional(),
  negative: count().optional(),
  coalesced: count()
    .optional()
    .describe(
      "Lookups that did not call the model because of another caller's lease: they waited for its answer (also a " +
        'hit) or got pending.',
    ),
  rejected: count().optional(),
  hit_rate: z.number().describe('Share of lookups answered from the cache, 0 to 1.'),
  evicted: count().optional(),
  tokens_saved: count().optional(),
  usd_saved: z.number().optional(),
};

export const cacheStats = defineTool({
  name: 'cache_stats',
  title: 'Show cache statistics',
  description: 'Shows what the cache saved: hit rate, tokens and dollars by model, and the quota in use.',
  scope: 'cache:read',
  cost: 2,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    namespace: namespace().describe('Default: all.'),
    days: z.int().min(1).max(MAX_DAYS).default(DEFAULT_DAYS),
  }),
  output: z.strictObject({
    ...counterFields,
    entries: count().describe('Entries that can be served now.'),
    bytes: count(),
    reclaiming: z
      .literal(true)
      .optional()
      .describe('entries and bytes still include entries that expired or were invalidated.'),
    quota_bytes: count().describe('For all namespaces together.'),
    by_model: z
      .array(z.strictObject({ model: z.string(), ...counterFields }))
      .describe('Counters of 0 are omitted.'),
  }),
  log: { namespace: 'plain', days: 'plain' },
  run: ({ namespace: ns = null, days }, { sql, now }) => {
    const since = dayOf(now) - days;
    const total = sums(sql, since, ns);
    const { entries, bytes, isReclaiming } = servableTotal(sql, ns ?? EVERY_NAMESPACE, now);
    return {
      ...describeSums(total),
      entries,
      bytes,
      reclaiming: isReclaiming ? (true as const) : undefined,
      quota_bytes: CACHE_QUOTA.bytes,
      by_model: byModel(sql, since, ns, total),
    };
  },
});

/** The counter columns of `cache_days`. */
const SUMMED = [
  'hits',
  'misses',
  'stale',
  'negative',
  'coalesced',
  'rejected',
  'evicted',
  'tokens_saved',
  'micro_usd_saved',
] as const;
type Sums = Record<(typeof SUMMED)[number], number>;

// total() returns a double. sum() returns an integer, which cannot be read if it is beyond 2^53.
const TOTALS = SUMMED.map((name) => `total(${name}) AS ${name}`).join(', ');

/** The sums of the days after `since`, for one namespace or, with null, for all. */
function sums(sql: Sql, since: number, ns: string | null): Sums {
  const [total = ZERO] = sql.exec<Sums>(
    `SELECT ${TOTALS} FROM cache_days WHERE day > ? AND ns = coalesce(?, ns)`,
    since,
    ns,
  );
  return total;
}

const ZERO: Sums = {
  hits: 0,
  misses: 0,
  stale: 0,
  negative: 0,
  coalesced: 0,
  rejected: 0,
  evicted: 0,
  tokens_saved: 0,
  micro_usd_saved: 0,
};

/** The sums by model, those with most lookups first. What remains of `total` is one last line, `(other)`. */
function byModel(sql: Sql, since: number, ns: string | null, total: Sums) {
  const rows = sql.exec<Sums & { model: string }>(
    `SELECT model, ${TOTALS} FROM cache_days WHERE day > ? AND ns = coalesce(?, ns) AND model <> ?
     GROUP BY model ORDER BY total(hits + misses + stale + negative) DESC, model LIMIT ?`,
    since,
    ns,
    UNLABELLED,
    MAX_MODELS,
  );
  const rest = rows.reduce(minus, total);
  const lines = rows.map((row) => ({ model: row.model, ...describeSums(row) }));
  return SUMMED.some((name) => rest[name] > 0)
    ? [...lines, { model: OTHER_MODELS, ...describeSums(rest) }]
    : lines;
}

function minus(from: Sums, part: Sums): Sums {
  const left = { ...from };
  for (const name of SUMMED) left[name] -= part[name];
  return left;
}

function describeSums({ micro_usd_saved: microUsd, ...sums }: Sums) {
  const answered = sums.hits + sums.stale + sums.negative;
  const lookups = answered + sums.misses;
  return {
    hits: sums.hits,
    misses: sums.misses,
    stale: sums.stale || undefined,
    negative: sums.negative || undefined,
    coalesced: sums.coalesced || undefined,
    rejected: sums.rejected || undefined,
    hit_rate: lookups === 0 ? 0 : Math.round((answered / lookups) * 10_000) / 10_000,
    evicted: sums.evicted || undefined,
    tokens_saved: sums.tokens_saved || undefined,
    usd_saved: microUsd / MICRO_USD_PER_USD || undefined,
  };
}
