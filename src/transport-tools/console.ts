import * as z from 'zod';
import { dayOf, MAX_DAYS, MICRO_USD_PER_USD } from '../tools/cache/counters.ts';
import { cacheStats } from '../tools/cache/stats.ts';
import { count } from '../tools/fields.ts';
import { fixesOf } from '../tools/scar/fixes.ts';
import { scarList } from '../tools/scar/list.ts';
import { fixSchema, fixView, listedSchema } from '../tools/scar/output.ts';
import { parseScarId, scarIdText } from '../tools/scar/store.ts';
import { tenantLimits } from '../tools/tenant/limits.ts';
import { DAY_MS } from '../tools/time.ts';
import { defineTool, type Sql } from '../tools/tool.ts';

/** What the pages of the console ask that no published tool answers in one call. They only read. */

/** Fixes of a failure that a page shows. */
const SHOWN_FIXES = 5;
const SHOWN_NAMESPACES = 20;

const failureSchema = listedSchema.extend({ known_fixes: z.array(fixSchema).describe('The best first.') });

/** The failures with their fixes. */
export const consoleFailures = defineTool({
  ...scarList,
  name: 'console_failures',
  title: 'List failures with their fixes',
  description: 'Lists recorded failures as scar_list does, each with its fixes.',
  output: scarList.output.extend({ scars: z.array(failureSchema) }),
  run(args, context) {
    const list = scarList.run(args, context);
    if (!('scars' in list)) throw new Error('a list does not wait');
    const ids = list.scars.flatMap(({ scar_id }) => parseScarId(scar_id) ?? []);
    const fixes = fixesOf(context.sql, ids);
    const shownOf = (scarId: string) =>
      fixes.filter((fix) => scarIdText(fix.scar_id) === scarId).slice(0, SHOWN_FIXES);
    return {
      ...list,
      scars: list.scars.map((scar) => ({
        ...scar,
        known_fixes: shownOf(scar.scar_id).map((fix) => fixView(fix, context)),
      })),
    };
  },
});

const daySchema = z.strictObject({
  day: z.iso.date(),
  answered: count().describe('Lookups that the cache has answered.'),
  lookups: count(),
  usd_saved: z.number(),
});

const namespaceSchema = z.strictObject({
  namespace: z.string().describe('Empty for lookups whose namespace is not known.'),
  answered: count(),
  lookups: count(),
  rejected: count(),
  usd_saved: z.number(),
});

/** The statistics of the cache, day by day, and who works on answers now. */
export const consoleCache = defineTool({
  ...cacheStats,
  name: 'console_cache',
  title: 'Show cache statistics by day',
  description: 'Shows what the cache saved as cache_stats does, and the same for each day.',
  input: z.strictObject({ days: z.int().min(1).max(MAX_DAYS).default(7) }),
  output: cacheStats.output.extend({
    by_day: z.array(daySchema).describe('The oldest first.'),
    by_namespace: z.array(namespaceSchema).describe('Those with most lookups first.'),
    leases_out: count().describe('Callers that work on an answer now.'),
  }),
  log: { days: 'plain' },
  run({ days }, context) {
    const stats = cacheStats.run({ days }, context);
    if (!('hits' in stats)) throw new Error('statistics do not wait');
    const today = dayOf(context.now);
    return {
      ...stats,
      by_day: byDay(context.sql, today, days),
      by_namespace: byNamespace(context.sql, today, days),
      leases_out: leasesOut(context.sql, context.now),
    };
  },
});

type DayRow = { day: number; answered: number; lookups: number; micro_usd: number };

/** Each day up to `today`, those without a lookup as well. */
function byDay(sql: Sql, today: number, days: number): z.output<typeof daySchema>[] {
  const rows = sql.exec<DayRow>(
    `SELECT day, total(hits + stale + negative) AS answered, total(hits + stale + negative + misses) AS lookups,
       total(micro_usd_saved) AS micro_usd FROM cache_days WHERE day > ? GROUP BY day`,
    today - days,
  );
  const known = new Map(rows.map((row) => [row.day, row]));
  return Array.from({ length: days }, (_, index) => {
    const day = today - days + 1 + index;
    const { answered = 0, lookups = 0, micro_usd: microUsd = 0 } = known.get(day) ?? {};
    const date = new Date(day * DAY_MS).toISOString().slice(0, 10);
    return { day: date, answered, lookups, usd_saved: microUsd / MICRO_USD_PER_USD };
  });
}

type NamespaceRow = {
  namespace: string;
  answered: number;
  lookups: number;
  rejected: number;
  micro_usd: number;
};

const byNamespace = (sql: Sql, today: number, days: number): z.output<typeof namespaceSchema>[] =>
  sql
    .exec<NamespaceRow>(
      `SELECT ns AS namespace, total(hits + stale + negative) AS answered, total(hits + stale + negative + misses) AS lookups,
         total(rejected) AS rejected, total(micro_usd_saved) AS micro_usd FROM cache_days WHERE day > ?
       GROUP BY ns ORDER BY lookups DESC, ns LIMIT ?`,
      today - days,
      SHOWN_NAMESPACES,
    )
    .map(({ micro_usd: microUsd, ...row }) => ({ ...row, usd_saved: microUsd / MICRO_USD_PER_USD }));

/** Leases that are not over, of at most 1,000. */
function leasesOut(sql: Sql, now: number): number {
  const [row] = sql.exec<{ leases: number }>(
    'SELECT count(*) AS leases FROM cache_leases WHERE expires_at > ?',
    now,
  );
  return row?.leases ?? 0;
}

/** Every bucket, those that are full as well. */
export const consoleLimits = defineTool({
  ...tenantLimits,
  name: 'console_limits',
  title: 'Show all limits',
  description: 'Shows every bucket of the tenant, its quotas and its storage.',
  cost: 1,
  run: (_args, context) => context.allowance(),
});

export const CONSOLE_TOOLS = [consoleFailures, consoleCache, consoleLimits] as const;
