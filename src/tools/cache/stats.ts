import * as z from 'zod';
import { count } from '../fields.ts';
import { defineTool, type Sql } from '../tool.ts';
import { namespace } from './cache-input.ts';
import { dayOf, MAX_DAYS, SHARED } from './counters.ts';
import { SUPERSEDED } from './invalidation.ts';
import { CACHE_QUOTA } from './quota.ts';

const DEFAULT_DAYS = 7;
const MAX_MODELS = 20;
const OTHER_MODELS = '(other)';
const MICRO = 1_000_000;

const counted = {
  hits: count(),
  misses: count(),
  stale: count(),
  negative: count(),
  coalesced: count().describe(
    "Lookups that another caller's lease kept from doing the work: those that waited for its answer, which is also " +
      'a hit, and those told pending.',
  ),
  rejected: count(),
  hit_rate: z.number().describe('Share of lookups answered from the cache, 0 to 1.'),
  evicted: count(),
  tokens_saved: count(),
  usd_saved: z.number(),
};

export const cacheStats = defineTool({
  name: 'cache_stats',
  title: 'Show cache statistics',
  description:
    'How well the response cache works: lookups by outcome, hit rate, tokens and dollars saved in the last days ' +
    '(UTC, today included), in total and by model, and how much of its quota is in use now.',
  scope: 'cache:read',
  cost: 2,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    namespace: namespace().describe('Without it, all namespaces together.'),
    days: z.int().min(1).max(MAX_DAYS).default(DEFAULT_DAYS),
  }),
  output: z.strictObject({
    ...counted,
    entries: count().describe('Entries that can be served now.'),
    bytes: count(),
    quota_bytes: count().describe('For all namespaces together.'),
    by_model: z.array(z.strictObject({ model: z.string(), ...counted })),
  }),
  log: { namespace: 'plain', days: 'plain' },
  run: ({ namespace: ns = null, days }, { sql, now }) => {
    const since = dayOf(now) - days;
    const total = sums(sql, since, ns);
    return {
      ...figures(total),
      ...inUse(sql, ns, now),
      quota_bytes: CACHE_QUOTA.bytes,
      by_model: byModel(sql, since, ns, total),
    };
  },
});

/** Sums of counters, in the order of the columns of `cache_days`. */
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

// total() and not sum(): it yields a double, where an integer beyond 2^53 could not be read.
const TOTALS = SUMMED.map((name) => `total(${name}) AS ${name}`).join(', ');

/** The counters of the days after `since`, of one namespace or, with null, of all. */
function sums(sql: Sql, since: number, ns: string | null): Sums {
  const [total = NOTHING] = sql.exec<Sums>(
    `SELECT ${TOTALS} FROM cache_days WHERE day > ? AND ns = coalesce(?, ns)`,
    since,
    ns,
  );
  return total;
}

const NOTHING: Sums = {
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

/** The same by model, the busiest first; what is left of `total` is one last line. */
function byModel(sql: Sql, since: number, ns: string | null, total: Sums) {
  const rows = sql.exec<Sums & { model: string }>(
    `SELECT model, ${TOTALS} FROM cache_days WHERE day > ? AND ns = coalesce(?, ns) AND model <> ?
     GROUP BY model ORDER BY total(hits + misses + stale + negative) DESC, model LIMIT ?`,
    since,
    ns,
    SHARED,
    MAX_MODELS,
  );
  const rest = rows.reduce(minus, total);
  const lines = rows.map((row) => ({ model: row.model, ...figures(row) }));
  return SUMMED.some((name) => rest[name] > 0)
    ? [...lines, { model: OTHER_MODELS, ...figures(rest) }]
    : lines;
}

function minus(from: Sums, part: Sums): Sums {
  const left = { ...from };
  for (const name of SUMMED) left[name] -= part[name];
  return left;
}

function figures({ micro_usd_saved: microUsd, ...sums }: Sums) {
  const answered = sums.hits + sums.stale + sums.negative;
  const lookups = answered + sums.misses;
  return {
    hits: sums.hits,
    misses: sums.misses,
    stale: sums.stale,
    negative: sums.negative,
    coalesced: sums.coalesced,
    rejected: sums.rejected,
    hit_rate: lookups === 0 ? 0 : Math.round((answered / lookups) * 10_000) / 10_000,
    evicted: sums.evicted,
    tokens_saved: sums.tokens_saved,
    usd_saved: microUsd / MICRO,
  };
}

/** Entries that can be served now, and the bytes they take; there are never more than the quota allows. */
function inUse(sql: Sql, ns: string | null, now: number): { entries: number; bytes: number } {
  const [row] = sql.exec<{ entries: number; bytes: number }>(
    `SELECT count(*) AS entries, total(e.size) AS bytes FROM cache_entries e
     WHERE e.dead_at > ? AND e.ns = coalesce(?, e.ns) AND NOT ${SUPERSEDED}`,
    now,
    ns,
  );
  return row ?? { entries: 0, bytes: 0 };
}
