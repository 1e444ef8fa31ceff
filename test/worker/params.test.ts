import { describe, expect, test } from 'vitest';
import { HttpTenant, jsonOf } from '../support/http.ts';

/** What is told to a client whose request lacks the parameters of its method: never the report of a validator. */

const MODERN = '2026-07-28';
const meta = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const client = { name: 'test', version: '1' };
const BAD: readonly [method: string, params: object, field: string][] = [
  ['initialize', {}, 'params.protocolVersion'],
  ['initialize', { protocolVersion: 5, capabilities: {}, clientInfo: client }, 'params.protocolVersion'],
  ['initialize', { protocolVersion: '2025-11-25', clientInfo: client }, 'params.capabilities'],
  ['initialize', { protocolVersion: '2025-11-25', capabilities: {} }, 'params.clientInfo'],
  [
    'initialize',
    { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x' } },
    'params.clientInfo.version',
  ],
  ['tools/call', {}, 'params.name'],
  ['tools/call', { name: 5 }, 'params.name'],
  ['tools/call', { name: 'tenant_limits', arguments: 'x' }, 'params.arguments'],
  ['tools/list', { cursor: 5 }, 'params.cursor'],
  ['resources/list', { cursor: {} }, 'params.cursor'],
  ['resources/read', {}, 'params.uri'],
  ['resources/read', { uri: 7 }, 'params.uri'],
];
const ONLY_2025: typeof BAD = [
  ['resources/subscribe', {}, 'params.uri'],
  ['resources/unsubscribe', { uri: null }, 'params.uri'],
];
const SENTENCE = /^[A-Za-z][^\n"[\]{}]*\.$/;

describe('2025-11-25', () => {
  test.each([...BAD, ...ONLY_2025])('%s with %j', async (method, params, field) => {
    const tenant = await HttpTenant.create();
    const { error, id } = await jsonOf(await tenant.rpc(method, params));
    expect(id).toBe(1);
    expect(error).toMatchObject({ code: -32602, message: expect.stringMatching(SENTENCE) });
    expect(error.data).toMatchObject({ code: 'invalid_input', field });
    expect(error.message).toContain(field);
  });

  test.each([['x'], [[1]]])('params that are %j', async (params) => {
    const tenant = await HttpTenant.create();
    const { error } = await jsonOf(await tenant.rpc('resources/read', params));
    expect(error.message).not.toMatch(/expected|received|\n/);
  });

  test('a cursor of a list that has one page', async () => {
    const tenant = await HttpTenant.create();
    for (const method of ['tools/list', 'resources/templates/list']) {
      const { error } = await jsonOf(await tenant.rpc(method, { cursor: 'x' }));
      expect(error).toMatchObject({ code: -32602, data: { field: 'params.cursor', expected: 'absent' } });
      expect(error.message).toMatch(SENTENCE);
    }
  });
});

describe(MODERN, () => {
  const post = (tenant: HttpTenant, method: string, params: object, name?: unknown) =>
    tenant.rpc(method, params, {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    });

  test.each(BAD.filter(([method]) => method !== 'initialize'))(
    '%s with %j',
    async (method, params, field) => {
      const tenant = await HttpTenant.create();
      const name = Reflect.get(params, 'name') ?? Reflect.get(params, 'uri');
      const { error } = await jsonOf(await post(tenant, method, { ...params, _meta: meta }, name));
      expect(error.message).toMatch(SENTENCE);
      // Where the headers must repeat a parameter that is wrong, they are refused first.
      if (error.code === -32602) expect(error.data).toMatchObject({ code: 'invalid_input', field });
    },
  );

  test.each([
    [{ ...meta, 'io.modelcontextprotocol/clientInfo': { name: 5 } }],
    [{ ...meta, 'io.modelcontextprotocol/clientCapabilities': 'none' }],
    [{ ...meta, 'io.modelcontextprotocol/clientCapabilities': undefined }],
  ])('an envelope of another form: %j', async (_meta) => {
    const tenant = await HttpTenant.create();
    const { error } = await jsonOf(await post(tenant, 'tools/list', { _meta }));
    expect(error.code).toBe(-32602);
    expect(error.message).not.toMatch(/Invalid|expected|received/);
    expect(error.data.field).toContain('params._meta');
  });
});
