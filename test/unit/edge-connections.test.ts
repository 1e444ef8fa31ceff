import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { connectionAnswer, connectionsAnswer, testAnswer } from '../../src/edge/admin/connection-schemas.ts';
import { LOCAL_SCOPES } from '../../src/local/tenant.ts';
import { SCOPES } from '../../src/tools/families.ts';
import { text } from '../../src/tools/fields.ts';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';
import { openEdge } from '../support/edge-in-node.ts';
import { type HostileServer, startHostileServer } from '../support/hostile-server.ts';
import { TEST_SECRETS } from '../support/secrets.ts';

/** Connections through the whole of the edge and of a tenant: from the operator's request to the service, and back. */

const CANARY = 'CANARY-0123456789';
const traits = {
  kind: 'remote',
  title: 'Probe',
  description: 'Sends a request through the connection that the test has set up for it.',
  scope: 'scar:read',
  cost: 1,
  asks: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: z.strictObject({ path: text(0, 200) }),
  output: z.strictObject({ id: z.string() }),
  log: { path: 'plain' },
} as const;
const reads = defineRemoteTool({
  ...traits,
  name: 'scar_fetch',
  connections: { crm: 'http' },
  run: ({ path }, { connection }) => connection('crm').json(z.object({ id: z.string() }), path),
});
const alone = defineRemoteTool({
  ...traits,
  name: 'scar_alone',
  connections: {},
  run: async () => ({ id: 'alone' }),
});

let service: HostileServer;
beforeAll(async () => {
  service = await startHostileServer();
});
afterAll(() => service.stop());
afterEach(() => void vi.useRealTimers());

const DEVELOPMENT = { vars: { PUBLIC_URL: 'http://127.0.0.1:8787' } };
const crm = () => ({ kind: 'http', url: service.url, header: 'X-Service-Key', secret: CANARY });

async function connected(tools = [reads, alone]) {
  const edge = await openEdge(tools, DEVELOPMENT);
  expect(await edge.operate('PUT', '/connections/crm', crm())).toMatchObject({ status: 200 });
  return edge;
}

describe('the operator', () => {
  test('sets up, lists, tests, rotates and removes a connection, and never sees its secret again', async () => {
    const edge = await connected();
    const shown = {
      name: 'crm',
      kind: 'http',
      url: service.url,
      header: 'X-Service-Key',
      allow_internal: false,
      key_id: 'c1',
      breaker: 'closed',
      created_at: expect.any(String),
      changed_at: expect.any(String),
    };
    const outputs = [
      await edge.operate('GET', '/connections'),
      await edge.operate('POST', '/connections/crm/test'),
      await edge.operate('POST', '/connections/crm/secret', { secret: `${CANARY}-2` }),
      await edge.v1('scar_fetch', { path: 'echo' }),
      await edge.operate('DELETE', '/connections/crm'),
      await edge.operate('DELETE', '/connections/crm'),
      await edge.v1('scar_fetch', { path: 'ok' }),
    ];
    expect(outputs).toMatchObject([
      { status: 200, body: { connections: [shown] } },
      { status: 200, body: { name: 'crm', reachable: true, status: 404 } },
      { status: 200, body: shown },
      { status: 200, body: { id: expect.stringContaining('"x-service-key":"[secret]') } },
      { status: 200, body: shown },
      { status: 404, body: { code: 'not_found' } },
      { status: 403, body: { code: 'forbidden', detail: expect.stringContaining('tenant connection set') } },
    ]);
    edge.test.compartment.flush();
    const records = edge.test.db.exec('SELECT * FROM records');
    expect(records.length).toBeGreaterThan(0);
    expect(JSON.stringify([outputs, records, edge.test.lines])).not.toContain('CANARY');
  });

  test('stores nothing in the clear', async () => {
    const edge = await connected();
    const rows = edge.test.db.exec('SELECT * FROM connections');
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('CANARY');
  });

  test.each([
    [{ url: 'http://crm.example.com/' }, 'url'],
    [{ url: 'https://10.0.0.1/' }, 'url'],
    [{ url: 'http://127.0.0.1:8787/' }, 'url'],
    [{ url: 7 }, 'url'],
    [{ header: 'Host' }, 'header'],
    [{ secret: '' }, 'secret'],
    [{ secret: 'a\r\nb' }, 'secret'],
    [{ secret: undefined }, 'secret'],
    [{ kind: 'ftp' }, 'kind'],
    [{ more: 1 }, undefined],
  ])('is told what is wrong with %j', async (change, field) => {
    const edge = await openEdge([], DEVELOPMENT);
    const refused = await edge.operate('PUT', '/connections/crm', { ...crm(), ...change });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(refused.body.field).toBe(field);
    expect(JSON.stringify(refused)).not.toContain('CANARY');
    expect((await edge.operate('GET', '/connections')).body).toEqual({ connections: [] });
  });

  test('allows an address that is not public, for one connection', async () => {
    const edge = await openEdge([], { vars: {} });
    const inside = { ...crm(), url: 'https://10.0.0.1/' };
    expect((await edge.operate('PUT', '/connections/crm', inside)).status).toBe(400);
    const allowed = await edge.operate('PUT', '/connections/crm', { ...inside, allow_internal: true });
    expect(allowed).toMatchObject({ status: 200, body: { allow_internal: true } });
  });

  test('is told that there is no key to encrypt a secret with', async () => {
    const edge = await openEdge([], { vars: { ...DEVELOPMENT.vars, CONNECTION_KEYS: '' } });
    expect(await edge.operate('PUT', '/connections/crm', crm())).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('CONNECTION_KEYS') },
    });
  });

  test('has a bounded number of connections', async () => {
    const edge = await openEdge([], DEVELOPMENT);
    for (let n = 0; n < 64; n++) await edge.operate('PUT', `/connections/c${n}`, crm());
    expect(await edge.operate('PUT', '/connections/more', crm())).toMatchObject({ status: 409 });
    expect(await edge.operate('PUT', '/connections/c1', crm())).toMatchObject({ status: 200 });
  });
});

describe('a credential by OAuth', () => {
  const oauth = () => ({
    grant: 'refresh_token',
    token_url: service.url.replace('/api/', '/login/token'),
    client_id: 'bulkhead',
    client_secret: `${CANARY}-client`,
    refresh_token: `${CANARY}-refresh`,
    scope: 'read',
  });
  const byOAuth = (more: object = {}) => ({ kind: 'http', url: service.url, oauth: { ...oauth(), ...more } });

  test('is set up, tested, changed in part, moved to another key and used, and never shown', async () => {
    const edge = await openEdge([reads], DEVELOPMENT);
    const { client_secret: _, refresh_token: __, ...shown } = oauth();
    const set = await edge.operate('PUT', '/connections/crm', byOAuth());
    expect(set).toMatchObject({
      status: 200,
      body: { header: 'Authorization', oauth: { ...shown, client_auth: 'client_secret_basic' } },
    });
    const outputs = [
      set,
      await edge.operate('POST', '/connections/crm/test'),
      await edge.v1('scar_fetch', { path: 'echo' }),
      await edge.operate('POST', '/connections/crm/secret', { refresh_token: `${CANARY}-other` }),
      await edge.v1('scar_fetch', { path: 'echo' }),
      await edge.operate('GET', '/connections'),
    ];
    expect(outputs.slice(1)).toMatchObject([
      { body: { reachable: true } },
      { status: 200, body: { id: expect.stringContaining('"authorization":"[secret]"') } },
      { status: 200 },
      { status: 200 },
      { body: { connections: [{ name: 'crm', oauth: shown }] } },
    ]);
    // The token is shared with the test, and got again after the change; each answer has another refresh token.
    expect(service.asked.filter((path) => path === '/login/token')).toHaveLength(2);
    edge.setVars({
      CONNECTION_KEYS: `c2:${Buffer.alloc(32, 'c2').toString('base64url')},${TEST_SECRETS.CONNECTION_KEYS}`,
    });
    expect((await edge.operate('POST', '/connections/rewrap')).body).toEqual({ rewrapped: 1, left: [] });
    edge.setVars({ CONNECTION_KEYS: `c2:${Buffer.alloc(32, 'c2').toString('base64url')}` });
    expect(await edge.v1('scar_fetch', { path: 'ok' })).toMatchObject({ status: 200 });
    for (const [at, schema] of [
      connectionAnswer,
      testAnswer,
      undefined,
      connectionAnswer,
      undefined,
      connectionsAnswer,
    ].entries())
      schema?.parse(outputs[at]?.body);
    edge.test.compartment.flush();
    const stored = ['records', 'connections'].map((table) => edge.test.db.exec(`SELECT * FROM ${table}`));
    expect(JSON.stringify([outputs, stored, edge.test.lines])).not.toContain('CANARY');
  });

  test('that does not fit is refused by the name of the field', async () => {
    const edge = await openEdge([], DEVELOPMENT);
    for (const [change, field] of [
      [{ token_url: 'http://login.example.com/' }, 'oauth.token_url'],
      [{ token_url: 'https://169.254.169.254/token' }, 'oauth.token_url'],
      [{ token_url: 'http://127.0.0.1:8787/token' }, 'oauth.token_url'],
      [{ grant: 'password' }, 'oauth.grant'],
      [{ grant: 'client_credentials' }, 'oauth.refresh_token'],
      [{ refresh_token: undefined }, 'oauth.refresh_token'],
      [{ client_secret: undefined }, 'oauth.client_secret'],
      [{ client_auth: 'none' }, 'oauth.client_secret'],
      [{ client_auth: 'private_key_jwt' }, 'oauth.client_secret'],
      [{ scope: 'a\nb' }, 'oauth.scope'],
    ] as const) {
      const refused = await edge.operate('PUT', '/connections/crm', byOAuth(change));
      expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input', field } });
      expect(JSON.stringify(refused)).not.toContain('CANARY');
    }
    for (const more of [{ header: 'X-Key' }, { secret: CANARY }])
      expect(await edge.operate('PUT', '/connections/crm', { ...byOAuth(), ...more })).toMatchObject({
        status: 400,
        body: { field: Object.keys(more)[0] },
      });
  });

  test('is changed by its own fields only', async () => {
    const edge = await openEdge([], DEVELOPMENT);
    await edge.operate('PUT', '/connections/crm', byOAuth());
    await edge.operate('PUT', '/connections/erp', crm());
    for (const [name, body] of [
      ['crm', { secret: CANARY }],
      ['crm', {}],
      ['erp', { client_secret: CANARY }],
      ['erp', { secret: CANARY, refresh_token: CANARY }],
    ] as const)
      expect(await edge.operate('POST', `/connections/${name}/secret`, body)).toMatchObject({ status: 400 });
  });
});

describe('a token of the tenant', () => {
  const manager =
    (edge: Awaited<ReturnType<typeof openEdge>>) => async (method: string, path: string, body?: unknown) => {
      const response = await edge.send(`/v1/connections${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    };

  test('with connections:write manages connections, but not those to addresses that are not public', async () => {
    const scopes = ['connections:write', 'scar:read'] as const;
    const edge = await openEdge([reads], { ...DEVELOPMENT, scopes });
    const ask = manager(edge);
    expect(await ask('PUT', '/crm', crm())).toMatchObject({ status: 200, body: { name: 'crm' } });
    expect(await edge.v1('scar_fetch', { path: 'ok' })).toMatchObject({ status: 200 });
    expect(await ask('POST', '/crm/test')).toMatchObject({ body: { reachable: true } });
    expect(await ask('POST', '/crm/secret', { secret: `${CANARY}-2` })).toMatchObject({ status: 200 });
    const inside = { ...crm(), url: 'https://10.0.0.1/', allow_internal: true };
    expect(await ask('PUT', '/inside', inside)).toMatchObject({
      status: 403,
      body: { field: 'allow_internal' },
    });
    expect(await ask('PUT', '/orders', { kind: 'postgres', database: 'x' })).toMatchObject({ status: 403 });
    await edge.operate('PUT', '/connections/inside', inside);
    for (const [method, path] of [
      ['PUT', ''],
      ['POST', '/test'],
      ['DELETE', ''],
    ] as const)
      expect(await ask(method, `/inside${path}`, crm())).toMatchObject({ status: 403 });
    expect(await ask('POST', '/inside/secret', { secret: CANARY })).toMatchObject({ status: 403 });
    const listed = await ask('GET', '');
    expect(listed).toMatchObject({
      status: 200,
      body: { connections: [{ name: 'crm' }, { name: 'inside' }] },
    });
    expect(await ask('DELETE', '/crm')).toMatchObject({ status: 200 });
    expect(await ask('DELETE', '/crm')).toMatchObject({ status: 404 });
    expect(await ask('PUT', '/crm', { ...crm(), header: 'Host' })).toMatchObject({
      status: 400,
      body: { field: 'header' },
    });
    expect(JSON.stringify([listed, edge.test.lines])).not.toContain('CANARY');
  });

  test('without it manages none, whatever else it has', async () => {
    const edge = await openEdge([], DEVELOPMENT);
    const ask = manager(edge);
    for (const [method, path, body] of [
      ['GET', ''],
      ['PUT', '/crm', crm()],
      ['POST', '/crm/secret', { secret: CANARY }],
      ['POST', '/crm/test'],
      ['POST', '/rewrap'],
      ['DELETE', '/crm'],
    ] as const)
      expect(await ask(method, path, body)).toMatchObject({
        status: 403,
        body: { code: 'insufficient_scope' },
      });
    const response = await edge.send('/v1/connections', { headers: { authorization: 'Bearer x' } });
    expect(response.status).toBe(401);
  });

  test('has it only if it is named', () => {
    expect(SCOPES).not.toContain('connections:write');
    expect(LOCAL_SCOPES).not.toContain('connections:write');
  });
});

describe('keys', () => {
  const NEXT = `c2:${Buffer.alloc(32, 'c2').toString('base64url')}`;
  const OLD = `c1:${Buffer.alloc(32, 'c1').toString('base64url')}`;

  test('are rotated: rewrap moves what the old one opens, and names what no key opens', async () => {
    const edge = await connected();
    await edge.operate('PUT', '/connections/erp', crm());
    // A row whose destination somebody has changed in the database.
    edge.test.db.exec("UPDATE connections SET target = replace(target, '/api/', '/') WHERE name = 'erp'");
    edge.setVars({ CONNECTION_KEYS: `${NEXT},${OLD}` });
    expect((await edge.v1('scar_fetch', { path: 'ok' })).status).toBe(200);
    expect((await edge.operate('POST', '/connections/rewrap')).body).toEqual({ rewrapped: 1, left: ['erp'] });
    edge.setVars({ CONNECTION_KEYS: NEXT });
    expect((await edge.v1('scar_fetch', { path: 'ok' })).status).toBe(200);
    expect((await edge.operate('GET', '/connections')).body.connections).toMatchObject([
      { name: 'crm', key_id: 'c2' },
      { name: 'erp', key_id: 'c1' },
    ]);
  });
});

test('a server that has lost its keys says so', async () => {
  const edge = await connected();
  edge.setVars({ CONNECTION_KEYS: '' });
  expect(await edge.v1('scar_fetch', { path: 'ok' })).toMatchObject({
    status: 403,
    body: { code: 'forbidden', detail: expect.stringContaining('CONNECTION_KEYS') },
  });
});

describe('a row', () => {
  test.each([
    ['points to another path', "UPDATE connections SET target = replace(target, '/api/', '/api/x/')"],
    [
      'sends its secret in another header',
      "UPDATE connections SET target = replace(target, 'X-Service-Key', 'X-Other')",
    ],
    ['was renamed', "UPDATE connections SET name = 'erp' WHERE name = 'crm'"],
    ['belongs to a tenant with another history', "UPDATE tenant SET seal_key = 'another'"],
  ])('that %s does not open', async (_name, statement) => {
    const edge = await connected();
    edge.test.db.exec(statement);
    if (statement.includes('erp'))
      edge.test.db.exec("UPDATE connections SET name = 'crm', target = replace(target, '/api/', '/')");
    edge.test.compartment.reload();
    const before = service.asked.length;
    expect(await edge.v1('scar_fetch', { path: 'ok' })).toMatchObject({
      status: 403,
      body: { code: 'forbidden', detail: expect.stringContaining('tenant connection rotate') },
    });
    expect(service.asked).toHaveLength(before);
  });
});

describe('a service that is broken, or means harm', () => {
  test.each([
    ['redirect', 403, 'forbidden'],
    ['loop', 403, 'forbidden'],
    ['endless', 413, 'too_large'],
    ['zeros', 413, 'too_large'],
    ['chunkedzeros', 413, 'too_large'],
    ['short', 503, 'unavailable'],
    ['closes', 503, 'unavailable'],
    ['halfway', 503, 'unavailable'],
    ['garbage', 503, 'unavailable'],
    ['gzip', 503, 'unavailable'],
    ['headers', 503, 'unavailable'],
    ['flood', 503, 'unavailable'],
    ['bomb', 413, 'too_large'],
    ['missing', 404, 'unknown_handle'],
  ])('%s: %i %s, and other tools of the tenant do not notice', async (path, status, code) => {
    const edge = await connected();
    const before = process.memoryUsage().rss;
    const [failed, other] = await Promise.all([
      edge.v1('scar_fetch', { path }),
      edge.v1('scar_alone', { path }),
    ]);
    expect(failed).toMatchObject({ status, body: { code } });
    expect(failed.body.detail).not.toMatch(/169\.254|ECONN|127\.0\.0\.1|terminated|CANARY/);
    expect(other).toEqual({ status: 200, body: { id: 'alone' } });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  test('a body that is longer than it says is cut where it says', async () => {
    const edge = await connected();
    expect(await edge.v1('scar_fetch', { path: 'long' })).toEqual({ status: 200, body: { id: 'it' } });
  });

  test('one that drips, or says nothing, holds a call only until its client leaves', async () => {
    const edge = await connected();
    for (const path of ['drip', 'silent']) {
      const left = new AbortController();
      const call = edge.send('/v1/tools/scar_fetch', {
        method: 'POST',
        body: JSON.stringify({ path }),
        headers: { 'content-type': 'application/json' },
        signal: left.signal,
      });
      await expect.poll(() => service.asked.at(-1)).toBe(`/api/${path}`);
      left.abort();
      expect(await (await call).json()).toMatchObject({ status: 503, code: 'unavailable' });
    }
  });

  test('a path of a caller leads nowhere else', async () => {
    const edge = await connected();
    const before = service.asked.length;
    for (const path of [
      '../admin',
      '//evil.example.com/',
      'http://evil.example.com/',
      '%2e%2e/x',
      'a%2fb',
      '\\x',
    ])
      expect(await edge.v1('scar_fetch', { path })).toMatchObject({
        status: 400,
        body: { code: 'invalid_input' },
      });
    expect(service.asked).toHaveLength(before);
  });

  test('that fails too often is left alone for some time, and told so with when to come again', async () => {
    // The breaker's time does not pass, however slow the machine is.
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    const edge = await connected();
    for (let call = 0; call < 2; call++) await edge.v1('scar_fetch', { path: 'closes' });
    const before = service.asked.length;
    const refused = await edge.v1('scar_fetch', { path: 'ok' });
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'unavailable', retryable: true, retry_after_ms: expect.any(Number) },
    });
    expect(refused.body.detail).toContain('has failed too often');
    expect(service.asked).toHaveLength(before);
    expect((await edge.operate('GET', '/connections')).body.connections[0].breaker).toBe('open');
    // The operator's change of it starts anew.
    await edge.operate('POST', '/connections/crm/secret', { secret: CANARY });
    expect((await edge.v1('scar_fetch', { path: 'ok' })).status).toBe(200);
  });
});
