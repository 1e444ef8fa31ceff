import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { openDatabase } from '../../src/local/database.ts';
import { closedLabels, OTHER } from '../../src/meters/labels.ts';
import { FORGOTTEN_AFTER_MS, MAX_TENANTS, MeterRows, OTHER_TENANTS } from '../../src/meters/meter-rows.ts';
import { DURATION_BOUNDS, METRICS } from '../../src/telemetry/metrics/metrics.ts';
import type { Added, TenantReport } from '../../src/telemetry/metrics/report.ts';
import { Tally } from '../../src/telemetry/metrics/tally.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { START } from '../support/fake-time.ts';
import { parsePrometheus, sampleOf } from '../support/prometheus.ts';

const LABELS = closedLabels(catalogue);

const MIGRATIONS = ['0001_meters.sql', '0002_activity.sql'].map((name) => ({
  name,
  sql: readFileSync(`migrations/meters/${name}`, 'utf8'),
}));

function opened() {
  const db = openDatabase();
  migrate(db, MIGRATIONS);
  const time = { now: START };
  const meters = new MeterRows(db, LABELS, () => time.now);
  const samples = () => {
    time.now += 10_000;
    return parsePrometheus(meters.text());
  };
  return { db, meters, time, samples };
}

const GAUGES = {
  status: 'active',
  storageBytes: 4096,
  storageQuotaBytes: 8192,
  limitRemainingRatio: 0.5,
  openStreams: 2,
  waiters: 1,
} as const;
const report = (tenant: string, added: readonly Added[] = []): TenantReport => ({
  tenant,
  added,
  counted: { calls: 10, notOk: 3, refused: 2 },
  gauges: GAUGES,
  anchor: undefined,
});
const calls = (by: number, ...labels: string[]): Added => ({
  metric: 'bulkhead_calls_total',
  labels,
  sums: [by],
});

test('reports add up, and gauges are those of the last report', () => {
  const { meters, samples } = opened();
  meters.addTenant(report('acme', [calls(2, 'blackboard_read', 'answer', '')]));
  meters.addTenant(report('acme', [calls(3, 'blackboard_read', 'answer', '')]));
  meters.addTenant({ ...report('globex'), gauges: { ...GAUGES, storageBytes: 1, openStreams: 5 } });
  meters.addEdge([{ metric: 'bulkhead_http_refusals_total', labels: ['401', 'unauthorized'], sums: [7] }]);
  const found = samples();
  const read = { tool: 'blackboard_read', outcome: 'answer', code: '' };
  expect(sampleOf(found, 'bulkhead_calls_total', read)).toBe(5);
  expect(sampleOf(found, 'bulkhead_storage_bytes', { tenant: 'acme' })).toBe(4096);
  expect(sampleOf(found, 'bulkhead_storage_bytes', { tenant: 'globex' })).toBe(1);
  expect(sampleOf(found, 'bulkhead_open_streams')).toBe(7);
  expect(sampleOf(found, 'bulkhead_waiters')).toBe(2);
  expect(sampleOf(found, 'bulkhead_http_refusals_total', { status: '401' })).toBe(7);
  expect(sampleOf(found, 'bulkhead_reports_total', { reporter: 'tenant' })).toBe(3);
});

test('a histogram has cumulative buckets, a count and a sum', () => {
  const { meters, samples } = opened();
  const tally = new Tally();
  for (const seconds of [0.005, 0.02, 0.3, 400])
    tally.observe('bulkhead_call_duration_seconds', ['scar_check'], seconds);
  meters.addEdge(tally.take());
  expect(tally.take()).toEqual([]);
  const found = samples();
  const bucket = (le: string) =>
    sampleOf(found, 'bulkhead_call_duration_seconds_bucket', { tool: 'scar_check', le });
  expect([...DURATION_BOUNDS.map(String), '+Inf'].map(bucket)).toEqual([
    1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4,
  ]);
  expect(sampleOf(found, 'bulkhead_call_duration_seconds_count')).toBe(4);
  expect(sampleOf(found, 'bulkhead_call_duration_seconds_sum')).toBeCloseTo(400.325);
});

/** Names that a label must not have, nor break the format with. */
const HOSTILE = [
  'x"} 1\nbulkhead_calls_total{tool="y',
  '\\',
  '__proto__',
  'constructor',
  '',
  '_other',
  'a'.repeat(64),
  'A',
  '\u202e',
  '{}',
  'le="1"',
];

describe('the law of labels', () => {
  test('1,500 tenants and hostile names of everything make a bounded number of series, all from closed lists', () => {
    const { meters, samples } = opened();
    const added = (Object.keys(METRICS) as Added['metric'][]).flatMap((metric) =>
      HOSTILE.map((name) => ({ metric, labels: METRICS[metric].labels.map(() => name), sums: [1] })),
    );
    for (let n = 0; n < 1500; n++) {
      const unknown = { ...calls(1, 'blackboard_read'), metric: `made_up_${n}` } as unknown as Added;
      meters.addTenant(
        report(`tenant-${n}`, [
          calls(1, `tool-${n}`, `outcome-${n}`, `code-${n}`),
          { metric: 'bulkhead_tenant_calls_total', labels: ['answer'], sums: [1] },
          unknown,
        ]),
      );
    }
    for (const name of HOSTILE) meters.addTenant(report(name, added));
    meters.addEdge(added);
    const found = samples();

    const tenants = new Set(found.flatMap(({ labels }) => labels.tenant ?? []));
    expect(tenants.size).toBe(MAX_TENANTS + 1);
    expect(sampleOf(found, 'bulkhead_tenants')).toBe(MAX_TENANTS);
    expect(sampleOf(found, 'bulkhead_tenant_calls_total', { tenant: OTHER_TENANTS, outcome: 'answer' })).toBe(
      1500 - MAX_TENANTS,
    );
    const strange = found.flatMap(({ name, labels }) => {
      const { le: _, tenant: __, ...closed } = labels;
      return Object.entries(closed)
        .filter(([label, value]) => !LABELS[label as keyof typeof LABELS]?.has(value))
        .map(([label, value]) => `${name}{${label}="${value}"}`);
    });
    expect(strange).toEqual([]);
    expect(
      [...tenants].filter((name) => name !== OTHER_TENANTS && !/^[a-z0-9][a-z0-9-]*$/.test(name)),
    ).toEqual([]);
    expect(
      sampleOf(found, 'bulkhead_calls_total', { tool: OTHER, outcome: OTHER, code: OTHER }),
    ).toBeGreaterThan(1000);
  });

  test('only these metrics are told apart by tenant, and none by token, client, run, trace or key', () => {
    const ofTenant = Object.entries(METRICS).filter(([, { labels }]) =>
      labels.some((name) => name === 'tenant'),
    );
    expect(ofTenant.map(([name]) => name)).toEqual([
      'bulkhead_tenant_calls_total',
      'bulkhead_cache_saved_usd_total',
      'bulkhead_storage_bytes',
      'bulkhead_limit_remaining_ratio',
    ]);
    const labels = new Set<string>(Object.values(METRICS).flatMap((metric) => metric.labels));
    labels.delete('tenant');
    expect([...labels].sort()).toEqual(Object.keys(LABELS).sort());
    for (const values of Object.values(LABELS)) expect(values.size).toBeLessThan(100);
  });

  test('every tool of the catalogue has its own series', () => {
    for (const { name } of catalogue.all) expect(LABELS.tool).toContain(name);
  });

  test.each([[[Number.NaN]], [[-1]], [[Number.POSITIVE_INFINITY]]])('sums of %j are ignored', (sums) => {
    const { meters, samples } = opened();
    meters.addEdge([{ metric: 'bulkhead_spans_dropped_total', labels: [], sums }]);
    expect(sampleOf(samples(), 'bulkhead_spans_dropped_total')).toBeUndefined();
  });
});

test('a tenant that has not reported for a month gives its place to a new one', () => {
  const { meters, samples, time } = opened();
  for (let n = 0; n < MAX_TENANTS; n++) meters.addTenant(report(`t${n}`));
  time.now += FORGOTTEN_AFTER_MS;
  const one: Added = { metric: 'bulkhead_tenant_calls_total', labels: ['answer'], sums: [1] };
  meters.addTenant(report('new', [one]));
  const found = samples();
  expect(sampleOf(found, 'bulkhead_tenants')).toBe(MAX_TENANTS);
  expect(sampleOf(found, 'bulkhead_tenant_calls_total', { tenant: 'new' })).toBe(1);
});

test('a tenant that was erased is forgotten, with its anchor', () => {
  const { meters, samples } = opened();
  const anchor = { record: 7, at: START, head: 'h', kid: 'k', mac: 'm' };
  const one: Added = { metric: 'bulkhead_tenant_calls_total', labels: ['answer'], sums: [1] };
  meters.addTenant({ ...report('acme', [one]), anchor });
  meters.addTenant({ ...report('acme'), anchor: { ...anchor, record: 3, head: 'older' } });
  expect(meters.anchor('acme')).toEqual(anchor);
  meters.forget('acme');
  expect(meters.anchor('acme')).toBeUndefined();
  expect(samples().filter(({ labels }) => labels.tenant === 'acme')).toEqual([]);
});

test('the text is made at most every ten seconds', () => {
  const { meters, time } = opened();
  const first = meters.text();
  meters.addTenant(report('acme'));
  time.now += 9999;
  expect(meters.text()).toBe(first);
  time.now += 1;
  expect(meters.text()).not.toBe(first);
});
