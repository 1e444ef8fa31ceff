/** Counters per day (UTC), namespace and model, for `cache_stats`. */
import { DAY_MS } from '../time.ts';
import type { Sql } from '../tool.ts';

/** How many days are stored, including today. */
export const MAX_DAYS = 30;
/** How many pairs of namespace and model have a row of their own per day. Further pairs share one row. */
const MAX_ROWS_PER_DAY = 200;
/** Namespace and model of that shared row, and of lookups whose namespace or model is unknown. */
export const UNLABELLED = '';
/** Costs are stored in whole micro-dollars, so that sums are exact. */
export const MICRO_USD_PER_USD = 1_000_000;

export interface Usage {
  readonly tokens: number;
  readonly microUsd: number;
}

/** One increment of a counter, and what a hit saved. */
export interface CounterUpdate {
  readonly counter: 'hits' | 'misses' | 'stale' | 'negative' | 'coalesced' | 'rejected' | 'evicted';
  readonly times?: number;
  readonly saved?: Usage;
}

export const dayOf = (now: number) => Math.floor(now / DAY_MS);

/** Adds to today's counters of one namespace and model. */
export function addToCounter(sql: Sql, now: number, ns: string, model: string, update: CounterUpdate): void {
  const day = dayOf(now);
  if (add(sql, day, ns, model, update)) return;
  const [today] = sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM cache_days WHERE day = ?', day);
  const isFull = (today?.rows ?? 0) >= MAX_ROWS_PER_DAY;
  const [rowNs, rowModel] = isFull ? [UNLABELLED, UNLABELLED] : [ns, model];
  if (today?.rows === 0) deleteOldDays(sql, now, 2 * MAX_ROWS_PER_DAY);
  sql.exec('INSERT OR IGNORE INTO cache_days (day, ns, model) VALUES (?, ?, ?)', day, rowNs, rowModel);
  add(sql, day, rowNs, rowModel, update);
}

/** Deletes at most `limit` rows of days that are too old. @returns how many it deleted */
export function deleteOldDays(sql: Sql, now: number, limit: number): number {
  return sql.exec(
    `DELETE FROM cache_days WHERE (day, ns, model) IN
       (SELECT day, ns, model FROM cache_days WHERE day <= ? LIMIT ?) RETURNING 1`,
    dayOf(now) - MAX_DAYS,
    limit,
  ).length;
}

function add(sql: Sql, day: number, ns: string, model: string, update: CounterUpdate): boolean {
  const { counter, times = 1, saved = { tokens: 0, microUsd: 0 } } = update;
  const found = sql.exec(
    `UPDATE cache_days SET ${counter} = ${counter} + ?, tokens_saved = tokens_saved + ?, micro_usd_saved = micro_usd_saved + ?
     WHERE day = ? AND ns = ? AND model = ? RETURNING 1 AS found`,
    times,
    saved.tokens,
    saved.microUsd,
    day,
    ns,
    model,
  );
  return found.length > 0;
}
