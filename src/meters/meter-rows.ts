import { METRICS, type MetricName } from '../telemetry/metrics/metrics.ts';
import type { Added, ReportedAnchor, TenantReport } from '../telemetry/metrics/report.ts';
import { parseTenantId } from '../tenant/contract/call.ts';
import type { Database } from '../tenant/storage/database.ts';
import { type Activity, type ActivityQuery, ActivityRows } from './activity-rows.ts';
import { type ClosedLabels, OTHER } from './labels.ts';
import { type Series, toPrometheus } from './prometheus.ts';

/** Tenants with series of their own. What the others report counts as the tenant `_other`. */
export const MAX_TENANTS = 1000;
export const OTHER_TENANTS = '_other';
/** A tenant that has not reported for so long gives its place to a new one. */
export const FORGOTTEN_AFTER_MS = 30 * 86_400_000;
/** Series of one report; more are ignored. */
const MAX_ADDED = 2000;
/** Rows that are read for the text. Closed labels make fewer. */
const MAX_ROWS = 100_000;
const TEXT_AGE_MS = 10_000;

/** Kinds of refusals that a summary names. */
const MAX_REFUSALS = 20;

/** A summary of all series, since the metrics began. */
export interface MeterTotals {
  readonly openStreams: number;
  readonly waiters: number;
  readonly counters: Readonly<
    Record<'recordsDropped' | 'spansExported' | 'spansDropped' | 'spansFailed', number>
  >;
  /** What the edge has refused, the most frequent first. */
  readonly refusals: readonly { readonly status: string; readonly code: string; readonly times: number }[];
}

type SeriesRow = { metric: string; tenant: string; labels: string; sums: string };
type TenantRow = {
  id: string;
  storage_bytes: number;
  limit_remaining_ratio: number;
  open_streams: number;
  waiters: number;
};

/**
 * The sums of all that was reported, in one database.
 *
 * Guarantees: labels have values of closed lists or are one of at most 1,000 tenants, so the number of series has a bound
 * whatever is reported. A report that is not understood is ignored.
 */
export class MeterRows {
  readonly #db: Database;
  readonly #labels: ClosedLabels;
  readonly #clock: () => number;
  readonly #activity: ActivityRows;
  #text: { readonly at: number; readonly text: string } | undefined;

  constructor(db: Database, labels: ClosedLabels, clock: () => number) {
    this.#db = db;
    this.#labels = labels;
    this.#clock = clock;
    this.#activity = new ActivityRows(db, clock);
  }

  addTenant(report: TenantReport): void {
    const { tenant, added, gauges, anchor } = report;
    this.#db.transaction(() => {
      this.#activity.add(report);
      const name = this.#nameOf(tenant);
      this.#add(added, name);
      this.#add([{ metric: 'bulkhead_reports_total', labels: ['tenant'], sums: [1] }], name);
      if (anchor !== undefined && parseTenantId(tenant) !== undefined) this.#setAnchor(tenant, anchor);
      if (name === OTHER_TENANTS) return;
      this.#db.exec(
        `UPDATE tenants SET reported_at = ?, storage_bytes = ?, limit_remaining_ratio = ?, open_streams = ?, waiters = ?
         WHERE id = ?`,
        this.#clock(),
        finite(gauges.storageBytes),
        finite(gauges.limitRemainingRatio),
        finite(gauges.openStreams),
        finite(gauges.waiters),
        name,
      );
    });
  }

  addEdge(added: readonly Added[]): void {
    this.#db.transaction(() => {
      this.#add(added, OTHER_TENANTS);
      this.#add([{ metric: 'bulkhead_reports_total', labels: ['edge'], sums: [1] }], OTHER_TENANTS);
    });
  }

  /** A tenant was erased. */
  forget(tenant: string): void {
    this.#db.transaction(() => {
      this.#db.exec('DELETE FROM anchors WHERE tenant = ?', tenant);
      this.#activity.forget(tenant);
      this.#drop(tenant);
    });
    this.#text = undefined;
  }

  /** The newest signed head that the tenant has reported. */
  anchor(tenant: string): ReportedAnchor | undefined {
    const [row] = this.#db.exec<ReportedAnchor & Record<string, string | number>>(
      'SELECT record, at, head, kid, mac FROM anchors WHERE tenant = ?',
      tenant,
    );
    return row;
  }

  /** See `ActivityRows.list`. */
  activity(query: ActivityQuery): Activity[] {
    return this.#activity.list(query);
  }

  /** See `ActivityRows.of`. */
  activityOf(ids: readonly string[]): Activity[] {
    return this.#activity.of(ids);
  }

  /** What the deployment has lost and refused, and what is open now. */
  totals(): MeterTotals {
    const sums = (metric: MetricName) =>
      this.#db
        .exec<Pick<SeriesRow, 'labels' | 'sums'>>(
          'SELECT labels, sums FROM series WHERE metric = ? AND tenant = ? LIMIT ?',
          metric,
          '',
          MAX_ADDED,
        )
        .map((row) => ({ labels: JSON.parse(row.labels) as string[], sum: Number(JSON.parse(row.sums)[0]) }));
    const counter = (metric: MetricName) => sums(metric).reduce((all, { sum }) => all + sum, 0);
    const [open] = this.#db.exec<{ streams: number; waiters: number }>(
      'SELECT total(open_streams) AS streams, total(waiters) AS waiters FROM tenants',
    );
    return {
      openStreams: open?.streams ?? 0,
      waiters: open?.waiters ?? 0,
      counters: {
        recordsDropped: counter('bulkhead_records_dropped_total'),
        spansExported: counter('bulkhead_spans_exported_total'),
        spansDropped: counter('bulkhead_spans_dropped_total'),
        spansFailed: counter('bulkhead_spans_failed_total'),
      },
      refusals: sums('bulkhead_http_refusals_total')
        .map(({ labels: [status = '', code = ''], sum }) => ({ status, code, times: sum }))
        .toSorted((a, b) => b.times - a.times)
        .slice(0, MAX_REFUSALS),
    };
  }

  /** All series as Prometheus reads them, at most 10 s old. */
  text(): string {
    const now = this.#clock();
    if (this.#text === undefined || Math.abs(now - this.#text.at) >= TEXT_AGE_MS)
      this.#text = { at: now, text: toPrometheus(this.#series()) };
    return this.#text.text;
  }

  #series(): ReadonlyMap<MetricName, Series[]> {
    const series = new Map<MetricName, Series[]>();
    const push = (metric: MetricName, labels: readonly string[], sums: readonly number[]) => {
      const known = series.get(metric);
      if (known === undefined) series.set(metric, [{ labels, sums }]);
      else known.push({ labels, sums });
    };
    const rows = this.#db.exec<SeriesRow>(
      'SELECT * FROM series ORDER BY metric, tenant, labels LIMIT ?',
      MAX_ROWS,
    );
    for (const { metric, tenant, labels, sums } of rows) {
      // A metric that only another release has.
      if (!isMetric(metric)) continue;
      push(metric, [...(tenant === '' ? [] : [tenant]), ...JSON.parse(labels)], JSON.parse(sums));
    }
    const tenants = this.#db.exec<TenantRow>('SELECT * FROM tenants ORDER BY id LIMIT ?', MAX_TENANTS);
    let openStreams = 0;
    let waiters = 0;
    for (const tenant of tenants) {
      push('bulkhead_storage_bytes', [tenant.id], [tenant.storage_bytes]);
      push('bulkhead_limit_remaining_ratio', [tenant.id], [tenant.limit_remaining_ratio]);
      openStreams += tenant.open_streams;
      waiters += tenant.waiters;
    }
    push('bulkhead_tenants', [], [tenants.length]);
    push('bulkhead_open_streams', [], [openStreams]);
    push('bulkhead_waiters', [], [waiters]);
    return series;
  }

  /** The name under which a tenant is counted: its own, as long as there are places. */
  #nameOf(tenant: string): string {
    if (parseTenantId(tenant) === undefined) return OTHER_TENANTS;
    const now = this.#clock();
    if (this.#db.exec('SELECT 1 FROM tenants WHERE id = ?', tenant).length > 0) return tenant;
    const [row] = this.#db.exec<{ tenants: number }>('SELECT count(*) AS tenants FROM tenants');
    if ((row?.tenants ?? 0) >= MAX_TENANTS) {
      const [idle] = this.#db.exec<{ id: string }>(
        'SELECT id FROM tenants WHERE reported_at <= ? ORDER BY reported_at LIMIT 1',
        now - FORGOTTEN_AFTER_MS,
      );
      if (idle === undefined) return OTHER_TENANTS;
      this.#drop(idle.id);
    }
    this.#db.exec('INSERT INTO tenants VALUES (?, ?, 0, 1, 0, 0)', tenant, now);
    return tenant;
  }

  #drop(tenant: string): void {
    this.#db.exec('DELETE FROM tenants WHERE id = ?', tenant);
    for (const [metric, { labels }] of Object.entries(METRICS)) {
      if (hasTenant(labels))
        this.#db.exec('DELETE FROM series WHERE metric = ? AND tenant = ?', metric, tenant);
    }
  }

  #add(added: readonly Added[], tenant: string): void {
    for (const { metric, labels, sums } of added.slice(0, MAX_ADDED)) {
      if (!isSummed(metric) || !sums.every((sum) => Number.isFinite(sum) && sum >= 0)) continue;
      const names: readonly (keyof ClosedLabels | 'tenant')[] = METRICS[metric].labels;
      const closed = names.filter((name) => name !== 'tenant');
      const values = closed.map((name, index) => {
        const value = labels[index] ?? '';
        return this.#labels[name].has(value) ? value : OTHER;
      });
      this.#sum(metric, hasTenant(names) ? tenant : '', JSON.stringify(values), sums);
    }
  }

  #sum(metric: string, tenant: string, labels: string, sums: readonly number[]): void {
    const [known] = this.#db.exec<{ sums: string }>(
      'SELECT sums FROM series WHERE metric = ? AND tenant = ? AND labels = ?',
      metric,
      tenant,
      labels,
    );
    const before: number[] = known === undefined ? [] : JSON.parse(known.sums);
    this.#db.exec(
      'INSERT OR REPLACE INTO series (metric, tenant, labels, sums) VALUES (?, ?, ?, ?)',
      metric,
      tenant,
      labels,
      JSON.stringify(sums.map((sum, index) => sum + (before[index] ?? 0))),
    );
  }

  /** The newest one counts. An older one that comes late is not taken. */
  #setAnchor(tenant: string, { record, at, head, kid, mac }: ReportedAnchor): void {
    this.#db.exec(
      `INSERT INTO anchors (tenant, record, at, head, kid, mac) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant) DO UPDATE SET record = excluded.record, at = excluded.at, head = excluded.head,
         kid = excluded.kid, mac = excluded.mac
       WHERE excluded.record >= record`,
      tenant,
      record,
      at,
      head,
      kid,
      mac,
    );
  }
}

const isMetric = (name: string): name is MetricName => Object.hasOwn(METRICS, name);
const isSummed = (name: string): name is Added['metric'] => isMetric(name) && METRICS[name].type !== 'gauge';
const hasTenant = (labels: readonly string[]) => labels[0] === 'tenant';
const finite = (value: number) => (Number.isFinite(value) ? value : 0);
