import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import {
  ACTIVITY_ORDERS,
  type Activity,
  type ActivityOrder,
  ActivityRows,
  MAX_ACTIVITY,
  WINDOW_MS,
} from '../../src/meters/activity-rows.ts';
import type { CountedCalls, Gauges, TenantReport } from '../../src/telemetry/metrics/report.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';

/** What tenants have done lately, as the operator's list of them shows it. */

const GIB = 1024 ** 3;
const START = 1_000 * WINDOW_MS;

function opened() {
  const db = openDatabase();
  migrate(db, [
    { name: '0002_activity.sql', sql: readFileSync('migrations/meters/0002_activity.sql', 'utf8') },
  ]);
  const time = { now: START };
  const rows = new ActivityRows(db, () => time.now);
  const report = (tenant: string, counted: Partial<CountedCalls> = {}, gauges: Partial<Gauges> = {}) =>
    rows.add({
      tenant,
      added: [],
      counted: { calls: 0, notOk: 0, refused: 0, ...counted },
      gauges: {
        status: 'active',
        storageBytes: 0,
        storageQuotaBytes: GIB,
        limitRemainingRatio: 1,
        openStreams: 0,
        waiters: 0,
        ...gauges,
      },
      anchor: undefined,
    });
  const page = (order: ActivityOrder, more: Partial<Parameters<ActivityRows['list']>[0]> = {}) =>
    rows.list({ order, limit: 100, after: undefined, prefix: '', status: undefined, ...more });
  return { db, rows, report, page, time };
}

const idsOf = (activities: readonly Activity[]) => activities.map(({ id }) => id);

test('calls of the present window and the one before it count, older ones do not', () => {
  const { report, page, time } = opened();
  report('acme', { calls: 10, notOk: 4, refused: 2 });
  time.now += WINDOW_MS;
  report('acme', { calls: 5, notOk: 1 });
  report('acme', { calls: 5 });
  expect(page('trouble')).toMatchObject([{ calls: 20, notOk: 5, refused: 2, callsAMinute: 4 }]);
  time.now += WINDOW_MS;
  expect(page('trouble')).toMatchObject([{ calls: 10, notOk: 1, refused: 0 }]);
  time.now += WINDOW_MS;
  expect(page('trouble')).toMatchObject([{ calls: 0, notOk: 0, callsAMinute: 0 }]);
  report('acme', { calls: 7 });
  expect(page('trouble')).toMatchObject([{ calls: 7, notOk: 0 }]);
});

test('trouble is the worst of failures, an empty bucket and a full storage; few calls say little', () => {
  const { report, page, time } = opened();
  report('busy', { calls: 1000, notOk: 10 });
  report('failing', { calls: 1000, notOk: 400 });
  report('one-mistake', { calls: 1, notOk: 1 });
  report('limited', { calls: 500 }, { limitRemainingRatio: 0.1 });
  report('full', {}, { storageBytes: 0.9 * GIB });
  report('half-full', {}, { storageBytes: 0.5 * GIB });
  expect(idsOf(page('trouble'))).toEqual(['limited', 'full', 'failing', 'one-mistake', 'busy', 'half-full']);
  time.now += 130_000;
  // Nothing was called since, so its bucket is full again.
  expect(page('trouble').find(({ id }) => id === 'limited')).toMatchObject({ headroom: 1, key: 0 });
});

test.each([
  ['calls', ['b', 'a', 'c']],
  ['not_ok', ['a', 'b', 'c']],
  ['refused', ['b', 'a', 'c']],
  ['storage', ['c', 'b', 'a']],
  ['headroom', ['c', 'a', 'b']],
] as const)('by %s', (order, sorted) => {
  const { report, page } = opened();
  report('a', { calls: 10, notOk: 5, refused: 1 }, { storageBytes: 1, limitRemainingRatio: 0.5 });
  report('b', { calls: 100, notOk: 6, refused: 3 }, { storageBytes: 2, limitRemainingRatio: 0.9 });
  report('c', { calls: 1 }, { storageBytes: 3, limitRemainingRatio: 0.1 });
  expect(idsOf(page(order))).toEqual(sorted);
});

test('filters, a report of another release, and one that is none', () => {
  const { rows, report, page } = opened();
  report('acme', { calls: 3 });
  report('acme-eu', {}, { status: 'suspended' });
  report('globex', { calls: Number.NaN, notOk: -5 }, { limitRemainingRatio: 7, storageBytes: Number.NaN });
  report('NO TENANT', { calls: 1 });
  const { counted: _, ...older } = {
    tenant: 'older',
    added: [],
    counted: undefined,
    gauges: { storageBytes: 5, limitRemainingRatio: 1, openStreams: 0, waiters: 0 },
    anchor: undefined,
  };
  rows.add(older as unknown as TenantReport);
  expect(idsOf(page('calls'))).toEqual(['acme', 'acme-eu', 'globex', 'older']);
  expect(page('calls', { prefix: 'globex' })).toMatchObject([
    { calls: 0, notOk: 0, headroom: 1, storageBytes: 0 },
  ]);
  expect(idsOf(page('calls', { prefix: 'acme' }))).toEqual(['acme', 'acme-eu']);
  expect(idsOf(page('calls', { status: 'suspended' }))).toEqual(['acme-eu']);
  expect(idsOf(rows.of(['globex', 'missing']))).toEqual(['globex']);
  rows.forget('acme');
  expect(idsOf(page('calls', { prefix: 'acme' }))).toEqual(['acme-eu']);
});

test('12,000 tenants are listed page by page, each once, in every order', () => {
  const { db, report, page } = opened();
  db.transaction(() => {
    for (let tenant = 0; tenant < 12_000; tenant++) {
      const calls = (tenant * 7919) % 500;
      report(
        `t-${tenant}`,
        { calls, notOk: calls % 7 },
        { storageBytes: (tenant * 31) % 1000, limitRemainingRatio: (tenant % 10) / 10 },
      );
    }
  });
  for (const order of ACTIVITY_ORDERS) {
    const seen = new Set<string>();
    let last: Activity | undefined;
    let key = Number.POSITIVE_INFINITY;
    do {
      const rows = page(order, { limit: 1000, after: last });
      for (const row of rows) {
        if (row.key > key) throw new Error(`${order}: ${row.key} comes after ${key}`);
        key = row.key;
        seen.add(row.id);
      }
      last = rows.at(-1);
    } while (last !== undefined);
    expect(seen.size, order).toBe(12_000);
  }
});

test('the number of tenants is bounded: the one that was silent for longest gives its place', () => {
  const { db, report, rows, time } = opened();
  report('oldest');
  time.now += 1;
  db.exec(
    `INSERT INTO activity WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     SELECT 't-' || i, ?, 'active', 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 FROM n`,
    MAX_ACTIVITY,
    time.now,
  );
  report('newest');
  expect(idsOf(rows.of(['oldest', 'newest', 't-2']))).toEqual(['newest', 't-2']);
  expect(db.exec<{ n: number }>('SELECT count(*) AS n FROM activity')).toEqual([{ n: MAX_ACTIVITY }]);
});
