import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ATTEMPT_MS } from '../../src/edge/http/attempt.ts';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { forge } from '../support/forge.ts';
import { admin, callTool, HttpTenant, jsonOf, listTools, newTenantId, operate } from '../support/http.ts';
import { addMember } from '../support/oauth-worker.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { ADMIN_KEY_HEADER, failing, fetchWith } from '../support/worker-with.ts';

async function post(bindings: Record<string, unknown>, body: unknown): Promise<Response> {
  const token = await forge('acme', '0123456789abcdef01234567');
  return fetchWith(bindings, '/mcp', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: '*/*',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify(body),
  });
}

test.each([
  ['tools/list', listTools],
  ['tools/call', callTool('tenant_limits')],
  ['resources/list', { jsonrpc: '2.0', id: 1, method: 'resources/list' }],
])('a tenant that cannot be asked is 503 for %s, never a denial', async (_method, body) => {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const response = await post(
    { TENANTS: failing(new Error('the object is overloaded: secret-detail')) },
    body,
  );
  const lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
  printed.mockRestore();
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  const { error } = await jsonOf(response);
  expect(error.data.code).toBe('unavailable');
  expect(JSON.stringify(error)).not.toContain('secret-detail');
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'error', event: 'edge.error', code: 'unavailable', tenant: 'acme' }),
  );
});

test.each([
  ['GET', '/v1/tools'],
  ['POST', '/v1/tools/tenant_limits'],
])('a tenant that cannot be asked is 503 for %s %s', async (method, path) => {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const token = await forge('acme', '0123456789abcdef01234567');
  const response = await fetchWith({ TENANTS: failing(new Error('secret-detail')) }, path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  printed.mockRestore();
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = await jsonOf(response);
  expect(body.code).toBe('unavailable');
  expect(JSON.stringify(body)).not.toContain('secret-detail');
});

test.each([new Error('secret-detail'), 'secret-detail', undefined, null, { secret: 'secret-detail' }])(
  'whatever is thrown at the edge (%s) becomes an id that the log has too',
  async (cause) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const ADMIN_FENCE = { limit: () => Promise.reject(cause) };
    const response = await fetchWith({ ADMIN_FENCE }, '/admin/tenants');
    const text = printed.mock.calls.map(([line]) => String(line)).join('\n');
    printed.mockRestore();
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const body = await jsonOf(response);
    expect(JSON.stringify(body)).not.toContain('secret-detail');
    const [errorId = 'none'] = /[0-9a-f]{16}/.exec(String(body.detail)) ?? [];
    expect(text).toContain(`"error_id":"${errorId}"`);
  },
);

test.each(['/health', '/mcp', '/admin/tenants', '/nothing'])(
  'a wrong setting makes %s a 503 that does not name it',
  async (path) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const response = await fetchWith({ LOG_LEVEL: 'loud' }, path);
    const text = printed.mock.calls.map(([line]) => String(line)).join('\n');
    printed.mockRestore();
    expect(response.status).toBe(503);
    const body = await jsonOf(response);
    expect(body.code).toBe('misconfigured');
    expect(JSON.stringify(body)).not.toContain('LOG_LEVEL');
    expect(text).toContain('LOG_LEVEL must be one of');
    expect(text).not.toContain('loud');
  },
);

/** Runs `body` with warnings and errors that it logs out of sight. */
async function quietly<T>(body: () => Promise<T>): Promise<T> {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    return await body();
  } finally {
    printed.mockRestore();
  }
}

const registry = () => env.REGISTRY.getByName('registry');
const inRegistry = (sql: string) =>
  runInDurableObject(registry(), (_, state) => void state.storage.sql.exec(sql));

describe('with a list of tenants that cannot be read or written', () => {
  const TABLES = ['tenants', 'last_generation', 'erased'];
  const breakList = async () => {
    for (const table of TABLES) await inRegistry(`ALTER TABLE ${table} RENAME TO lost_${table}`);
  };
  const repairList = () =>
    runInDurableObject(registry(), (_, { storage: { sql } }) => {
      const lost = sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name GLOB 'lost_*'")
        .toArray();
      for (const { name } of lost) sql.exec(`ALTER TABLE ${name} RENAME TO ${name.replace('lost_', '')}`);
    });
  afterEach(repairList);

  test('calls go on, and every action on a tenant and its tokens holds for the very next call', async () => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read', 'cache:write'] });
    const other = await HttpTenant.issue(tenant.id);
    await breakList();
    await quietly(async () => {
      expect((await tenant.post(listTools)).status).toBe(200);
      const path = `/tenants/${tenant.id}`;
      expect((await operate('GET', `${path}/tokens`)).tokens).toHaveLength(2);
      const issued = await HttpTenant.issue(tenant.id);
      expect((await issued.post(listTools)).status).toBe(200);
      const scopes = await operate('PATCH', `${path}/tokens/${tenant.tokenId}`, { remove: ['cache:write'] });
      expect(scopes.scopes).toEqual(['cache:read']);
      expect((await operate('PATCH', `${path}/limits`, { burst: 77 })).limits.tenant.burst).toBe(77);
      await operate('DELETE', `${path}/tokens/${other.tokenId}`);
      expect((await other.post(listTools)).status).toBe(401);
      expect((await operate('POST', `${path}/suspend`)).status).toBe('suspended');
      expect((await tenant.post(listTools)).status).toBe(403);
      expect((await operate('GET', path)).status).toBe('suspended');
      expect((await operate('POST', `${path}/resume`)).status).toBe('active');
      expect((await tenant.post(listTools)).status).toBe(200);
      await operate('PATCH', `${path}/policy`, { tool: 'cache_set', approval: true });
      const member = await addMember(tenant.id);
      const browser = new ConsoleBrowser();
      expect((await browser.signIn(member.key)).status).toBe(303);
      await operate('DELETE', `${path}/members/${member.id}`);
      expect((await browser.get(`/console/${tenant.id}/limits`)).status).toBe(401);
      expect((await browser.signInAsOperator()).status).toBe(303);
      const form = `/console/@operator/tenants/${tenant.id}/manage`;
      expect((await browser.post(form, 'action=suspend')).status).toBe(303);
      expect((await tenant.post(listTools)).status).toBe(403);
    });
  });

  test('the list and a creation say so, and a deletion erases', async () => {
    const tenant = await HttpTenant.create();
    await breakList();
    await quietly(async () => {
      const unavailable = { status: 503, code: 'unavailable' };
      const list = await admin('GET', '/tenants');
      expect(list.body).toMatchObject({ ...unavailable, detail: expect.stringContaining('/health?deep') });
      const created = await admin('POST', '/tenants', { id: newTenantId() });
      expect(created.status).toBe(503);
      const deleted = await admin('DELETE', `/tenants/${tenant.id}`);
      expect(deleted.body).toMatchObject({ ...unavailable, detail: expect.stringContaining('is erased') });
      expect((await tenant.post(listTools)).status).toBe(401);
    });
    await repairList();
    expect(await operate('DELETE', `/tenants/${tenant.id}`)).toEqual({ id: tenant.id, status: 'deleted' });
    expect((await admin('DELETE', `/tenants/${tenant.id}`)).status).toBe(404);
  });

  test('GET /health?deep says so, and a reset repairs it', async () => {
    const { id } = await HttpTenant.create();
    await breakList();
    const broken = await quietly(() => deep());
    expect(broken.status).toBe(503);
    const { registry: part, ...others } = broken.body.parts;
    expect(part).toMatchObject({
      status: 'broken',
      problems: [expect.stringContaining('/admin/registry/reset')],
    });
    expect(others).toEqual({ settings: { status: 'ok' }, tenants: { status: 'unknown', checked: 0 } });
    expect(await operate('POST', '/registry/reset')).toEqual({ status: 'reset' });
    expect((await deep()).body).toMatchObject({ status: 'ok', parts: { registry: { status: 'ok' } } });
    expect(await listed(id)).toBeUndefined();
    await operate('GET', `/tenants/${id}`);
    expect(await listed(id)).toBe('active');
  });
});

const deep = async (headers: Record<string, string> = ADMIN_KEY_HEADER) => {
  const response = await fetchWith({}, '/health?deep', { headers, cf: {} });
  return { status: response.status, headers: response.headers, body: await jsonOf(response) };
};

/** The status by the list of tenants; undefined: the tenant is not listed. */
async function listed(id: string): Promise<string | undefined> {
  const { tenants } = await operate('GET', `/tenants?prefix=${id}`);
  return tenants.find((tenant: { id: string }) => tenant.id === id)?.status;
}

test('a list of tenants that never answers holds up neither the operator’s sign-in nor an action', async () => {
  const tenant = await HttpTenant.create();
  vi.spyOn(console, 'log').mockImplementation(() => {});
  const silent = () => new Promise(() => {});
  const hanging = { getByName: () => new Proxy({}, { get: () => silent }) };
  const timer = setTimeout;
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(
    (task, ms, ...args) => timer(task, ms === ATTEMPT_MS ? 1 : ms, ...args) as never,
  );
  const send = async (method: string, path: string, headers: Record<string, string>, body?: string) => {
    const sent = { method, headers, redirect: 'manual', ...(body !== undefined && { body }) } as const;
    const asked = fetchWith({ REGISTRY: hanging }, path, sent).then(({ status }) => status);
    return Promise.race([asked, new Promise((resolve) => timer(resolve, 2000, 'no answer'))]);
  };
  expect(await send('POST', `/admin/tenants/${tenant.id}/suspend`, ADMIN_KEY_HEADER)).toBe(200);
  const form = { origin: 'https://mcp.test', 'content-type': 'application/x-www-form-urlencoded' };
  const key = new URLSearchParams({ key: TEST_SECRETS.ADMIN_KEY });
  expect(await send('POST', '/console/@operator', form, String(key))).toBe(303);
  for (const path of ['/admin/tenants', '/admin/actions'])
    expect(await send('GET', path, ADMIN_KEY_HEADER)).toBe(503);
  vi.restoreAllMocks();
  expect((await tenant.post(listTools)).status).toBe(403);
});

test.each([
  ['POST', '/v1/tokens', '{}'],
  ['PATCH', '/v1/tokens/0123456789abcdef01234567', '{"remove":["scar:write"]}'],
  ['DELETE', '/v1/tokens/0123456789abcdef01234567', undefined],
])('a tenant that fails after it has admitted a token is 503 for %s %s', async (method, path, body) => {
  const { id } = await HttpTenant.create();
  const { token } = await HttpTenant.issue(id, { scopes: [...ALL_SCOPES] });
  const tenant = env.TENANTS.getByName(id);
  const breaking = {
    admit: (...asked: Parameters<typeof tenant.admit>) => tenant.admit(...asked),
    changeToken: async () => {
      throw new Error('secret-detail');
    },
  };
  const response = await quietly(() =>
    fetchWith({ TENANTS: { getByName: () => breaking } }, path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body }),
    }),
  );
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await jsonOf(response)).toMatchObject({ code: 'unavailable', trace_id: expect.any(String) });
});

describe('a list of tenants that was lost', () => {
  test.each([
    ['while its object runs', async () => {}],
    ['and its object starts again', () => evictDurableObject(registry())],
  ])('%s is made anew from what tenants report', async (_, restart) => {
    const shown = await HttpTenant.create();
    const silent = await HttpTenant.create();
    await operate('POST', `/tenants/${silent.id}/suspend`);
    await runInDurableObject(registry(), (_object, state) => state.storage.deleteAll());
    await restart();
    expect([await listed(shown.id), await listed(silent.id)]).toEqual([undefined, undefined]);
    await shown.call('blackboard_write', { key: 'a', value: 1 });
    expect(await listed(shown.id)).toBeUndefined();
    expect((await admin('POST', '/tenants', { id: shown.id })).status).toBe(409);
    expect(await listed(shown.id)).toBe('active');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    expect(await runDurableObjectAlarm(env.TENANTS.getByName(silent.id))).toBe(true);
    expect(await listed(silent.id)).toBe('suspended');
    expect(await operate('DELETE', `/tenants/${shown.id}`)).toEqual({ id: shown.id, status: 'deleted' });
    expect(await listed(shown.id)).toBeUndefined();
  });
});

describe('a tenant whose storage is broken', () => {
  const BREAKS = [
    ['a profile that is gone', 'DELETE FROM tenant'],
    ['limits that are no JSON', "UPDATE tenant SET limits = '{'"],
    ['an id that is none', "UPDATE tenant SET id = '!'"],
    ['no table of tokens', 'DROP TABLE tokens'],
    ['migrations that fail', "DELETE FROM _sql_schema_migrations WHERE name = '0002_blackboard.sql'"],
    ['no record of its migrations', 'DROP TABLE _sql_schema_migrations'],
    ['another table of migrations', 'ALTER TABLE _sql_schema_migrations RENAME COLUMN name TO other'],
  ] as const;

  test('is erased in the console, whose page cannot show it', async () => {
    const tenant = await HttpTenant.create();
    const object = env.TENANTS.getByName(tenant.id);
    await runInDurableObject(object, (_object, state) => void state.storage.sql.exec('DROP TABLE tokens'));
    await evictDurableObject(object);
    const browser = new ConsoleBrowser();
    const manage = `/console/@operator/tenants/${tenant.id}/manage`;
    await quietly(async () => {
      await browser.signInAsOperator();
      const page = await browser.get(manage);
      expect(page.status).toBe(503);
      expect(await page.text()).toContain('value="erase"');
      const unsure = await browser.post(manage, 'action=erase&name=another');
      expect(await unsure.text()).toContain('Nothing was erased.');
      expect((await browser.post(manage, `action=erase&name=${tenant.id}`)).status).toBe(303);
    });
    expect(await listed(tenant.id)).toBeUndefined();
  });

  test.each(BREAKS)('by %s is erased and made again', async (_, sql) => {
    const tenant = await HttpTenant.create();
    const object = env.TENANTS.getByName(tenant.id);
    await tenant.call('blackboard_write', { key: 'a', value: 'old' });
    await runInDurableObject(object, (_object, state) => void state.storage.sql.exec(sql));
    await evictDurableObject(object);
    await quietly(async () => {
      expect([401, 503]).toContain((await tenant.post(listTools)).status);
      const again = await admin('POST', '/tenants', { id: tenant.id });
      expect(again.body.detail).toMatch(/[Dd]elete/);
      expect(await operate('DELETE', `/tenants/${tenant.id}`)).toEqual({ id: tenant.id, status: 'deleted' });
    });
    expect(await listed(tenant.id)).toBeUndefined();
    await operate('POST', '/tenants', { id: tenant.id });
    expect(await listed(tenant.id)).toBe('active');
    expect((await tenant.post(listTools)).status).toBe(401);
    const made = await HttpTenant.issue(tenant.id);
    const read = await made.call('blackboard_read', { key: 'a' });
    expect(read.structuredContent.entries[0].found).toBe(false);
  });
});

describe('GET /health?deep', () => {
  const alone = async (id: string) => {
    await operate('POST', '/registry/reset');
    await operate('GET', `/tenants/${id}`);
  };

  test('is for the operator; GET /health is open and asks nothing', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const refused = await deep(headers);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="admin"');
      expect(refused.body).toMatchObject({ code: 'unauthorized' });
    }
    const bindings = { REGISTRY: failing('asked'), TENANTS: failing('asked'), ADMIN_FENCE: failing('asked') };
    expect((await fetchWith(bindings, '/health')).status).toBe(200);
  });

  test('names a tenant that is broken, one that does not answer, and one that does not exist', async () => {
    const { id } = await HttpTenant.create();
    await alone(id);
    expect(await deep()).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        parts: {
          settings: { status: 'ok' },
          registry: { status: 'ok' },
          tenants: { status: 'ok' },
        },
      },
    });
    const silent = await fetchWith({ TENANTS: failing('down') }, '/health?deep', {
      headers: ADMIN_KEY_HEADER,
    });
    expect(silent.status).toBe(503);
    expect((await jsonOf(silent)).parts.tenants.problems).toEqual([expect.stringMatching(/does not answer/)]);
    await runInDurableObject(
      env.TENANTS.getByName(id),
      (_, state) => void state.storage.sql.exec('DELETE FROM tenant'),
    );
    await evictDurableObject(env.TENANTS.getByName(id));
    const broken = await quietly(() => deep());
    expect(broken.status).toBe(503);
    // Tenants of other tests tell the list meanwhile that they exist.
    expect(broken.body.parts.tenants).toMatchObject({
      status: 'broken',
      problems: [expect.stringMatching(new RegExp(`^${id} cannot load its storage.*delete the tenant`))],
    });
    await runInDurableObject(env.TENANTS.getByName(id), (_, state) => state.storage.deleteAll());
    await evictDurableObject(env.TENANTS.getByName(id));
    expect((await deep()).body.parts.tenants.problems).toEqual([expect.stringMatching(/does not exist/)]);
  });

  test('asks a bounded number of tenants', async () => {
    await operate('POST', '/registry/reset');
    await inRegistry(
      `INSERT INTO tenants (id, status, created_at) SELECT value, 'active', 0 FROM json_each('${JSON.stringify(
        [...Array(50).keys()].map((n) => `sampled-${n}`),
      )}')`,
    );
    let asked = 0;
    const check = async () => {
      asked++;
      return 'ok';
    };
    const TENANTS = { getByName: () => ({ check }) };
    const answer = await fetchWith({ TENANTS }, '/health?deep', { headers: ADMIN_KEY_HEADER });
    expect((await jsonOf(answer)).parts.tenants).toEqual({ status: 'ok', checked: 20 });
    expect(asked).toBe(20);
    await operate('POST', '/registry/reset');
  });

  test('names the settings that are wrong to the operator, and to nobody else', async () => {
    const wrong = { LOG_LEVEL: 'loud', MAX_BODY_BYTES: 'all' };
    const answer = await fetchWith(wrong, '/health?deep', { headers: ADMIN_KEY_HEADER });
    expect(answer.status).toBe(503);
    const body = await jsonOf(answer);
    expect(body.parts.settings.problems).toEqual([
      expect.stringMatching(/^MAX_BODY_BYTES must be/),
      expect.stringMatching(/^LOG_LEVEL must be/),
    ]);
    expect(JSON.stringify(body)).not.toContain('loud');
    const anyone = await quietly(() => fetchWith(wrong, '/health?deep'));
    expect(anyone.status).toBe(503);
    expect(JSON.stringify(await jsonOf(anyone))).not.toContain('LOG_LEVEL');
  });
});
