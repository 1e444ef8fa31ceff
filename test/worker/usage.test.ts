import { afterEach, describe, expect, test, vi } from 'vitest';
import { counted } from '../support/counted-worker.ts';
import { admin, callTool, HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { call, problemOf } from '../support/v1.ts';

const NOON = Date.UTC(2030, 5, 15, 12);
const MIDNIGHT = '2030-06-16T00:00:00.000Z';
const HALF_DAY_MS = 43_200_000;

afterEach(() => void vi.useRealTimers());

async function limited(quota: object): Promise<HttpTenant> {
  vi.useFakeTimers({ now: NOON, toFake: ['Date'] });
  const tenant = await HttpTenant.create();
  await operate('PATCH', `/tenants/${tenant.id}/limits`, quota);
  return tenant;
}

describe('a quota of calls that is used up', () => {
  test('is 429 with the time to wait over plain HTTP, also for a tool that stores nothing', async () => {
    const tenant = await limited({ calls_per_day: 1 });
    expect((await call(tenant.token, 'blackboard_list')).status).toBe(200);
    for (const tool of ['blackboard_list', 'blackboard_write']) {
      const refused = await call(tenant.token, tool, { key: 'k', value: 1 });
      expect(refused.status).toBe(429);
      expect(refused.headers.get('retry-after')).toBe(String(HALF_DAY_MS / 1000));
      expect(await problemOf(refused)).toMatchObject({
        code: 'quota_exceeded',
        limit: 1,
        retry_after_ms: HALF_DAY_MS,
        resets_at: MIDNIGHT,
      });
    }
    expect((await call(tenant.token, 'tenant_limits')).status).toBe(200);
  });

  test('binds each call of a batch', async () => {
    const tenant = await limited({ calls_per_month: 2 });
    const batch = [1, 2, 3, 4].map((id) => ({ ...callTool('blackboard_list'), id }));
    const answers = await jsonOf(await tenant.post(batch, { 'mcp-protocol-version': '2025-03-26' }));
    const codes = [0, 1, 2, 3].map((n) => answers[n].result.structuredContent.error?.code);
    expect(codes.sort()).toEqual(['quota_exceeded', 'quota_exceeded', undefined, undefined]);
  });

  test('binds resources, completions and sessions', async () => {
    const tenant = await limited({ calls_per_day: 1 });
    await tenant.call('blackboard_list');
    const uri = 'blackboard://default/k';
    const completion = {
      ref: { type: 'ref/resource', uri: 'blackboard://{run_id}/{key}' },
      argument: { name: 'key', value: 'a' },
    };
    for (const [method, params] of [
      ['resources/list', {}],
      ['resources/read', { uri }],
      ['completion/complete', completion],
    ] as const) {
      const { error } = await jsonOf(await tenant.rpc(method, params));
      expect([method, error?.data]).toEqual([
        method,
        expect.objectContaining({ code: 'quota_exceeded', resets_at: MIDNIGHT }),
      ]);
    }
    const opened = await tenant.rpc('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    });
    expect(opened.status).toBe(429);
    expect(opened.headers.get('retry-after')).toBe(String(HALF_DAY_MS / 1000));
  });

  test('is not asked of the tenant without end', async () => {
    const tenant = await limited({ calls_per_day: 1 });
    let asked = 0;
    for (let n = 0; n < 140; n++) {
      const { asked: reached, response } = await counted(tenant, { body: callTool('blackboard_list') });
      await response.text();
      asked += reached.length;
    }
    // One that was answered, and REQUEST_BURST of wrangler.toml.
    expect(asked).toBe(121);
  });
});

test('quotas are set, shown and removed by the operator', async () => {
  const tenant = await limited({ calls_per_day: 5, calls_per_month: 9 });
  await tenant.call('blackboard_list');
  const path = `/tenants/${tenant.id}`;
  const calls = {
    day: { used: 1, quota: 5, resets_at: MIDNIGHT },
    month: { used: 1, quota: 9, resets_at: '2030-07-01T00:00:00.000Z' },
  };
  expect((await operate('GET', path)).calls).toEqual(calls);
  const changed = await operate('PATCH', `${path}/limits`, { calls_per_day: null, rate: 5 });
  expect(changed.calls).toEqual({ ...calls, day: { ...calls.day, quota: null } });
  expect(changed.limits.tenant.rate).toBe(5);
});

test.each([
  [{ calls_per_day: 0 }, 'calls_per_day'],
  [{ calls_per_month: 1.5 }, 'calls_per_month'],
  [{ calls_per_day: '5' }, 'calls_per_day'],
  [{ calls_per_hour: 5 }, 'calls_per_hour'],
  [{ calls_per_day: 5, tool: 'cache_get' }, 'tool'],
])('the quota %j is refused', async (change, field) => {
  const tenant = await limited({ calls_per_day: 9 });
  const { body } = await admin('PATCH', `/tenants/${tenant.id}/limits`, change);
  expect(body).toMatchObject({ status: 400, code: 'invalid_input', detail: expect.stringContaining(field) });
  expect((await operate('GET', `/tenants/${tenant.id}`)).calls.day.quota).toBe(9);
});

describe('usage', () => {
  test('is told by day, month, tool, token and client', async () => {
    vi.useFakeTimers({ now: NOON, toFake: ['Date'] });
    const tenant = await HttpTenant.create();
    await tenant.call('blackboard_write', { key: 'k', value: 1 });
    await tenant.call('blackboard_read', { key: 'k' });
    await tenant.call('blackboard_write', { key: 'k' });
    const usage = (query: string) => operate('GET', `/tenants/${tenant.id}/usage?${query}`);
    const used = { calls: 3, failed: 1, refused: 0, charged: 3, work: 3, saved_usd: 0 };
    const day = await usage('');
    expect(day).toMatchObject({
      id: tenant.id,
      by: 'day',
      since: '2030-05-16T00:00:00.000Z',
      until: new Date(NOON).toISOString(),
      usage: [{ day: '2030-06-15', ...used, bytes_in: expect.any(Number), bytes_out: expect.any(Number) }],
      total: used,
    });
    expect((await usage('by=month')).usage).toMatchObject([{ month: '2030-06', ...used }]);
    expect((await usage('by=token')).usage).toMatchObject([{ token_id: tenant.tokenId, label: '', ...used }]);
    vi.setSystemTime(NOON + 1);
    expect((await usage('by=tool')).usage).toMatchObject([
      { tool: 'blackboard_write', calls: 2 },
      { tool: 'blackboard_read', calls: 1 },
    ]);
    expect((await usage('by=client')).usage).toMatchObject([{ client: '', ...used }]);
    expect((await usage('since=2030-06-16&until=2030-06-17')).usage).toEqual([]);
  });

  test.each([
    ['by=agent', 'by'],
    ['since=yesterday', 'since must be a time'],
    ['until=2030-13-01', 'until must be a time'],
    ['cursor=x', 'cursor: only usage by tool and by client has pages'],
    ['since=2030-02-02&until=2030-02-01', 'since: must be before until.'],
    ['from=1d', 'from'],
  ])('?%s is refused: %s', async (query, reason) => {
    const tenant = await HttpTenant.create();
    const { status, body } = await admin('GET', `/tenants/${tenant.id}/usage?${query}`);
    expect([status, body.code]).toEqual([400, 'invalid_input']);
    expect(body.detail).toContain(reason);
  });
});

test('a token with records:read reads the usage of its tenant, and no other token does', async () => {
  const tenant = await HttpTenant.create({ scopes: ['blackboard:read', 'records:read'] });
  const plain = await HttpTenant.issue(tenant.id, { scopes: ['blackboard:read'] });
  await tenant.call('blackboard_list');
  const read = (token: string, query: string) =>
    send(`/v1/usage?${query}`, { headers: { authorization: `Bearer ${token}` } });
  expect(await jsonOf(await read(tenant.token, 'by=token'))).toMatchObject({
    by: 'token',
    usage: [{ token_id: tenant.tokenId, calls: 1 }],
  });
  expect((await read(plain.token, 'by=token')).status).toBe(403);
  expect(await problemOf(await read(tenant.token, 'by=agent'))).toMatchObject({
    code: 'invalid_input',
    field: 'by',
  });
});
