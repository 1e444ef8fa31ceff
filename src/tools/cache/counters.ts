import type { Sql } from '../tool.ts';

const DAY_MS = 86_400_000;
/** Days that are kept, today among them. */
export const MAX_DAYS = 30;
/** Namespaces and models that a day counts apart; further ones share one row. */
const MAX_ROWS_PER_DAY = 200;
/** Namespace and model of the row that further ones share. */
export const SHARED = '';

export interface Usage {
  readonly tokens: number;
  readonly microUsd: number;
}

/** Something to count, and what it saved. */
export interface Happening {
  readonly what: 'hits' | 'misses' | 'stale' | 'negative' | 'coalesced' | 'rejected' | 'evicted';
  readonly times?: number;
  readonly saved?: Usage;
}

export const dayOf = (now: number) => Math.floor(now / DAY_MS);

/** Adds to the counters of today for one namespace and model. */
export function count(sql: Sql, now: number, ns: string, model: string, happening: Happening): void {
  const day = dayOf(now);
  if (add(sql, day, ns, model, happening)) return;
  const [today] = sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM cache_days WHERE day = ?', day);
  const isFull = (today?.rows ?? 0) >= MAX_ROWS_PER_DAY;
  const [rowNs, rowModel] = isFull ? [SHARED, SHARED] : [ns, model];
  if (today?.rows === 0) dropOldDays(sql, now, 2 * MAX_ROWS_PER_DAY);
  sql.exec('INSERT OR IGNORE INTO cache_days (day, ns, model) VALUES (?, ?, ?)', day, rowNs, rowModel);
  add(sql, day, rowNs, rowModel, happening);
}

/** Removes at most `limit` counters of days that are not kept; returns how many. */
export function dropOldDays(sql: Sql, now: number, limit: number): number {
  return sql.exec(
    `DELETE FROM cache_days WHERE (day, ns, model) IN
       (SELECT day, ns, model FROM cache_days WHERE day <= ? LIMIT ?) RETURNING 1`,
    dayOf(now) - MAX_DAYS,
    limit,
  ).length;
}

function add(sql: Sql, day: number, ns: string, model: string, happening: Happening): boolean {
  const { what, times = 1, saved = { tokens: 0, microUsd: 0 } } = happening;
  const found = sql.exec(
    `UPDATE cache_days SET ${what} = ${what} + ?, tokens_saved = tokens_saved + ?, micro_usd_saved = micro_usd_saved + ?
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
