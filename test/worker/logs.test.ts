import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { COALESCE_MS } from '../../src/telemetry/coalesce.ts';
import { forge } from '../support/forge.ts';
import {
  admin,
  callTool,
  HttpTenant,
  listTools,
  newTenantId,
  operate,
  postMcp,
  send,
} from '../support/http.ts';
import { TEST_SECRETS } from '../support/secrets.ts';

/** The edge and the tenants' objects run in this isolate, so their lines are written to this console. */
let printed: MockInstance<typeof console.log>;
beforeEach(() => {
  printed = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

type Line = Record<string, unknown>;

const text = () => printed.mock.calls.map((args) => args.join(' '));

/** The newest time that a test has set. */
let clock = 0;

/** The lines that `act` leads to, each of which must be one JSON document. */
async function linesOf(act: () => Promise<unknown>): Promise<Line[]> {
  // Refusals that repeat those of an earlier test would only be counted, however soon after it this one runs.
  clock = Math.max(clock, Date.now()) + COALESCE_MS;
  vi.useFakeTimers({ now: clock, toFake: ['Date'] });
  // Any line writes the counts that are left from before.
  await admin('GET', '/tenants?limit=1');
  printed.mockClear();
  await act();
  const lines = text();
  for (const line of lines) expect(line).not.toContain('\n');
  // Tenants sign the heads of their records and export records when it is time, whatever is called, and another test's may be broken.
  const ofTime = ['records.anchored', 'records.exported', 'tenant.migration_failed', 'tenant.swept'];
  return lines.map((line) => JSON.parse(line)).filter(({ event }) => !ofTime.includes(event));
}

const HEX = (digits: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const EVERY_LINE = {
  ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  duration_ms: expect.any(Number),
  trace_id: HEX(32),
  span_id: HEX(16),
  request_id: HEX(16),
};

describe('one line a call', () => {
  const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;

  test('with every field that it is known by', async () => {
    const tenant = await HttpTenant.create();
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1.2.3' },
      'io.modelcontextprotocol/clientCapabilities': {},
      traceparent,
    };
    const params = {
      name: 'blackboard_write',
      arguments: { key: 'a/b', value: 'text', ttl_s: 60 },
      _meta: meta,
    };
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'blackboard_write',
    };
    expect(await linesOf(() => tenant.rpc('tools/call', params, headers))).toEqual([
      {
        ...EVERY_LINE,
        level: 'info',
        event: 'tool.call',
        tenant: tenant.id,
        tool: 'blackboard_write',
        args: { key: 'a/b', ttl_s: 60 },
        outcome: 'answer',
        status: 'created',
        rev: 1,
        trace_id: 'c'.repeat(32),
        parent_span_id: 'd'.repeat(16),
        token_id: tenant.tokenId,
        client_name: 'agent',
        client_version: '1.2.3',
        protocol_version: '2026-07-28',
      },
    ]);
  });

  test.each([
    ['an error', callTool('blackboard_write', { key: '/' }), 'error', 'invalid_input'],
    ['an unknown tool', callTool('nothing'), 'unknown_tool', undefined],
  ])('that ends with %s', async (_name, body, outcome, code) => {
    const tenant = await HttpTenant.create();
    const lines = await linesOf(() => tenant.post(body));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      ...EVERY_LINE,
      level: 'warn',
      event: 'tool.call',
      tenant: tenant.id,
      outcome,
    });
    expect(lines[0]?.code).toBe(code);
  });

  test('that meets the rate limit says for how long', async () => {
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'cache_get', rate: 0.001, burst: 1 });
    const get = callTool('cache_get', { model: 'm', prompt: 'p' });
    await tenant.post(get);
    expect(await linesOf(() => tenant.post(get))).toMatchObject([
      { event: 'tool.call', outcome: 'error', code: 'rate_limited', retry_after_ms: expect.any(Number) },
    ]);
  });

  test('for each call of a batch', async () => {
    const tenant = await HttpTenant.create();
    const batch = [1, 2, 3].map((id) => ({ ...callTool('tenant_limits'), id }));
    const lines = await linesOf(() => tenant.post(batch, { 'mcp-protocol-version': '2025-03-26' }));
    expect(lines.map(({ event, tool }) => [event, tool])).toEqual(
      Array(3).fill(['tool.call', 'tenant_limits']),
    );
    expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(1);
  });
});

describe('one line a refused request', () => {
  const evil = { origin: 'https://evil.test' };
  const REFUSED: readonly (readonly [string, number, string, (tenant: HttpTenant) => Promise<unknown>])[] = [
    ['no token', 401, 'unauthorized', () => postMcp(undefined, listTools)],
    ['a bad token', 401, 'invalid_token', () => postMcp('garbage', listTools)],
    [
      'a token of no tenant',
      401,
      'invalid_token',
      async () => postMcp(await forge(newTenantId(), 'f'.repeat(24)), listTools),
    ],
    ['another Origin', 403, 'origin_not_allowed', (t) => t.post(listTools, evil)],
    [
      'GET',
      405,
      'method_not_allowed',
      (t) => send('/mcp', { headers: { authorization: `Bearer ${t.token}` } }),
    ],
    ['another Accept', 406, 'not_acceptable', (t) => t.post(listTools, { accept: 'text/html' })],
    ['another media type', 415, 'media_type', (t) => t.post(listTools, { 'content-type': 'text/plain' })],
    ['a large body', 413, 'too_large', (t) => t.post('x'.repeat(4_194_305))],
    ['broken JSON', 400, 'parse_error', (t) => t.post('{')],
    ['a batch', 400, 'invalid_request', (t) => t.post([listTools])],
    ['no JSON-RPC', 400, 'protocol', (t) => t.post('5')],
    ['a revision that is none', 400, 'protocol', (t) => t.post(listTools, { 'mcp-protocol-version': '1' })],
    ['a malformed call', 200, 'protocol', (t) => t.rpc('tools/call', { name: 5 })],
  ];
  test.each(REFUSED)('for %s: %i %s', async (_name, http_status, code, act) => {
    const tenant = await HttpTenant.create();
    expect(await linesOf(() => act(tenant))).toMatchObject([
      { ...EVERY_LINE, level: 'warn', event: 'request.refused', code, http_status, path: '/mcp' },
    ]);
  });

  test('for a suspended tenant and a missing scope, whatever was asked', async () => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    const write = callTool('blackboard_write', { key: 'a', value: 1 });
    expect(await linesOf(() => tenant.post(write))).toMatchObject([
      {
        ...EVERY_LINE,
        tenant: tenant.id,
        outcome: 'refused',
        code: 'insufficient_scope',
        token_id: tenant.tokenId,
      },
    ]);
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    for (const body of [write, listTools]) {
      expect(await linesOf(() => tenant.post(body))).toMatchObject([{ ...EVERY_LINE, code: 'suspended' }]);
    }
  });

  test('for a revoked token, and for one of a deleted tenant', async () => {
    const tenant = await HttpTenant.create();
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${tenant.tokenId}`);
    for (const body of [callTool('tenant_limits'), listTools]) {
      expect(await linesOf(() => tenant.post(body))).toMatchObject([
        { code: 'invalid_token', tenant: tenant.id },
      ]);
    }
    await operate('DELETE', `/tenants/${tenant.id}`);
    expect(await linesOf(() => tenant.post(listTools))).toMatchObject([{ code: 'invalid_token' }]);
  });

  test('for a call by a token of a deleted tenant', async () => {
    const tenant = await HttpTenant.create();
    await operate('DELETE', `/tenants/${tenant.id}`);
    const call = callTool('tenant_limits');
    expect(await linesOf(() => tenant.post(call))).toMatchObject([{ ...EVERY_LINE, code: 'invalid_token' }]);
  });

  test('of the operator’s API, with its code', async () => {
    const id = newTenantId();
    expect(await linesOf(() => admin('GET', `/tenants/${id}`))).toMatchObject([
      {
        ...EVERY_LINE,
        event: 'admin.request',
        http_status: 404,
        code: 'not_found',
        path: `/admin/tenants/${id}`,
      },
    ]);
    const guess = { authorization: 'Bearer guess' };
    expect(await linesOf(() => admin('GET', '/tenants', undefined, guess))).toMatchObject([
      { ...EVERY_LINE, event: 'request.refused', http_status: 401, code: 'unauthorized' },
    ]);
  });
});

test('no secret, and nothing that a field omits, is in any line, whatever the outcome', async () => {
  const mark = 'MARKER';
  const tenant = await HttpTenant.create();
  const revoke = async () => {
    const { token, tokenId } = await HttpTenant.issue(tenant.id);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${tokenId}`);
    return token;
  };
  await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'cache_set', rate: 0.001, burst: 1 });
  const messages = [{ role: 'user', content: mark }];
  const calls = [
    callTool('blackboard_write', { key: 'a', value: mark }),
    callTool('blackboard_write', { key: 'a', value: { deep: [mark] }, mode: 'append' }),
    callTool('blackboard_write', { key: 'a', value: mark, mode: 'increment' }),
    callTool('blackboard_write', { key: 'a', value: mark, if_rev: 9 }),
    callTool('blackboard_write', { key: 'a', value: mark, unknown: mark }),
    callTool('blackboard_write', { key: 'a', value: `${mark}${'x'.repeat(1_048_576)}` }),
    callTool('blackboard_write', { entries: [{ key: 'a', value: mark }] }),
    callTool('cache_get', { model: 'm', messages }),
    callTool('cache_set', { model: 'm', messages, response: mark }),
    callTool('cache_set', { model: 'm', messages, response: mark }),
    callTool('cache_get', { model: 'm', prompt: mark, wait: mark }),
    callTool('tenant_limits', { token: mark }),
  ];
  const revoked = await Promise.all(calls.map(revoke));
  const lines = await linesOf(async () => {
    for (const [at, body] of calls.entries()) {
      for (const token of [tenant.token, revoked[at], undefined]) await postMcp(token, body);
      vi.setSystemTime(Date.now() + COALESCE_MS);
    }
    await tenant.post(`{"broken":"${mark}"`);
    await tenant.post({ jsonrpc: '2.0', id: 1, method: mark });
    await postMcp(`${tenant.token}x`, listTools, { cookie: mark });
    await send(`/mcp?access_token=${tenant.token}`, { method: 'POST', body: mark });
    await operate('POST', `/tenants/${tenant.id}/tokens`, { label: 'a label' });
    await admin('GET', '/tenants', undefined, { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}x` });
    await admin('POST', '/tenants', `{"id":"${mark}"}`);
  });
  expect(lines.length).toBeGreaterThan(calls.length * 3);
  const all = text().join('\n');
  const [, signingKey = ''] = TEST_SECRETS.TOKEN_KEYS.split(':');
  const signature = tenant.token.split('.')[2] ?? '';
  for (const secret of [mark, tenant.token, signature, ...revoked, TEST_SECRETS.ADMIN_KEY, signingKey]) {
    expect(secret.length).toBeGreaterThan(5);
    expect(all).not.toContain(secret);
  }
});
