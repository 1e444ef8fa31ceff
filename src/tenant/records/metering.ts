import type { CountedCalls, ReportedAnchor } from '../../telemetry/metrics/report.ts';
import { Tally } from '../../telemetry/metrics/tally.ts';
import type { Sql } from '../../tools/tool.ts';
import { OK, REFUSED, SHOWN } from './reading/filter.ts';

/** Records that one report counts, which takes some 30 ms; the next one continues. */
const MAX_METERED = 50_000;
const MICRO_USD = 1e6;
/** The scopes of refusals by a bucket or a quota of calls; others are scopes that a token lacks. */
const BUCKETS: ReadonlySet<string | null> = new Set(['tenant', 'tool', 'day', 'month']);

type Counted = {
  tool: string;
  outcome: string;
  code: string | null;
  scope: string | null;
  times: number;
  saved_micro_usd: number;
  shown: number;
  not_ok: number;
  refused: number;
};

/** What the records after the last report add to the metrics. */
export interface Unmetered {
  /** The newest record that is counted. */
  readonly through: number;
  readonly isEmpty: boolean;
  readonly tally: Tally;
  readonly counted: CountedCalls;
}

/** Counts the records that were not reported yet. They are stored, so none is lost when the host is evicted. */
export function unmetered(sql: Sql): Unmetered {
  const [ledger] = sql.exec<{ metered_id: number; last_id: number }>(
    'SELECT metered_id, last_id FROM ledger',
  );
  // Records that the ledger does not have yet are counted by the next report.
  const { metered_id: after, last_id: last } = ledger ?? { metered_id: 0, last_id: 0 };
  const through = Math.min(last, after + MAX_METERED);
  const rows = sql.exec<Counted>(
    // What is shown is decided once for each kind of record, because that takes longer than counting.
    `SELECT *, iif(${SHOWN}, times, 0) AS shown, iif(${SHOWN} AND NOT ${OK}, times, 0) AS not_ok,
       iif(${REFUSED}, times, 0) AS refused
     FROM (SELECT tool, outcome, code, scope, status, transport, sum(times) AS times, sum(saved_micro_usd) AS saved_micro_usd
       FROM records WHERE id > ? AND id <= ? AND outcome <> 'deferred' AND transport <> 'admin'
       GROUP BY tool, outcome, code, scope, status, transport)`,
    after,
    through,
  );
  const tally = new Tally();
  const sum = (name: 'shown' | 'not_ok' | 'refused') => rows.reduce((all, row) => all + row[name], 0);
  for (const { tool, outcome, code, scope, times, saved_micro_usd } of rows) {
    // The reason of an answer is no code of an error.
    const label = outcome === 'answer' ? '' : (code ?? '');
    tally.count('bulkhead_calls_total', [tool, outcome, label], times);
    tally.count('bulkhead_tenant_calls_total', [outcome], times);
    if (BUCKETS.has(scope)) tally.count('bulkhead_refusals_total', [scope ?? '', tool], times);
    tally.count('bulkhead_cache_saved_usd_total', [], saved_micro_usd / MICRO_USD);
  }
  return {
    through,
    isEmpty: through <= after,
    tally,
    counted: { calls: sum('shown'), notOk: sum('not_ok'), refused: sum('refused') },
  };
}

/** The records up to this one were reported. A tenant that was created anew meanwhile has fewer. */
export const setMetered = (sql: Sql, through: number): void =>
  void sql.exec('UPDATE ledger SET metered_id = ? WHERE last_id >= ?', through, through);

export function newestAnchor(sql: Sql): ReportedAnchor | undefined {
  const [row] = sql.exec<ReportedAnchor & Record<string, string | number>>(
    'SELECT id AS record, at, head, kid, mac FROM anchors ORDER BY id DESC LIMIT 1',
  );
  return row;
}
