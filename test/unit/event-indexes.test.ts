import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { createdCompartment, openCompartment, type TestCompartment } from '../support/compartment.ts';
import { createOldTenant } from '../support/old-database.ts';
import type { Answer } from '../support/tenant.ts';

const EVENT_INDEXES = '0060_event_indexes.sql';
const START = Date.UTC(2026, 0, 1);

const caller =
  (tenant: TestCompartment, token: ReturnType<TestCompartment['issue']>) =>
  (tool: string, args: object): Answer => {
    const outcome = tenant.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };

const historyOf = (call: ReturnType<typeof caller>, key: string) =>
  call('blackboard_read', { key, history: true }).entries[0].versions.map(({ rev }: { rev: number }) => rev);
const watchedFrom = (call: ReturnType<typeof caller>, since_rev: number) =>
  call('blackboard_watch', { since_rev, limit: 200 }).events.map(({ rev }: { rev: number }) => rev);

/** The indexes have the events up to `board_indexed.rev`. */
function expectIndexed({ db }: Pick<TestCompartment, 'db'>): void {
  const late = 'SELECT rev FROM board_events WHERE indexed = 0 AND rev <= (SELECT rev FROM board_indexed)';
  expect(db.exec(late)).toEqual([]);
}

test('events of an earlier release are read, watched and pruned, those that its search index lacked as well', () => {
  const db = openDatabase();
  const token = createOldTenant(db, EVENT_INDEXES);
  for (let rev = 1; rev <= 30; rev++)
    db.exec(
      `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, bytes, tags, value)
       VALUES (?, 'default', ?, 'set', 'old', 'old', ?, 2, '[]', ?)`,
      rev,
      rev % 10 === 0 ? 'rare' : 'hot',
      START,
      String(rev),
    );
  for (const [key, rev, versions] of [
    ['hot', 29, 27],
    ['rare', 30, 3],
  ] as const)
    db.exec(
      `INSERT INTO board_cells (run_id, key, rev, author, principal, updated_at, versions, bytes, tags, value)
       VALUES ('default', ?, ?, 'old', 'old', ?, ?, 2, '[]', ?)`,
      key,
      rev,
      START,
      versions,
      String(rev),
    );
  db.exec('UPDATE board_indexed SET rev = 15');
  db.exec('UPDATE ledger SET rev = 30');
  const tenant = openCompartment({ db });
  const call = caller(tenant, token);
  expect(historyOf(call, 'rare')).toEqual([30, 20, 10]);
  expectIndexed(tenant);
  expect(historyOf(call, 'hot')).toEqual([
    29, 28, 27, 26, 25, 24, 23, 22, 21, 19, 18, 17, 16, 15, 14, 13, 12, 11, 9, 8,
  ]);
  expect(watchedFrom(call, 12)).toEqual([
    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
  ]);
  for (let n = 0; n < 64; n++) call('blackboard_write', { key: 'hot', value: `new ${n}` });
  expectIndexed(tenant);
  expect(db.exec("SELECT count(*) AS n FROM board_events WHERE key = 'hot'")[0]?.n).toBeLessThan(20 + 64);
  expect(historyOf(call, 'hot')).toHaveLength(20);
  expect(historyOf(call, 'rare')).toEqual([30, 20, 10]);
});

test('a key that is written and deleted in turn keeps a bounded number of versions', () => {
  const tenant = createdCompartment();
  const call = caller(tenant, tenant.issue());
  for (let n = 0; n < 300; n++) {
    call('blackboard_write', { key: 'k', value: n });
    call('blackboard_delete', { keys: ['k'] });
  }
  expect(tenant.db.exec('SELECT count(*) AS n FROM board_events')[0]?.n).toBeLessThan(20 + 12 + 64 + 2);
  expectIndexed(tenant);
});

test('cells that expire while nothing is written do not leave a long tail of events that no index has', () => {
  const tenant = createdCompartment();
  const call = caller(tenant, tenant.issue());
  for (let n = 0; n < 300; n++) call('blackboard_write', { key: `k/${n}`, value: n, ttl_s: 1 });
  tenant.clock.now += 2_000;
  for (let n = 0; n < 10; n++) call('blackboard_read', { key: 'k/0' });
  expect(tenant.db.exec('SELECT count(*) AS n FROM board_cells')).toEqual([{ n: 0 }]);
  const [tail] = tenant.db.exec('SELECT max(rev) - (SELECT rev FROM board_indexed) AS n FROM board_events');
  expect(tail?.n).toBeLessThan(64 + 64);
  expectIndexed(tenant);
});
