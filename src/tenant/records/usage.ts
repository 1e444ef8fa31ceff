import type { Sql } from '../../tools/tool.ts';
import { type Days, dayOf, nameOf, type Period } from '../contract/period.ts';
import type { RecordRow } from './record.ts';

/** How long usage is kept, in days. */
export const MAX_USAGE_DAYS = 400;
/** Tokens that are counted apart on one day; the others are counted together, under the name `other`. */
export const MAX_TOKENS_A_DAY = 250;
export const OTHER = 'other';
/** Keys that are known to be stored, and stay in memory. */
const MAX_KNOWN = 1024;
/** Tools or clients, and tokens, that are listed; the rest is summed up as `other`. */
const MAX_NAMES = 100;
const MAX_TOKENS = 1000;

/** What was used in a period, or by a token, tool or client. */
export type Used = {
  /** Calls that were answered or failed; remote ones when they have ended. */
  calls: number;
  /** Those of them that failed. */
  failed: number;
  refused: number;
  /** Calls that were charged, which is what a quota of calls counts: unknown tools as well, free ones not. */
  charged: number;
  /** Tokens that were taken from the buckets. */
  work: number;
  bytes_in: number;
  bytes_out: number;
  /** What answers of the cache have saved. */
  saved_micro_usd: number;
};
type UsageRow = Used & { day: number; token_id: string };

const NAMES = [
  'calls',
  'failed',
  'refused',
  'charged',
  'work',
  'bytes_in',
  'bytes_out',
  'saved_micro_usd',
] as const satisfies readonly (keyof Used)[];
const SUMS = NAMES.map((name) => `sum(${name}) AS ${name}`).join(', ');
const UPSERT = `INSERT INTO usage (day, token_id, ${NAMES.join(', ')}) VALUES (?, ?, ${NAMES.map(() => '?').join(', ')})
  ON CONFLICT (day, token_id) DO UPDATE SET ${NAMES.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`;

/** Sums over records; `usedOf` is the same for one record. */
const REFUSED = `(outcome IN ('refused', 'unknown_tool') OR scope IS NOT NULL)`;
const SUMS_OF_RECORDS = `
  sum(iif(${REFUSED} OR outcome = 'deferred', 0, times)) AS calls,
  sum(iif(outcome = 'error' AND scope IS NULL, times, 0)) AS failed,
  sum(iif(${REFUSED}, times, 0)) AS refused,
  sum(iif(work > 0, times, 0)) AS charged,
  sum(work) AS work,
  sum(iif(outcome = 'deferred', 0, bytes_in)) AS bytes_in,
  sum(bytes_out) AS bytes_out,
  sum(saved_micro_usd) AS saved_micro_usd`;

type Counted = Pick<
  RecordRow,
  'outcome' | 'scope' | 'times' | 'work' | 'bytes_in' | 'bytes_out' | 'saved_micro_usd'
>;

/** What one record adds. The start of a remote call has its price, its end all else. */
function usedOf({ outcome, scope, times, work, bytes_in, bytes_out, saved_micro_usd }: Counted): Used {
  const isRefusal = outcome === 'refused' || outcome === 'unknown_tool' || scope !== null;
  const isStart = outcome === 'deferred';
  return {
    calls: isRefusal || isStart ? 0 : times,
    failed: outcome === 'error' && !isRefusal ? times : 0,
    refused: isRefusal ? times : 0,
    charged: work > 0 ? times : 0,
    work,
    bytes_in: isStart ? 0 : bytes_in,
    bytes_out,
    saved_micro_usd,
  };
}

const sumOf = (a: Used, b: Used): Used => ({
  calls: a.calls + b.calls,
  failed: a.failed + b.failed,
  refused: a.refused + b.refused,
  charged: a.charged + b.charged,
  work: a.work + b.work,
  bytes_in: a.bytes_in + b.bytes_in,
  bytes_out: a.bytes_out + b.bytes_out,
  saved_micro_usd: a.saved_micro_usd + b.saved_micro_usd,
});

/** The usage of a tenant for each day and token: derived from its records, and saved behind them. */
export class Usage {
  readonly #db: Sql;
  readonly #unsaved = new Map<string, { day: number; tokenId: string; used: Used }>();
  readonly #known = new Set<string>();

  constructor(db: Sql) {
    this.#db = db;
  }

  /** Counts a record that was saved. */
  add(row: RecordRow): void {
    // What the operator does is not the tenant's use.
    if (row.transport === 'admin') return;
    const day = dayOf(row.at);
    const key = `${day} ${row.token_id}`;
    const used = usedOf(row);
    const unsaved = this.#unsaved.get(key);
    this.#unsaved.set(key, {
      day,
      tokenId: row.token_id,
      used: unsaved === undefined ? used : sumOf(unsaved.used, used),
    });
  }

  /** Saves what was added up to the record `id`, in the caller's transaction. @returns what to do when that has committed */
  save(id: number): () => void {
    const stored = new Set<string>();
    let added = 0;
    for (const { day, tokenId, used } of this.#unsaved.values()) {
      const [name, isNew] = this.#nameOf(day, tokenId);
      this.#db.exec(UPSERT, day, name, ...NAMES.map((column) => used[column]));
      if (isNew) added++;
      stored.add(`${day} ${name}`);
    }
    this.#db.exec('UPDATE ledger SET usage_id = max(usage_id, ?), usage_rows = usage_rows + ?', id, added);
    return () => {
      this.#unsaved.clear();
      if (this.#known.size > MAX_KNOWN) this.#known.clear();
      for (const key of stored) this.#known.add(key);
    };
  }

  /** The name under which a token is counted, and whether it has no row yet. */
  #nameOf(day: number, tokenId: string): [name: string, isNew: boolean] {
    if (this.#has(day, tokenId)) return [tokenId, false];
    const [row] = this.#db.exec<{ tokens: number }>(
      'SELECT count(*) AS tokens FROM usage WHERE day = ?',
      day,
    );
    if ((row?.tokens ?? 0) < MAX_TOKENS_A_DAY) return [tokenId, true];
    return [OTHER, !this.#has(day, OTHER)];
  }

  #has(day: number, name: string): boolean {
    if (this.#known.has(`${day} ${name}`)) return true;
    return this.#db.exec('SELECT 1 FROM usage WHERE day = ? AND token_id = ?', day, name).length > 0;
  }
}

/** Deletes usage that is older than `MAX_USAGE_DAYS`, at most `limit` rows. @returns how many */
export function pruneUsage(sql: Sql, now: number, limit: number): number {
  const [row] = sql.exec<{ rows: number }>(
    'SELECT count(*) AS rows FROM (SELECT 1 FROM usage WHERE day <= ? LIMIT ?)',
    dayOf(now) - MAX_USAGE_DAYS,
    limit,
  );
  const rows = row?.rows ?? 0;
  if (rows === 0) return 0;
  sql.exec(
    `DELETE FROM usage WHERE (day, token_id) IN
       (SELECT day, token_id FROM usage WHERE day <= ? ORDER BY day, token_id LIMIT ?)`,
    dayOf(now) - MAX_USAGE_DAYS,
    rows,
  );
  sql.exec('UPDATE ledger SET usage_rows = usage_rows - ?', rows);
  return rows;
}

/** The calls that were charged on these days. */
export function chargedOn(sql: Sql, { start, end }: Days): number {
  const [row] = sql.exec<{ charged: number }>(
    'SELECT coalesce(sum(charged), 0) AS charged FROM usage WHERE day >= ? AND day < ?',
    start,
    end,
  );
  return row?.charged ?? 0;
}

/** What was used by one of a group: a day, a month, a token, a tool or a client, whose name may be empty. */
export interface UsageOf {
  readonly name: string;
  readonly used: Used;
}

/** In the order of the days. */
export function usageByDay(sql: Sql, by: Period, { start, end }: Days): UsageOf[] {
  const days = sql.exec<Omit<UsageRow, 'token_id'>>(
    `SELECT day, ${SUMS} FROM usage WHERE day >= ? AND day < ? GROUP BY day ORDER BY day LIMIT ?`,
    start,
    end,
    2 * MAX_USAGE_DAYS,
  );
  const periods = new Map<string, Used>();
  for (const { day, ...used } of days) {
    const name = nameOf(by, day);
    const known = periods.get(name);
    periods.set(name, known === undefined ? used : sumOf(known, used));
  }
  return [...periods].map(([name, used]) => ({ name, used }));
}

/** Those that called most come first. */
export function usageByToken(sql: Sql, { start, end }: Days): UsageOf[] {
  const rows = sql.exec<Used & { name: string }>(
    `SELECT token_id AS name, ${SUMS} FROM usage WHERE day >= ? AND day < ? GROUP BY token_id LIMIT ?`,
    start,
    end,
    MAX_USAGE_DAYS * MAX_TOKENS_A_DAY,
  );
  return mostUsed(rows, MAX_TOKENS);
}

/** What the records of these ids have used. */
export function usageOfRecords(
  sql: Sql,
  by: 'tool' | 'client',
  { first, last }: { readonly first: number; readonly last: number },
): UsageOf[] {
  const rows = sql.exec<Used & { name: string }>(
    `SELECT coalesce(${by}, '') AS name, ${SUMS_OF_RECORDS} FROM records
     WHERE id >= ? AND id <= ? AND transport <> 'admin' GROUP BY 1`,
    first,
    last,
  );
  return mostUsed(rows, MAX_NAMES);
}

/** Those that called most, and the sum of the others as `other`. */
function mostUsed(rows: readonly (Used & { name: string })[], most: number): UsageOf[] {
  const all = rows
    .map(({ name, ...used }) => ({ name, used }))
    .sort((a, b) => b.used.calls + b.used.refused - (a.used.calls + a.used.refused));
  const [first, ...others] = all.slice(most).map(({ used }) => used);
  return first === undefined
    ? all
    : [...all.slice(0, most), { name: OTHER, used: others.reduce(sumOf, first) }];
}
