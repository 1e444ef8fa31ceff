import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { durableDatabase } from '../../src/tenant/storage/durable-database.ts';
import { admin, HttpTenant, listTools, operate } from '../support/http.ts';

const KIB = 1024;

describe('what takes the room of a tenant', () => {
  test('is shown by kind, and compact drops the history of it', async () => {
    const tenant = await HttpTenant.create();
    const value = 'x'.repeat(20 * KIB);
    for (let n = 0; n < 10; n++) await tenant.call('blackboard_write', { key: 'k', value: `${n}${value}` });
    await tenant.call('scar_record', { error_type: 'E', context: 'c', idempotency_key: 'once' });

    const before = await operate('GET', `/tenants/${tenant.id}/storage`);
    expect(before).toMatchObject({
      storage: { quota_bytes: 1_073_741_824, own_quota: false },
      data: { cells: { rows: 1 }, history: { rows: 10 }, scars: { rows: 1 }, cache: { rows: 0, bytes: 0 } },
      bookkeeping: { idempotency: { rows: 1 }, records: { rows: 15 } },
    });
    expect(before.data.history.bytes).toBeGreaterThan(200 * KIB);
    expect(before.storage.bytes).toBeLessThan(before.database_bytes);

    const compacted = await operate('POST', `/tenants/${tenant.id}/compact`);
    expect(compacted).toMatchObject({ dropped: { history: 10, expired: 0 }, more: false });
    expect(compacted.freed_bytes).toBeGreaterThan(150 * KIB);
    const after = await operate('GET', `/tenants/${tenant.id}/storage`);
    expect(after.data).toMatchObject({ cells: { rows: 1 }, history: { rows: 0, bytes: 0 } });
    expect(after.storage.bytes).toBeLessThan(before.storage.bytes - 150 * KIB);
    expect((await tenant.call('blackboard_read', { key: 'k' })).structuredContent).toMatchObject({
      entries: [{ found: true }],
    });
  });

  test('is bounded by a quota of its own, which can be removed', async () => {
    const tenant = await HttpTenant.create();
    const limits = `/tenants/${tenant.id}/limits`;
    const set = await operate('PATCH', limits, { storage: 2_000_000, rate: 7 });
    expect(set).toMatchObject({
      storage: { quota_bytes: 2_000_000, own_quota: true },
      limits: { tenant: { rate: 7 } },
    });
    expect((await tenant.call('tenant_limits')).structuredContent).toMatchObject({
      storage: { quota_bytes: 2_000_000 },
    });
    expect(await operate('PATCH', limits, { storage: null })).toMatchObject({
      storage: { quota_bytes: 1_073_741_824, own_quota: false },
      limits: { tenant: { rate: 7 } },
    });
    for (const storage of [1, 10_000_000_001, 1.5, '2MB'])
      expect((await admin('PATCH', limits, { storage })).body).toMatchObject({
        status: 400,
        field: 'storage',
      });
  });
});

test('an object whose storage was written by a newer version is unavailable, and changes nothing', async () => {
  const tenant = await HttpTenant.create();
  const stub = env.TENANTS.getByName(tenant.id);
  await runInDurableObject(stub, (_, state) => {
    state.storage.sql.exec("INSERT INTO _sql_schema_migrations VALUES ('9999_future.sql')");
  });
  await evictDurableObject(stub);
  expect((await tenant.post(listTools)).status).toBe(503);
  expect((await admin('GET', `/tenants/${tenant.id}`)).body).toMatchObject({ code: 'unavailable' });
  const rows = await runInDurableObject(stub, (_, state) =>
    state.storage.sql.exec('SELECT count(*) AS calls FROM records').toArray(),
  );
  // Those of the operator who has made it.
  expect(rows).toEqual([{ calls: 4 }]);
});

test('the operator sees that records were altered in the storage, and where', async () => {
  const tenant = await HttpTenant.create();
  for (let n = 0; n < 3; n++) await tenant.call('blackboard_write', { key: 'k', value: n });
  await runInDurableObject(env.TENANTS.getByName(tenant.id), (object) => object.alarm());
  const verify = () => operate('GET', `/tenants/${tenant.id}/verify`);
  expect(await verify()).toMatchObject({ verdict: 'intact', last_record: 7, anchored: { record: 7 } });
  await runInDurableObject(env.TENANTS.getByName(tenant.id), (_, state) => {
    state.storage.sql.exec("UPDATE records SET token_id = 'another' WHERE id = 2");
  });
  expect(await verify()).toMatchObject({ verdict: 'broken', broken: { record: 2, what: 'altered' } });
});

test('a statement that writes returns rows if it says so, in whatever case', async () => {
  const stub = env.TENANTS.getByName('statements');
  await runInDurableObject(stub, (_, { storage }) => {
    const db = durableDatabase(storage);
    db.script('CREATE TABLE returned (id INTEGER PRIMARY KEY, word TEXT)');
    expect(db.exec("INSERT INTO returned (word) VALUES ('a'), ('b')")).toEqual([]);
    expect(db.exec("\n insert into returned (word) values ('c') returning id")).toEqual([{ id: 3 }]);
    expect(db.exec('UPDATE returned SET word = ? WHERE id < 3 RETURNING id', 'd')).toHaveLength(2);
    expect(db.exec('DELETE FROM returned WHERE id = 3\nRETURNING word')).toEqual([{ word: 'c' }]);
    expect(
      db.exec('WITH one AS (SELECT 1 AS id) INSERT INTO returned SELECT 9, id FROM one RETURNING id'),
    ).toEqual([{ id: 9 }]);
    expect(db.exec('DELETE FROM returned')).toEqual([]);
    expect(db.exec('SELECT count(*) AS left FROM returned')).toEqual([{ left: 0 }]);
  });
});
