import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, inject, test, vi } from 'vitest';
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
  send,
} from '../support/http.ts';
import { tablesOf } from '../support/storage.ts';
import { inSession, openSession } from '../support/streams-worker.ts';

const registry = () => env.REGISTRY.getByName('registry');

async function isListed(id: string): Promise<boolean> {
  const { tenants } = await operate('GET', `/tenants?prefix=${id}`);
  return tenants.some((tenant: { id: string }) => tenant.id === id);
}

/** Erases a tenant without its list's knowledge. */
async function eraseOnly(id: string): Promise<void> {
  const tenant = env.TENANTS.getByName(id);
  await runInDurableObject(tenant, (_, state) => state.storage.deleteAll());
  await evictDurableObject(tenant);
}

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
      ['POST', '/resume'],
      ['PATCH', '/limits', { rate: 5 }],
      ['POST', '/tokens', {}],
      ['GET', '/tokens'],
      ['PATCH', '/tokens/0123456789abcdef01234567', { add: ['cache:read'] }],
      ['DELETE', '/tokens/0123456789abcdef01234567'],
    ] as const) {
      expect((await admin(method, `/tenants/${id}${path}`, body)).status).toBe(404);
    }
    expect(await tablesOf(id)).toEqual([]);
    const stored = await runInDurableObject(env.TENANTS.getByName(id), async (_, { storage }) => [
      await storage.getAlarm(),
      (await storage.list()).size,
    ]);
    expect(stored).toEqual([null, 0]);
    expect(await isListed(id)).toBe(false);
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

  test('made again refuses the tokens, sessions and streams of before', async () => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    const stream = await send('/mcp', {
      headers: {
        authorization: `Bearer ${tenant.token}`,
        accept: 'text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        ...inSession(session),
      },
    });
    expect(stream.status).toBe(200);
    await operate('DELETE', `/tenants/${tenant.id}`);
    await operate('POST', '/tenants', { id: tenant.id });
    const again = await HttpTenant.issue(tenant.id);
    // The stream ends, although a tenant of the name exists when the edge opens it again.
    await stream.text();
    expect((await tenant.post(listTools)).status).toBe(401);
    expect((await tenant.post(listTools, inSession(session))).status).toBe(401);
    expect((await again.post(listTools, inSession(session))).status).toBe(404);
    const path = `/tenants/${tenant.id}/tokens/${tenant.tokenId}`;
    expect((await admin('PATCH', path, { add: ['cache:read'] })).status).toBe(404);
    expect((await again.post(listTools)).status).toBe(200);
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
    await registry().register(
      { id, status: 'active', createdAt: 1, generation: 1, identities: [] },
      Date.now(),
    );
    expect((await admin('GET', `/tenants/${id}`)).status).toBe(404);
    expect((await admin('POST', '/tenants', { id })).status).toBe(201);
    expect((await admin('GET', `/tenants/${id}`)).status).toBe(200);
  });

  test('a creation, by giving it up', async () => {
    const id = idOf(newTenantId());
    await registry().register(
      { id, status: 'active', createdAt: 1, generation: 1, identities: [] },
      Date.now(),
    );
    expect((await admin('DELETE', `/tenants/${id}`)).status).toBe(200);
    expect(await isListed(id)).toBe(false);
    expect(await tablesOf(id)).toEqual([]);
  });

  test('a deletion', async () => {
    const id = idOf((await HttpTenant.create()).id);
    await eraseOnly(id);
    expect((await admin('DELETE', `/tenants/${id}`)).status).toBe(200);
    expect(await isListed(id)).toBe(false);
  });

  test('a deletion of a suspended tenant, by making it again', async () => {
    const { id } = await HttpTenant.create();
    await operate('POST', `/tenants/${id}/suspend`);
    await eraseOnly(id);
    expect((await operate('POST', '/tenants', { id })).status).toBe('active');
    const { tenants } = await operate('GET', `/tenants?prefix=${id}&limit=1`);
    expect(tenants).toMatchObject([{ id, status: 'active' }]);
  });
});

describe('creations and deletions that arrive together', () => {
  const races = inject('races');
  /** Tenants that are raced for at once. */
  const AT_ONCE = 10;

  async function race(number: number): Promise<void> {
    const id = newTenantId();
    const create = async () => (await admin('POST', '/tenants', { id })).status;
    const erase = async () => (await admin('DELETE', `/tenants/${id}`)).status;
    // Each begins up to 4 ms after the first one, in another order each time.
    const requests = [create, erase, create, erase, ...(number % 2 === 0 ? [create] : [])];
    const statuses = await Promise.all(
      requests.map(async (request, index) => {
        const after = (number * (index + 3) + index * index) % 5;
        await new Promise((resolve) => setTimeout(resolve, after));
        return request();
      }),
    );
    for (const status of statuses) expect([200, 201, 404, 409]).toContain(status);
    const exists = (await admin('GET', `/tenants/${id}`)).status === 200;
    expect([number, await isListed(id)]).toEqual([number, exists]);
    expect((await tablesOf(id)).length > 0).toBe(exists);
    expect(await erase()).toBe(exists ? 200 : 404);
    expect(await isListed(id)).toBe(false);
  }

  test(
    `leave a list and tenants that agree (${races} races)`,
    async () => {
      for (let first = 0; first < races; first += AT_ONCE) {
        await Promise.all([...Array(AT_ONCE).keys()].map((n) => race(first + n)));
      }
    },
    Math.max(60_000, races * 600),
  );

  test('come to one result when they are repeated', async () => {
    const id = newTenantId();
    const status = async (method: string, path: string, body?: object) =>
      (await admin(method, path, body)).status;
    for (let round = 0; round < 3; round++) {
      expect(await status('POST', '/tenants', { id })).toBe(201);
      expect(await status('POST', '/tenants', { id })).toBe(409);
      expect(await isListed(id)).toBe(true);
      expect(await status('DELETE', `/tenants/${id}`)).toBe(200);
      expect(await status('DELETE', `/tenants/${id}`)).toBe(404);
      expect(await isListed(id)).toBe(false);
    }
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
