import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { parseTenantId } from '../../src/tenant/contract/call.ts';
import { forge } from '../support/forge.ts';
import {
  admin,
  callTool,
  HttpTenant,
  jsonOf,
  listTools,
  newTenantId,
  operate,
  postMcp,
} from '../support/http.ts';
import { tablesOf } from '../support/storage.ts';

const registry = () => env.REGISTRY.getByName('registry');

function idOf(text: string) {
  const id = parseTenantId(text);
  if (id === undefined) throw new Error('not a tenant id');
  return id;
}

describe('nothing is written for a tenant that nobody created', () => {
  test('by well-signed requests of every kind', async () => {
    const id = newTenantId();
    const token = await forge(id, '0123456789abcdef01234567');
    for (const body of [
      listTools,
      callTool('blackboard_write', { key: 'a', value: 1 }),
      callTool('nothing'),
    ]) {
      expect((await postMcp(token, body)).status).toBe(401);
    }
    expect(await tablesOf(id)).toEqual([]);
  });

  test('by the operator', async () => {
    const id = newTenantId();
    for (const [method, path, body] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/suspend'],
      ['PATCH', '/limits', { rate: 5 }],
      ['POST', '/tokens', {}],
      ['GET', '/tokens'],
    ] as const) {
      expect((await admin(method, `/tenants/${id}${path}`, body)).status).toBe(404);
    }
    expect(await tablesOf(id)).toEqual([]);
  });
});

describe('an erased tenant', () => {
  test('leaves nothing, not even later', async () => {
    const tenant = await HttpTenant.create();
    await tenant.call('blackboard_write', { key: 'a', value: 'text' });
    await tenant.call('scar_record', { error_type: 'Timeout', context: 'a context' });
    // A read's record is written behind; the erased tenant must not come back by it.
    await tenant.call('blackboard_read', { key: 'a' });
    await operate('DELETE', `/tenants/${tenant.id}`);
    expect(await tablesOf(tenant.id)).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await tenant.post(listTools)).status).toBe(401);
    expect(await tablesOf(tenant.id)).toEqual([]);
  });

  test('made again has none of the old data', async () => {
    const tenant = await HttpTenant.create();
    await tenant.call('blackboard_write', { key: 'a', value: 'old' });
    await operate('DELETE', `/tenants/${tenant.id}`);
    await operate('POST', '/tenants', { id: tenant.id });
    const again = await HttpTenant.issue(tenant.id);
    const read = await again.call('blackboard_read', { key: 'a' });
    expect(read.structuredContent.entries[0].found).toBe(false);
  });

  test('that was erased while requests were under way answers each of them', async () => {
    const tenant = await HttpTenant.create();
    const calls = [...Array(10).keys()].map((n) =>
      tenant.post(callTool('blackboard_write', { key: `k${n}`, value: n })),
    );
    const erased = admin('DELETE', `/tenants/${tenant.id}`);
    for (const { status } of await Promise.all(calls)) expect([200, 401]).toContain(status);
    expect((await erased).status).toBe(200);
    expect(await tablesOf(tenant.id)).toEqual([]);
  });
});

describe('what stopped halfway can be repeated', () => {
  test('a creation', async () => {
    const id = idOf(newTenantId());
    await registry().add(id, Date.now());
    expect((await admin('GET', `/tenants/${id}`)).status).toBe(404);
    expect((await admin('POST', '/tenants', { id })).status).toBe(201);
    expect((await admin('GET', `/tenants/${id}`)).status).toBe(200);
  });

  test('a creation, by giving it up', async () => {
    const id = idOf(newTenantId());
    await registry().add(id, Date.now());
    expect((await admin('DELETE', `/tenants/${id}`)).status).toBe(200);
    expect(await registry().has(id)).toBe(false);
    expect(await tablesOf(id)).toEqual([]);
  });

  test('a deletion', async () => {
    const id = idOf((await HttpTenant.create()).id);
    await env.TENANTS.getByName(id).erase();
    expect((await admin('DELETE', `/tenants/${id}`)).status).toBe(200);
    expect(await registry().has(id)).toBe(false);
  });

  test('a deletion of a suspended tenant, by making it again', async () => {
    const { id } = await HttpTenant.create();
    await operate('POST', `/tenants/${id}/suspend`);
    await env.TENANTS.getByName(id).erase();
    expect((await operate('POST', '/tenants', { id })).status).toBe('active');
    const { tenants } = await operate('GET', `/tenants?cursor=${id.slice(0, -1)}&limit=1`);
    expect(tenants).toMatchObject([{ id, status: 'active' }]);
  });
});

describe('an object that is evicted and starts again', () => {
  test('has its data, its tokens and its limits', async () => {
    const tenant = await HttpTenant.create();
    const revoked = await HttpTenant.issue(tenant.id);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${revoked.tokenId}`);
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'cache_get', burst: 3 });
    const first = (await tenant.call('blackboard_write', { key: 'a', value: { n: 1 } })).structuredContent;
    await evictDurableObject(env.TENANTS.getByName(tenant.id));
    const read = await tenant.call('blackboard_read', { key: 'a' });
    expect(read.structuredContent.entries[0]).toMatchObject({ value: { n: 1 }, rev: first.rev });
    expect((await revoked.post(listTools)).status).toBe(401);
    expect((await operate('GET', `/tenants/${tenant.id}`)).limits.tools.cache_get.burst).toBe(3);
    const second = (await tenant.call('blackboard_write', { key: 'b', value: 2 })).structuredContent;
    expect(second.rev).toBeGreaterThan(first.rev);
  });

  test('is suspended when it was', async () => {
    const tenant = await HttpTenant.create();
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    await evictDurableObject(env.TENANTS.getByName(tenant.id));
    expect((await tenant.post(listTools)).status).toBe(403);
  });

  test('has no fuller buckets than before', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, {
      tool: 'blackboard_write',
      rate: 0.001,
      burst: 2,
    });
    const write = () => tenant.call('blackboard_write', { key: 'a', value: 1 });
    for (let i = 0; i < 2; i++) expect((await write()).isError).toBeUndefined();
    await evictDurableObject(env.TENANTS.getByName(tenant.id));
    const limited = await write();
    expect(limited.structuredContent.error).toMatchObject({
      code: 'rate_limited',
      retry_after_ms: 1_000_000,
    });
    vi.setSystemTime(Date.now() + 1_000_000);
    expect((await write()).isError).toBeUndefined();
  });

  test('a rate-limited call is HTTP 200 with a result that a model can read', async () => {
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, {
      tool: 'blackboard_read',
      rate: 0.001,
      burst: 1,
    });
    const read = callTool('blackboard_read', { key: 'a' });
    await tenant.post(read);
    const response = await tenant.post(read);
    expect(response.status).toBe(200);
    const { result } = await jsonOf(response);
    const { error } = result.structuredContent;
    expect(result.isError).toBe(true);
    expect(error).toMatchObject({ code: 'rate_limited', retryable: true });
    expect(error.retry_after_ms).toBeGreaterThan(0);
    expect(result.content[0].text).toContain(`${error.retry_after_ms} ms`);
  });
});

describe('the alarm of a tenant', () => {
  const objectOf = (id: string) => env.TENANTS.getByName(id);
  const alarmOf = (id: string) => runInDurableObject(objectOf(id), (_, state) => state.storage.getAlarm());

  test('sweeps what has expired, and is set again', async () => {
    const tenant = await HttpTenant.create();
    await tenant.call('blackboard_write', { key: 'short', value: 1, ttl_s: 1 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2000 });
    expect(await runDurableObjectAlarm(objectOf(tenant.id))).toBe(true);
    const left = await runInDurableObject(objectOf(tenant.id), (_, state) =>
      state.storage.sql.exec('SELECT key FROM board_cells').toArray(),
    );
    expect(left).toEqual([]);
    expect(await alarmOf(tenant.id)).toBeGreaterThan(Date.now());
  });

  test('is gone once the tenant is erased, and comes back with it', async () => {
    const tenant = await HttpTenant.create();
    await operate('DELETE', `/tenants/${tenant.id}`);
    expect(await alarmOf(tenant.id)).toBeNull();
    await operate('POST', '/tenants', { id: tenant.id });
    expect(await alarmOf(tenant.id)).toBeGreaterThan(Date.now());
  });
});
