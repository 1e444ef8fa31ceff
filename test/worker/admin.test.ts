import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/tools/tool.ts';
import {
  admin,
  HttpTenant,
  jsonOf,
  listTools,
  newAddress,
  newTenantId,
  operate,
  send,
  untilFenced,
} from '../support/http.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { inSession, openSession } from '../support/streams-worker.ts';
import { fetchWith } from '../support/worker-with.ts';

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

async function created(): Promise<string> {
  const id = newTenantId();
  await operate('POST', '/tenants', { id });
  return id;
}

const DEFAULTS = { tenant: { rate: 50, burst: 200 }, tool: { rate: 20, burst: 60 }, tools: {} };

describe('a tenant', () => {
  test('is created, shown, suspended, resumed and deleted', async () => {
    const id = newTenantId();
    const made = await admin('POST', '/tenants', { id });
    expect(made.status).toBe(201);
    const shown = {
      id,
      status: 'active',
      created_at: expect.stringMatching(ISO_TIME),
      limits: DEFAULTS,
      storage: { bytes: expect.any(Number), quota_bytes: 1_073_741_824, own_quota: false },
      calls: {
        day: { used: 0, quota: null, resets_at: expect.stringMatching(ISO_TIME) },
        month: { used: 0, quota: null, resets_at: expect.stringMatching(ISO_TIME) },
      },
      clients: { sessions: 0, open_streams: 0 },
    };
    expect(made.body).toEqual(shown);
    expect(await operate('GET', `/tenants/${id}`)).toEqual({ ...shown, created_at: made.body.created_at });
    expect(await operate('POST', `/tenants/${id}/suspend`)).toEqual({ ...shown, status: 'suspended' });
    expect((await operate('GET', `/tenants/${id}`)).status).toBe('suspended');
    expect(await operate('POST', `/tenants/${id}/resume`)).toEqual(shown);
    expect(await operate('DELETE', `/tenants/${id}`)).toEqual({ id, status: 'deleted' });
    expect((await admin('GET', `/tenants/${id}`)).status).toBe(404);
  });

  test('is created once', async () => {
    const id = await created();
    await operate('POST', `/tenants/${id}/suspend`);
    expect((await admin('POST', '/tenants', { id })).body).toMatchObject({ status: 409, code: 'conflict' });
    expect((await operate('GET', `/tenants/${id}`)).status).toBe('suspended');
  });

  test('begins anew when it is deleted and made again', async () => {
    const id = await created();
    await operate('POST', `/tenants/${id}/suspend`);
    await operate('PATCH', `/tenants/${id}/limits`, { burst: 7 });
    await operate('DELETE', `/tenants/${id}`);
    const again = await operate('POST', '/tenants', { id });
    expect(again).toMatchObject({ status: 'active', limits: DEFAULTS });
    expect((await operate('GET', `/tenants/${id}/tokens`)).tokens).toEqual([]);
  });

  test.each(['a', '0', 'a-b', 'a'.repeat(63), '9-'])('may be named %s', async (id) => {
    expect((await operate('POST', '/tenants', { id })).id).toBe(id);
  });

  test.each(['', '-a', 'A', 'a_b', 'a.b', 'a b', 'ä', 'a'.repeat(64), '../a', 'a\n', '__proto__'])(
    'may not be named %j',
    async (id) => {
      const refused = await admin('POST', '/tenants', { id });
      expect(refused.status).toBe(400);
      expect(refused.body).toMatchObject({ code: 'invalid_input', field: 'id' });
    },
  );
});

describe('the list of tenants', () => {
  test('comes in pages, in order, each tenant once', async () => {
    const ids = [...'abcde'].map((letter) => `page-${letter}`);
    for (const id of [...ids].reverse()) await operate('POST', '/tenants', { id });
    await operate('POST', '/tenants/page-b/suspend');
    const seen: unknown[] = [];
    let cursor = '';
    for (;;) {
      const page = await operate('GET', `/tenants?prefix=page-&limit=2&cursor=${cursor}`);
      expect(page.tenants.length).toBeLessThanOrEqual(2);
      seen.push(...page.tenants);
      if (page.next_cursor === undefined) break;
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(
      ids.map((id) => ({
        id,
        status: id === 'page-b' ? 'suspended' : 'active',
        created_at: expect.stringMatching(ISO_TIME),
      })),
    );
  });

  /** All ids that the list has for a query, by its cursors, and the number of pages. */
  async function idsOf(query: string): Promise<{ ids: string[]; pages: number }> {
    const ids: string[] = [];
    for (let cursor = '', pages = 1; ; pages++) {
      const page = await operate('GET', `/tenants?${query}&cursor=${cursor}`);
      ids.push(...page.tenants.map(({ id }: { id: string }) => id));
      if (page.next_cursor === undefined) return { ids, pages };
      cursor = page.next_cursor;
    }
  }

  test('is filtered by the first characters of the id and by status', async () => {
    for (const id of ['filter-a', 'filter-a-1', 'filter-b', 'filter', 'filtes'])
      await operate('POST', '/tenants', { id });
    await operate('POST', '/tenants/filter-a-1/suspend');
    const all = ['filter', 'filter-a', 'filter-a-1', 'filter-b'];
    for (const limit of [1, 2, 100]) {
      const listed = async (query: string) => (await idsOf(`limit=${limit}&${query}`)).ids;
      expect(await listed('prefix=filter')).toEqual(all);
      expect(await listed('prefix=filter-a')).toEqual(['filter-a', 'filter-a-1']);
      expect(await listed('prefix=filter&status=suspended')).toEqual(['filter-a-1']);
      expect(await listed('prefix=filter&status=active')).toEqual(['filter', 'filter-a', 'filter-b']);
      expect(await listed('prefix=filter-c')).toEqual([]);
    }
  });

  test('goes on past 10,000, each page by an index', async () => {
    const stored = [...Array(10_050).keys()].map((n) => `many-${String(n).padStart(5, '0')}`);
    await runInDurableObject(env.REGISTRY.getByName('registry'), (_, { storage: { sql } }) => {
      for (const status of ['active', 'suspended'] as const) {
        const half = stored.filter((_, n) => (n % 2 === 0) === (status === 'active'));
        sql.exec(
          'INSERT INTO tenants (id, status, created_at) SELECT value, ?, 0 FROM json_each(?)',
          status,
          JSON.stringify(half),
        );
      }
    });
    const all = await idsOf('prefix=many-&limit=500');
    expect(all).toEqual({ ids: stored, pages: 21 });
    const suspended = await idsOf('prefix=many-&limit=500&status=suspended');
    expect(suspended.ids).toEqual(stored.filter((_, n) => n % 2 === 1));
    const read = await runInDurableObject(env.REGISTRY.getByName('registry'), (_, { storage: { sql } }) => {
      const range = "id > 'many-05000' AND id >= 'many-' AND id < 'many-~' ORDER BY id LIMIT 500";
      const cursors = ['', "status = 'suspended' AND "].map((filter) => {
        const cursor = sql.exec(`SELECT id, status, created_at FROM tenants WHERE ${filter}${range}`);
        cursor.toArray();
        return cursor.rowsRead;
      });
      sql.exec("DELETE FROM tenants WHERE id GLOB 'many-*'");
      return cursors;
    });
    for (const rows of read) expect(rows).toBeLessThanOrEqual(1000);
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['limit=x', 'limit'],
    ['limit=1.5', 'limit'],
    [`cursor=${'a'.repeat(64)}`, 'cursor'],
    ['prefix=A', 'prefix'],
    ['prefix=%25', 'prefix'],
    ['status=gone', 'status'],
    ['status=', 'status'],
  ])('?%s is refused, and the field is named', async (query, field) => {
    const refused = await admin('GET', `/tenants?${query}`);
    expect(refused.body).toMatchObject({ status: 400, code: 'invalid_input', field });
    expect(refused.body.detail).toMatch(new RegExp(`^${field}: `));
  });

  test('refuses a parameter that it does not know', async () => {
    const refused = await admin('GET', '/tenants?prefx=a');
    expect(refused.body).toMatchObject({ status: 400, detail: expect.stringContaining('prefx') });
  });
});

describe('limits', () => {
  test('change one at a time, and what is left out stays', async () => {
    const id = await created();
    const change = (body: object) => operate('PATCH', `/tenants/${id}/limits`, body);
    expect((await change({ rate: 5 })).limits.tenant).toEqual({ rate: 5, burst: 200 });
    expect((await change({ burst: 9 })).limits.tenant).toEqual({ rate: 5, burst: 9 });
    expect((await change({ tool: '*', burst: 8 })).limits.tool).toEqual({ rate: 20, burst: 8 });
    const changed = await change({ tool: 'cache_get', rate: 0.125, burst: 2 });
    expect(changed.limits).toEqual({
      tenant: { rate: 5, burst: 9 },
      tool: { rate: 20, burst: 8 },
      tools: { cache_get: { rate: 0.125, burst: 2 } },
    });
  });

  test('that are unset give way to the more general ones', async () => {
    const id = await created();
    const change = (body: object) => operate('PATCH', `/tenants/${id}/limits`, body);
    await change({ burst: 9 });
    await change({ tool: '*', burst: 8 });
    await change({ tool: 'cache_get', burst: 7 });
    await change({ tool: 'cache_set', burst: 6 });
    const unset = async (body: object) => (await change({ ...body, unset: true })).limits;
    const own = { cache_set: { rate: 20, burst: 6 } };
    const tool = { rate: 20, burst: 8 };
    expect(await unset({ tool: 'cache_get' })).toEqual({ tenant: { rate: 50, burst: 9 }, tool, tools: own });
    expect(await unset({ tool: 'cache_get' })).toEqual({ tenant: { rate: 50, burst: 9 }, tool, tools: own });
    expect(await unset({})).toEqual({ ...DEFAULTS, tool, tools: own });
    expect(await unset({ tool: '*' })).toEqual({ ...DEFAULTS, tools: own });
  });

  test.each([
    [{ unset: true, rate: 5 }, 'unset: cannot be combined'],
    [{ unset: false }, 'unset'],
    [{ unset: true, tool: 'cache_gte' }, 'tool: there is no tool named cache_gte'],
    [{ unset: true, tool: '__proto__' }, 'no tool named __proto__'],
    [{ burst: 1 }, 'cost of cache_invalidate (2)'],
    [{ tool: '*', burst: 1 }, 'cost of cache_invalidate (2)'],
    [{ tool: 'cache_stats', burst: 1 }, 'cost of cache_stats (2)'],
    [{ tool: 'cache_gte', burst: 5 }, 'no tool named cache_gte'],
    [{ tool: '__proto__', burst: 5 }, 'no tool named __proto__'],
    [{ tool: 'constructor', rate: 5 }, 'no tool named constructor'],
    [{}, 'rate, burst, storage, calls_per_day, calls_per_month or unset is required'],
    [{ tool: 'cache_get' }, 'calls_per_month or unset is required'],
    [{ rate: 0 }, 'rate'],
    [{ rate: -1 }, 'rate'],
    [{ rate: 0.0001 }, 'rate'],
    [{ rate: '5' }, 'rate'],
    [{ burst: 0 }, 'burst'],
    [{ burst: 1.5 }, 'burst'],
    [{ burst: 1_000_001 }, 'burst'],
    [{ rate: 5, bursts: 5 }, 'bursts'],
    [{ tool: '', rate: 5 }, 'tool'],
  ])('%j is refused: %s', async (change, reason) => {
    const id = await created();
    const refused = await admin('PATCH', `/tenants/${id}/limits`, change);
    expect(refused.body).toMatchObject({ status: 400, code: 'invalid_input' });
    expect(refused.body.detail).toContain(reason);
    expect((await operate('GET', `/tenants/${id}`)).limits).toEqual({
      tenant: { rate: 50, burst: 200 },
      tool: { rate: 20, burst: 60 },
      tools: {},
    });
  });
});

describe('tokens', () => {
  test('are issued, used, listed without the token, and revoked', async () => {
    const id = await created();
    const body = { scopes: ['cache:read'], ttl_s: 120, label: 'ci' };
    const issued = await admin('POST', `/tenants/${id}/tokens`, body);
    expect(issued.status).toBe(201);
    expect(issued.headers.get('cache-control')).toBe('no-store');
    const { token, token_id, expires_at } = issued.body;
    expect(issued.body).toEqual({
      tenant: id,
      token_id: expect.stringMatching(/^[0-9a-f]{24}$/),
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      scopes: ['cache:read'],
      expires_at: expect.stringMatching(ISO_TIME),
      url: 'https://mcp.test/mcp',
    });
    expect((await new HttpTenant(id, { token_id, token }).post(listTools)).status).toBe(200);
    const listed = await operate('GET', `/tenants/${id}/tokens`);
    const entry = { token_id, label: 'ci', scopes: ['cache:read'], expires_at, revoked_at: null };
    const created_at = expect.stringMatching(ISO_TIME);
    expect(listed).toEqual({ tokens: [{ ...entry, created_at, last_used: null }] });
    expect(JSON.stringify(listed)).not.toContain(token.split('.')[2]);
    const revoked = await operate('DELETE', `/tenants/${id}/tokens/${token_id}`);
    expect(revoked).toMatchObject({ ...entry, revoked_at: expect.stringMatching(ISO_TIME) });
    expect(await operate('DELETE', `/tenants/${id}/tokens/${token_id}`)).toEqual(revoked);
  });

  test('have every scope and thirty days unless told otherwise', async () => {
    const id = await created();
    const issued = await operate('POST', `/tenants/${id}/tokens`, {});
    expect(issued.scopes).toEqual(SCOPES);
    const days = (Date.parse(String(issued.expires_at)) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
  });

  test.each([
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['cache:admin'] }, 'scopes.0'],
    [{ scopes: 'cache:read' }, 'scopes'],
    [{ ttl_s: 59 }, 'ttl_s'],
    [{ ttl_s: 31_536_001 }, 'ttl_s'],
    [{ ttl_s: '60' }, 'ttl_s'],
    [{ label: 'a'.repeat(65) }, 'label'],
  ])('%j is refused', async (body, field) => {
    const id = await created();
    const refused = await admin('POST', `/tenants/${id}/tokens`, body);
    expect(refused.body).toMatchObject({ status: 400, code: 'invalid_input', field });
    expect((await operate('GET', `/tenants/${id}/tokens`)).tokens).toEqual([]);
  });
});

describe('scopes of a token', () => {
  const names = async (token: HttpTenant): Promise<string[]> => {
    const { result } = await jsonOf(await token.post(listTools));
    return result.tools.map(({ name }: { name: string }) => name);
  };
  const changed = (token: HttpTenant, change: unknown) =>
    admin('PATCH', `/tenants/${token.id}/tokens/${token.tokenId}`, change);

  test('are added and removed, and the very next call has them', async () => {
    const token = await HttpTenant.create({ scopes: ['cache:read'] });
    expect(await names(token)).not.toContain('blackboard_read');
    const added = await changed(token, { add: ['blackboard:read'] });
    expect(added.status).toBe(200);
    expect(added.body).toMatchObject({ token_id: token.tokenId, scopes: ['blackboard:read', 'cache:read'] });
    expect((await token.call('blackboard_read', { key: 'a' })).isError).toBeUndefined();
    const removed = await changed(token, { add: ['scar:read'], remove: ['cache:read', 'blackboard:read'] });
    expect(removed.body.scopes).toEqual(['scar:read']);
    expect(await names(token)).not.toContain('blackboard_read');
    expect(await names(token)).toContain('scar_lookup');
    const [listed] = (await operate('GET', `/tenants/${token.id}/tokens`)).tokens;
    expect(listed).toMatchObject(removed.body);
  });

  test('that are there already, or are not there, may be added and removed', async () => {
    const token = await HttpTenant.create({ scopes: ['cache:read'] });
    const same = await changed(token, { add: ['cache:read'], remove: ['scar:write'] });
    expect(same.body.scopes).toEqual(['cache:read']);
  });

  test.each([
    [{}, undefined, 'add or remove is required'],
    [{ add: [], remove: [] }, undefined, 'add or remove is required'],
    [{ add: ['tickets:read'] }, 'add.0', 'tickets:read|expected one of'],
    [{ add: 'cache:read' }, 'add', 'array'],
    [{ add: ['cache:read'], remove: ['cache:read'] }, 'remove', 'add names too'],
    [{ remove: ['cache:read'] }, undefined, 'remove: a token needs at least one scope. Revoke'],
    [{ scopes: ['cache:read'] }, undefined, 'scopes'],
  ])('%j is refused', async (change, field, sentence) => {
    const token = await HttpTenant.create({ scopes: ['cache:read'] });
    const refused = await changed(token, change);
    expect(refused.body).toMatchObject({ status: 400, code: 'invalid_input' });
    expect(refused.body.field).toBe(field);
    expect(refused.body.detail).toMatch(new RegExp(sentence));
    expect((await operate('GET', `/tenants/${token.id}/tokens`)).tokens[0].scopes).toEqual(['cache:read']);
  });

  test('end what was opened under the removed ones', async () => {
    const token = await HttpTenant.create({ scopes: ['blackboard:read', 'cache:read'] });
    const session = await openSession(token);
    const status = async () => (await token.post(listTools, inSession(session))).status;
    await changed(token, { add: ['scar:read'] });
    expect(await status()).toBe(200);
    await changed(token, { remove: ['blackboard:read'] });
    expect(await status()).toBe(404);
  });

  test('do not bring a revoked token back, and are no other tenant’s', async () => {
    const token = await HttpTenant.create({ scopes: ['cache:read'] });
    const other = await HttpTenant.create();
    const foreign = await admin('PATCH', `/tenants/${token.id}/tokens/${other.tokenId}`, {
      add: ['scar:read'],
    });
    expect(foreign.body).toMatchObject({ status: 404, code: 'not_found' });
    await operate('DELETE', `/tenants/${token.id}/tokens/${token.tokenId}`);
    const refused = await changed(token, { add: ['scar:read'] });
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'conflict',
      detail: expect.stringMatching(/Issue a new one/),
    });
    expect((await token.post(listTools)).status).toBe(401);
  });
});

const ROUTES: readonly (readonly [method: string, path: string, body: object | undefined])[] = [
  ['GET', '/tenants/ID', undefined],
  ['GET', '/tenants/ID/storage', undefined],
  ['GET', '/tenants/ID/usage', undefined],
  ['POST', '/tenants/ID/compact', undefined],
  ['DELETE', '/tenants/ID', undefined],
  ['POST', '/tenants/ID/suspend', undefined],
  ['POST', '/tenants/ID/resume', undefined],
  ['PATCH', '/tenants/ID/limits', { rate: 5 }],
  ['GET', '/tenants/ID/tokens', undefined],
  ['POST', '/tenants/ID/tokens', {}],
  ['DELETE', '/tenants/ID/tokens/0123456789abcdef01234567', undefined],
  ['PATCH', '/tenants/ID/tokens/0123456789abcdef01234567', { add: ['cache:read'] }],
];

describe.each(ROUTES)('%s %s', (method, path, body) => {
  test('of a tenant that does not exist is 404, of an id that is none 400', async () => {
    const missing = await admin(method, path.replace('ID', newTenantId()), body);
    expect(missing.headers.get('content-type')).toBe('application/problem+json');
    expect(missing.body).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'There is no such tenant.',
      code: 'not_found',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const invalid = await admin(method, path.replace('ID', 'No_Id'), body);
    expect(invalid.body).toMatchObject({ status: 400, code: 'invalid_input', field: 'id' });
  });

  test('is 401 without the admin key', async () => {
    const id = await created();
    for (const authorization of [
      undefined,
      '',
      'Bearer wrong',
      `Basic ${btoa(`admin:${TEST_SECRETS.ADMIN_KEY}`)}`,
      `Bearer ${TEST_SECRETS.ADMIN_KEY}x`,
      `Bearer ${TEST_SECRETS.ADMIN_KEY.slice(0, -1)}`,
      `Bearer ${TEST_SECRETS.ADMIN_KEY.toUpperCase()}`,
    ]) {
      const refused = await admin(method, path.replace('ID', id), body, { authorization });
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="admin"');
      expect(refused.headers.get('content-type')).toBe('application/problem+json');
      expect(refused.body).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    expect((await operate('GET', `/tenants/${id}`)).status).toBe('active');
  });
});

test('a tenant’s token is no admin key', async () => {
  const tenant = await HttpTenant.create();
  const refused = await admin('GET', '/tenants', undefined, { authorization: `Bearer ${tenant.token}` });
  expect(refused.status).toBe(401);
});

test('the admin key is no tenant’s token', async () => {
  const tenant = await HttpTenant.create();
  const authorization = `Bearer ${TEST_SECRETS.ADMIN_KEY}`;
  expect((await tenant.post(listTools, { authorization })).status).toBe(401);
});

test('revoking a token that the tenant does not have is 404', async () => {
  const id = await created();
  const other = await HttpTenant.create();
  expect((await admin('DELETE', `/tenants/${id}/tokens/${other.tokenId}`)).status).toBe(404);
  expect((await other.post(listTools)).status).toBe(200);
});

test.each([
  ['GET', '/'],
  ['GET', '/nothing'],
  ['PUT', '/tenants'],
  ['POST', '/tenants/a/erase'],
])('%s /admin%s is a 404 for the operator and a 401 for anyone else', async (method, path) => {
  expect((await admin(method, path)).body).toMatchObject({ status: 404, code: 'not_found' });
  expect((await admin(method, path, undefined, { authorization: undefined })).status).toBe(401);
});

test.each([
  ['broken JSON', '{"id":', {}, 400, 'invalid_input'],
  ['no body', '', {}, 400, 'invalid_input'],
  ['an array', '[]', {}, 400, 'invalid_input'],
  ['an unknown member', '{"id":"a","plan":"b"}', {}, 400, 'invalid_input'],
  ['another media type', '{"id":"a"}', { 'content-type': 'text/plain' }, 415, 'invalid_input'],
  ['more than 16 KiB', `{"id":"${'a'.repeat(17_000)}"}`, {}, 413, 'too_large'],
])('a body with %s is refused', async (_name, body, headers, status, code) => {
  const refused = await admin('POST', '/tenants', body, headers);
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(refused.body).toMatchObject({ status, code });
});

describe('the fence of the operator’s API', () => {
  test('stops an address that sends wrong keys, and no other address', async () => {
    const address = { 'cf-connecting-ip': newAddress() };
    const guess = { ...address, authorization: 'Bearer guess' };
    const fenced = await untilFenced(120, 401, () => admin('GET', '/tenants', undefined, guess));
    expect(fenced.body).toMatchObject({ status: 429, code: 'too_many_requests' });
    expect(fenced.headers.get('retry-after')).toBe('60');
    const elsewhere = { authorization: 'Bearer guess' };
    expect((await admin('GET', '/tenants', undefined, elsewhere)).status).toBe(401);
    // Whoever sends the right key from the same address is the operator.
    const id = await created();
    expect((await admin('POST', `/tenants/${id}/suspend`, undefined, address)).status).toBe(200);
    const health = await send('/health?deep', { headers: { ...guess } });
    expect(health.status).toBe(429);
  });

  test('stops no request with the right key, however many there are', async () => {
    const id = await created();
    const address = { 'cf-connecting-ip': newAddress() };
    const statuses = new Set<number>();
    for (let sent = 0; sent < 250; sent++) {
      statuses.add((await admin('POST', `/tenants/${id}/suspend`, undefined, address)).status);
    }
    expect([...statuses]).toEqual([200]);
  });

  /** The key under which a request without a credential is counted, at each of the two fences. */
  async function countedAs(settings: Record<string, string>, init: RequestInit<RequestInitCfProperties>) {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => {
      keys.push(key);
      return { success: true };
    };
    const bindings = { ...settings, ADMIN_FENCE: { limit }, ANONYMOUS_FENCE: { limit } };
    await fetchWith(bindings, '/admin/tenants', init);
    await fetchWith(bindings, '/openapi.json', init);
    return keys;
  }

  const headers = { 'cf-connecting-ip': '203.0.113.9' };
  test.each([
    ['Cloudflare’s network has set it', {}, { headers, cf: {} }, '203.0.113.9'],
    ['the request did not come through Cloudflare', {}, { headers }, 'unknown'],
    [
      'the settings say that no address is believed',
      { CLIENT_ADDRESS: 'none' },
      { headers, cf: {} },
      'unknown',
    ],
    ['there is none', {}, { cf: {} }, 'unknown'],
  ])('counts by the address of a request if %s: %j', async (_, settings, init, key) => {
    expect(await countedAs(settings, init)).toEqual([key, key]);
  });
});
