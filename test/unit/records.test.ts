import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import type { ReportedAnchor } from '../../src/telemetry/metrics/report.ts';
import type { TokenId } from '../../src/tenant/contract/call.ts';
import { headSignerOf } from '../../src/tenant/records/head-signer.ts';
import { MAX_RECORD_AGE_MS, MAX_RECORDS } from '../../src/tenant/records/prune.ts';
import type { RecordRow } from '../../src/tenant/records/record.ts';
import { MAX_REFUSAL_KINDS } from '../../src/tenant/records/refusals.ts';
import { RUN_IDLE_MS } from '../../src/tenant/records/runs.ts';
import type { Verified } from '../../src/tenant/records/verify.ts';
import { WRITE_BEHIND_MS } from '../../src/tenant/records/writer.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import {
  callRequest,
  createdCompartment,
  openCompartment,
  type TestCompartment,
} from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';
import { createOldTenant } from '../support/old-database.ts';

const TIGHT = { tenant: { rate: 1, burst: 3 }, tool: { rate: 1, burst: 3 } };
const KEYS = [
  { kid: 'new', secret: new Uint8Array(32).fill(1) },
  { kid: 'old', secret: new Uint8Array(32).fill(2) },
] as const;

function recordsOf({ compartment, db }: TestCompartment): RecordRow[] {
  compartment.flush();
  return db.exec<RecordRow>('SELECT * FROM records ORDER BY id');
}

function verified({ compartment }: TestCompartment): Verified {
  const result = compartment.reading.verify();
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

async function settled(tenant: TestCompartment): Promise<void> {
  await tenant.elapse(2 * WRITE_BEHIND_MS);
}

test('ids are the order in which calls ended, whether they read, write or fail', async () => {
  const tenant = createdCompartment();
  const token = tenant.issue(['blackboard:read', 'blackboard:write']);
  tenant.call(token, 'blackboard_list', {});
  tenant.call(token, 'blackboard_write', { key: 'k', value: 1 });
  tenant.call(token, 'blackboard_read', { key: 'k' });
  tenant.call(token, 'blackboard_write', { key: 'k', value: 2, if_rev: 0 });
  tenant.call(token, 'blackboard_write', { key: 'k' });
  tenant.call(token, 'no_such_tool', {});
  tenant.call(token, 'scar_list', {});
  await settled(tenant);
  expect(
    recordsOf(tenant).map(({ id, tool, outcome, status, code, rev_from, rev_to }) =>
      [id, tool, outcome, status, code, `${rev_from}-${rev_to}`].join(' '),
    ),
  ).toEqual([
    '1 blackboard_list answer   0-0',
    '2 blackboard_write answer created  0-1',
    '3 blackboard_read answer   1-1',
    '4 blackboard_write answer conflict  1-1',
    '5 blackboard_write error  invalid_input 1-1',
    '6 unknown unknown_tool   1-1',
    '7 scar_list refused  insufficient_scope 1-1',
  ]);
  expect(verified(tenant)).toMatchObject({ broken: undefined, first: 1, last: 7 });
});

test('a record and its log line say who, what, how long, what it cost, and which revision it made', () => {
  const tenant = createdCompartment();
  const token = tenant.issue();
  const { db, lines, compartment, clock } = tenant;
  const args = { key: 'k', value: 'not to be shown', by: 'planner' };
  const request = callRequest(token, 'blackboard_write', args, clock.now - 7);
  compartment.call({ ...request, session: undefined });
  expect(db.exec('SELECT * FROM records')).toMatchObject([
    {
      took_ms: 7,
      wait_ms: 0,
      times: 1,
      run: 1,
      token_id: token,
      client: 'test-client',
      client_version: '1.0.0',
      protocol: '2026-07-28',
      transport: 'mcp',
      request_id: 'request-1',
      args: '{"by":"planner","key":"k"}',
      work: 1,
      rev_to: 1,
    },
  ]);
  expect(lines).toMatchObject([{ status: 'created', rev: 1, args: { key: 'k', by: 'planner' } }]);
  expect(JSON.stringify(recordsOf(tenant))).not.toContain('not to be shown');
});

describe('refusals', () => {
  test('a runaway client writes two records a second, which name the bucket', async () => {
    const tenant = createdCompartment({ limits: TIGHT });
    const token = tenant.issue();
    for (let ms = 0; ms < 5000; ms += 10) {
      for (let call = 0; call < 5; call++) tenant.call(token, 'blackboard_read', { key: 'k' });
      await tenant.elapse(10);
    }
    await settled(tenant);
    const rows = recordsOf(tenant);
    const refused = rows.filter(({ code }) => code === 'rate_limited');
    expect(refused.length).toBeLessThanOrEqual(12);
    expect(rows.reduce((sum, { times }) => sum + times, 0)).toBe(2500);
    expect(refused[0]).toMatchObject({ times: 1, scope: 'tool', tool: 'blackboard_read', outcome: 'error' });
    expect(refused.at(-1)?.retry_after_ms).toBeGreaterThan(0);
    expect(verified(tenant).broken).toBeUndefined();
  });

  test('many kinds of them share one record', async () => {
    const tenant = createdCompartment();
    const token = tenant.issue(['cache:read']);
    const request = callRequest(token, 'blackboard_list', {}, tenant.clock.now);
    for (let client = 0; client < 3 * MAX_REFUSAL_KINDS; client++) {
      const clientName = `client-${client}`;
      tenant.compartment.call({ ...request, caller: { ...request.caller, clientName } });
    }
    await settled(tenant);
    const rows = recordsOf(tenant);
    expect(rows).toHaveLength(MAX_REFUSAL_KINDS + 1);
    expect(rows.at(-1)).toMatchObject({ tool: 'other', code: 'other', times: 2 * MAX_REFUSAL_KINDS });
  });

  test('of a list, of a revoked token and of a suspended tenant are recorded', async () => {
    const tenant = createdCompartment();
    const { administration } = tenant.compartment;
    const revoked = tenant.issue();
    administration.revokeToken(revoked);
    tenant.compartment.admit(revoked, undefined);
    const token = tenant.issue();
    administration.setStatus('suspended');
    tenant.call(token, 'blackboard_list');
    await settled(tenant);
    expect(recordsOf(tenant)).toMatchObject([
      { tool: 'request', code: 'invalid_token', token_id: revoked },
      { tool: 'blackboard_list', code: 'suspended', token_id: token },
    ]);
  });
});

describe('a run is', () => {
  const runsOf = (tenant: TestCompartment) => recordsOf(tenant).map(({ run }) => run);
  const called = (tenant: TestCompartment, token: TokenId, caller: object, session?: string) => {
    const request = callRequest(token, 'blackboard_list', {}, tenant.clock.now);
    tenant.compartment.call({
      ...request,
      session: session as undefined,
      caller: { ...request.caller, ...caller },
    });
  };

  test('a trace, whoever calls in it', () => {
    const tenant = createdCompartment();
    const trace = (traceId: string) => ({ trace: { traceId, spanId: 'b'.repeat(16), parentSpanId: 'c' } });
    const [a, b] = [tenant.issue(), tenant.issue()];
    for (const [token, id] of [
      [a, 'x'],
      [b, 'x'],
      [a, 'y'],
      [b, 'x'],
    ] as const)
      called(tenant, token, trace(id));
    expect(runsOf(tenant)).toEqual([1, 1, 3, 1]);
    expect(tenant.db.exec('SELECT id, trace_id, calls, last_id FROM runs')).toEqual([
      { id: 1, trace_id: 'x', calls: 3, last_id: 4 },
      { id: 3, trace_id: 'y', calls: 1, last_id: 3 },
    ]);
  });

  test('a token and client that are not idle, when there is neither a trace nor a session', () => {
    const tenant = createdCompartment();
    const [a, b] = [tenant.issue(), tenant.issue()];
    called(tenant, a, {});
    called(tenant, b, {});
    called(tenant, a, { clientName: 'another' });
    tenant.clock.now += RUN_IDLE_MS - 1;
    called(tenant, a, {});
    tenant.clock.now += RUN_IDLE_MS;
    called(tenant, a, {});
    expect(runsOf(tenant)).toEqual([1, 2, 3, 1, 5]);
  });

  test('derived: what is lost is made again from the records', () => {
    const tenant = createdCompartment();
    const token = tenant.issue();
    for (let call = 0; call < 3; call++)
      tenant.call(token, 'blackboard_write', { key: 'k', value: call, if_rev: 0 });
    tenant.call(token, 'blackboard_read', { key: 'k' });
    tenant.compartment.flush();
    const before = tenant.db.exec('SELECT * FROM runs');
    expect(before).toMatchObject([{ calls: 4, not_ok: 2, changed: 1 }]);
    tenant.db.exec('DELETE FROM runs');
    tenant.db.exec('UPDATE ledger SET derived_id = 0');
    openCompartment({ db: tenant.db }).compartment.sweep();
    expect(tenant.db.exec('SELECT * FROM runs')).toEqual(before);
  });
});

describe('the chain', () => {
  /** A tenant with a record of each kind: a write, a read, an error, refusals, and both ends of a remote call. */
  async function filled(): Promise<TestCompartment> {
    const tenant = createdCompartment({ headSigner: headSignerOf(KEYS) });
    const token = tenant.issue(['blackboard:read', 'blackboard:write']);
    for (let call = 0; call < 4; call++) {
      tenant.call(token, 'blackboard_write', { key: 'k', value: call });
      tenant.call(token, 'blackboard_read', { key: 'k' });
      tenant.call(token, 'blackboard_write', { key: 'k' });
      tenant.call(token, 'scar_list');
    }
    await settled(tenant);
    return tenant;
  }
  const COLUMNS = openDatabaseColumns();

  test.each(COLUMNS)('shows that the column %s was altered, in each kind of row', async (column) => {
    const tenant = await filled();
    for (const row of recordsOf(tenant)) {
      const value = row[column];
      const isNumber = typeof value === 'number' || column === 'retry_after_ms';
      const other = isNumber ? Number(value) + 1 : `${value ?? ''}x`;
      tenant.db.exec(`UPDATE records SET ${column} = ? WHERE id = ?`, column === 'id' ? 1000 : other, row.id);
      const what = column === 'id' ? 'missing' : 'altered';
      expect(verified(tenant).broken).toEqual({ id: row.id, what });
      tenant.db.exec(`UPDATE records SET ${column} = ? WHERE id = ?`, value, column === 'id' ? 1000 : row.id);
    }
    expect(verified(tenant).broken).toBeUndefined();
  });

  test('shows which row was removed, swapped or cut off, and that the ledger was altered', async () => {
    const damage = async (sql: string) => {
      const tenant = await filled();
      tenant.db.script(sql);
      return verified(tenant).broken;
    };
    expect(await damage('DELETE FROM records WHERE id = 5')).toEqual({ id: 5, what: 'missing' });
    expect(await damage('DELETE FROM records WHERE id < 5')).toEqual({ id: 1, what: 'missing' });
    expect(await damage('DELETE FROM records WHERE id > 9')).toEqual({ id: 9, what: 'end missing' });
    expect(
      await damage(
        'UPDATE records SET id = -id WHERE id IN (5, 6); UPDATE records SET id = 11 + id WHERE id < 0;',
      ),
    ).toEqual({ id: 5, what: 'altered' });
    expect(await damage("UPDATE ledger SET head = 'x'")).toMatchObject({ what: 'altered' });
    expect(await damage("UPDATE ledger SET floor = 'x'")).toEqual({ id: 1, what: 'altered' });
    expect(await damage('UPDATE ledger SET last_id = last_id + 1')).toMatchObject({ what: 'end missing' });
    expect(await damage('UPDATE ledger SET last_id = last_id - 1')).toMatchObject({ what: 'altered' });
  });

  test.each([
    ['at once', () => undefined],
    ['after a sweep', (tenant: TestCompartment) => tenant.compartment.sweep()],
    ['after compacting', (tenant: TestCompartment) => tenant.compartment.administration.compact()],
    ['after writes', (_: TestCompartment, write: () => void) => Array.from({ length: 300 }, write)],
  ])('misses a record that was cut off before the ledger had it, %s', (_name, act) => {
    const tenant = createdCompartment({ headSigner: headSignerOf(KEYS) });
    const token = tenant.issue(['blackboard:write']);
    const write = () => void tenant.call(token, 'blackboard_write', { key: 'k', value: 1 });
    for (let call = 0; call < 5; call++) write();
    tenant.db.exec('DELETE FROM records WHERE id = 5');
    act(tenant, write);
    expect(verified(tenant).broken).toMatchObject({ id: expect.any(Number) });
  });

  test('shows with a signed head that all of it was written again, and outlives the key of the head', async () => {
    const old = headSignerOf([KEYS[1]]);
    const tenant = createdCompartment({ headSigner: old });
    const token = tenant.issue();
    for (let call = 0; call < 5; call++) tenant.call(token, 'blackboard_write', { key: 'k', value: call });
    tenant.compartment.sweep();
    expect(tenant.lines.at(-1)).toMatchObject({ event: 'records.anchored', record: 5, kid: 'old' });
    const { db } = tenant;
    expect(verified(tenant).anchor).toMatchObject({ id: 5 });
    // Both keys are known, then only the new one.
    openCompartment({ db, headSigner: headSignerOf(KEYS) }).compartment.sweep();
    const renewed = openCompartment({ db, headSigner: headSignerOf([KEYS[0]]) });
    expect(verified(renewed)).toMatchObject({ broken: undefined, anchor: { id: 5 } });
    for (const change of ["mac = 'AAAA'", "head = 'x'", 'at = at + 1', 'id = 4']) {
      const [kept] = db.exec('SELECT id, at, head, mac FROM anchors');
      db.exec(`UPDATE anchors SET ${change}`);
      expect(verified(renewed).broken).toMatchObject({ what: 'head altered' });
      db.exec('UPDATE anchors SET id = ?, at = ?, head = ?, mac = ?', ...Object.values(kept ?? {}));
    }
    expect(verified(renewed).broken).toBeUndefined();
    rewrite(db);
    expect(verified(renewed).broken).toEqual({ id: 5, what: 'altered' });
    const unsigned = openCompartment({ db });
    expect(verified(unsigned)).toMatchObject({ broken: undefined, anchor: undefined });
  });

  test('rewritten with all signed heads in the database is found by the head that was kept outside', () => {
    const parts = { headSigner: headSignerOf(KEYS) };
    const tenant = createdCompartment(parts);
    const token = tenant.issue();
    for (let call = 0; call < 5; call++) tenant.call(token, 'blackboard_write', { key: 'k', value: call });
    tenant.compartment.sweep();
    const [outside] = tenant.db.exec<ReportedAnchor & Record<string, string | number>>(
      'SELECT id AS record, at, head, kid, mac FROM anchors',
    );
    const found = (head = outside) => {
      const result = openCompartment({ db: tenant.db, ...parts }).compartment.reading.verify(undefined, head);
      if (!result.ok || head === undefined) throw new Error('not verified');
      return result.value;
    };
    expect(found()).toMatchObject({ broken: undefined, anchor: { id: 5 } });
    tenant.db.exec('DELETE FROM anchors');
    rewrite(tenant.db);
    expect(verified(tenant)).toMatchObject({ broken: undefined, anchor: undefined });
    expect(found().broken).toEqual({ id: 5, what: 'altered' });
    // A head whose key is gone counts as well, one with a wrong signature or of an older tenant does not.
    expect(found({ ...outside, kid: 'gone' } as typeof outside).broken).toBeDefined();
    expect(found({ ...outside, mac: 'AAAA' } as typeof outside).broken).toBeUndefined();
    expect(found({ ...outside, at: START - 1 } as typeof outside).broken).toBeUndefined();
    tenant.db.exec('DELETE FROM records WHERE id > 3');
    tenant.db.exec('UPDATE ledger SET last_id = 3, head = (SELECT hash FROM records WHERE id = 3)');
    expect(found().broken).toEqual({ id: 3, what: 'end missing' });
  });

  /** What somebody does who can write the database: the same records of another token, with a chain that fits. */
  function rewrite(db: Database): void {
    const forged = createdCompartment();
    const token = forged.issue();
    for (let call = 0; call < 5; call++) forged.call(token, 'blackboard_write', { key: 'x', value: call });
    const rows = recordsOf(forged);
    db.exec('DELETE FROM records');
    for (const row of rows) {
      const values = Object.values(row);
      db.exec(`INSERT INTO records VALUES (${values.map(() => '?').join(', ')})`, ...values);
    }
    db.exec('UPDATE ledger SET head = ?', rows.at(-1)?.hash ?? '');
  }
});

function openDatabaseColumns() {
  const db = openDatabase();
  migrate(db, readMigrations());
  return db
    .exec<{ name: keyof RecordRow }>("SELECT name FROM pragma_table_info('records')")
    .map(({ name }) => name);
}

describe('records are deleted', () => {
  test('when they are old, from the beginning, and the rest is still one chain', async () => {
    const tenant = createdCompartment();
    const token = tenant.issue();
    for (let call = 0; call < 5; call++) tenant.call(token, 'blackboard_write', { key: 'k', value: call });
    tenant.clock.now += MAX_RECORD_AGE_MS;
    for (let call = 0; call < 5; call++) tenant.call(token, 'blackboard_write', { key: 'k', value: call });
    tenant.compartment.flush();
    tenant.compartment.sweep();
    expect(recordsOf(tenant).map(({ id }) => id)).toEqual([6, 7, 8, 9, 10]);
    expect(verified(tenant)).toMatchObject({ broken: undefined, first: 6, last: 10 });
    expect(tenant.db.exec('SELECT id FROM runs')).toEqual([{ id: 6 }]);
    const [sizes] = tenant.db.exec('SELECT sum(size) AS bytes FROM records');
    expect(tenant.db.exec('SELECT bytes FROM ledger')).toEqual([sizes]);
  });

  test.each([
    ['number', `UPDATE ledger SET last_id = last_id + ${MAX_RECORDS - 8}`],
    ['size', 'UPDATE ledger SET bytes = 67108864 + (SELECT sum(size) FROM records WHERE id <= 2)'],
  ])('when their %s is too large', (_name, sql) => {
    const tenant = createdCompartment();
    const token = tenant.issue();
    for (let call = 0; call < 10; call++) tenant.call(token, 'blackboard_write', { key: 'k', value: call });
    tenant.compartment.flush();
    tenant.db.exec(sql);
    tenant.compartment.sweep();
    expect(tenant.db.exec('SELECT min(id) AS first FROM records')).toEqual([{ first: 3 }]);
  });
});

test('an older database keeps its revision, buckets and records; the chain begins after them', () => {
  const db = openDatabase();
  const token = createOldTenant(db, '0015');
  for (const [row, rev] of [5, 6, 41].entries()) {
    db.exec(
      `INSERT INTO calls (id, at, tool, outcome, trace_id, span_id, token_id, rev, buckets)
       VALUES (?, ${START}, 't', 'answer', '', '', 'token', ?, ?)`,
      100 + row,
      rev,
      JSON.stringify({ '*': [rev * 1e6, START] }),
    );
  }
  const tenant = openCompartment({
    db,
    limits: { tenant: { rate: 1, burst: 200 }, tool: { rate: 1, burst: 200 } },
  });
  expect(tenant.call(token, 'blackboard_write', { key: 'k', value: 1 })).toMatchObject({
    json: expect.stringContaining('"rev":42'),
  });
  expect(recordsOf(tenant).map((row) => row.id)).toEqual([100, 101, 102, 103]);
  expect(verified(tenant)).toMatchObject({ broken: undefined, unchained: 3, first: 103, last: 103 });
  expect(tenant.call(token, 'tenant_limits')).toMatchObject({
    json: expect.stringContaining('"remaining":40'),
  });
});

test('a record that the disk has no room for leaves neither a gap nor a broken chain', () => {
  const db = openDatabase();
  let isFull = false;
  const failing: Database = {
    ...db,
    exec: (query, ...bindings) => {
      if (isFull && query.startsWith('INSERT INTO records')) throw new Error('full');
      return db.exec(query, ...bindings);
    },
    script: (sql) => db.script(sql),
    sizeBytes: () => db.sizeBytes(),
    transaction: (body) => db.transaction(body),
  };
  const tenant = createdCompartment({ db: failing });
  const token = tenant.issue();
  tenant.call(token, 'blackboard_write', { key: 'k', value: 1 });
  isFull = true;
  tenant.call(token, 'blackboard_read', { key: 'k' });
  tenant.compartment.flush();
  expect(tenant.lines.at(-1)).toMatchObject({ event: 'tenant.write_behind_failed', rows: 1 });
  isFull = false;
  tenant.call(token, 'blackboard_write', { key: 'k', value: 2 });
  expect(recordsOf(tenant).map(({ id }) => id)).toEqual([1, 2]);
  expect(verified(tenant).broken).toBeUndefined();
});
