import { describe, expect, test } from 'vitest';
import { callTool, HttpTenant, jsonOf, listTools, operate, send } from '../support/http.ts';

/** The tools' arguments are one thing, the JSON-RPC around them another: here is the second. */

const limits = callTool('tenant_limits');
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const withArguments = (json: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tenant_limits","arguments":${json}}}`;

describe('a body that is no request', () => {
  test.each([
    ['broken JSON', '{"jsonrpc":', -32700],
    ['an empty body', '', -32700],
    ['white space', '  \n', -32700],
    ['two documents', '{}{}', -32700],
    ['NaN', '{"jsonrpc":"2.0","id":NaN,"method":"ping"}', -32700],
    ['a text', '"ping"', -32600],
    ['a number', '42', -32600],
    ['null', 'null', -32600],
    ['an empty object', '{}', -32600],
    ['no method', '{"jsonrpc":"2.0","id":1}', -32600],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":5}', -32600],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['100,000 levels', nested(100_000), -32600],
    ['100,000 levels of arguments', withArguments(nested(100_000)), -32600],
    ['2,000,000 values', withArguments(`{"a":[${'0,'.repeat(1_999_999)}0]}`), -32600],
  ])('%s: 400', async (_name, body, code) => {
    const tenant = await HttpTenant.create();
    const refused = await tenant.post(body);
    expect(refused.status).toBe(400);
    expect((await jsonOf(refused)).error.code).toBe(code);
  });

  test('bytes that are not UTF-8: 400', async () => {
    const tenant = await HttpTenant.create();
    const body = new TextEncoder().encode(JSON.stringify(listTools).replace('tools', 'to~ls'));
    body[body.indexOf('~'.charCodeAt(0))] = 0xff;
    const headers = {
      authorization: `Bearer ${tenant.token}`,
      'content-type': 'application/json',
      accept: '*/*',
    };
    const refused = await send('/mcp', { method: 'POST', headers, body });
    expect(refused.status).toBe(400);
    expect((await jsonOf(refused)).error).toMatchObject({ code: -32700, data: { code: 'parse_error' } });
  });
});

describe('a number that JavaScript cannot hold is refused, and only such a one', () => {
  const reach = async (json: string) => {
    const tenant = await HttpTenant.create();
    return tenant.post(withArguments(`{"value":${json}}`));
  };
  test.each([
    '1e400',
    '-1e400',
    '12345678901234567890',
    '9007199254740993',
    '0.1000000000000000055',
    '1e-400',
  ])('%s: as an error of the tool, under the id of its request', async (number) => {
    const refused = await reach(`[0,{"deep":${number}}]`);
    expect(refused.status).toBe(200);
    const { id, result } = await jsonOf(refused);
    expect(id).toBe(1);
    expect(result.isError).toBe(true);
    expect(result.structuredContent.error).toMatchObject({
      code: 'invalid_input',
      field: 'value[1].deep',
      message: expect.stringContaining('as text'),
    });
  });
  test.each(['0.1', '1.0', '1e3', '9007199254740991', '-0', '"12345678901234567890"', '"\\"1e400"'])(
    '%s reaches the tool',
    async (number) => {
      const { result } = await jsonOf(await reach(number));
      expect(result.structuredContent.error.field).toBe('value');
    },
  );
});

describe('a batch', () => {
  const batch = (count: number) => [...Array(count).keys()].map((id) => ({ ...limits, id }));
  const in2025_03 = { 'mcp-protocol-version': '2025-03-26' };

  test.each([
    ['in 2025-03-26', in2025_03],
    ['without the header, which means 2025-03-26', { 'mcp-protocol-version': undefined }],
  ])('is answered %s', async (_name, headers) => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(
      [...batch(2), { ...callTool('nothing'), id: 'x' }, { jsonrpc: '2.0', method: 'notifications/none' }],
      headers,
    );
    expect(response.status).toBe(200);
    const answers: { id: unknown; result?: unknown; error?: unknown }[] = JSON.parse(await response.text());
    expect(answers.map(({ id, error }) => [id, error === undefined])).toEqual([
      [0, true],
      [1, true],
      ['x', false],
    ]);
  });

  test.each(['2025-06-18', '2025-11-25', '2026-07-28'])('is refused in %s', async (version) => {
    const tenant = await HttpTenant.create();
    const refused = await tenant.post(batch(2), { 'mcp-protocol-version': version });
    expect(refused.status).toBe(400);
    expect((await jsonOf(refused)).error).toMatchObject({ code: -32600, data: { code: 'invalid_request' } });
  });

  test.each([
    [0, 400],
    [20, 200],
    [21, 400],
  ])('of %i messages gives %i', async (count, status) => {
    const tenant = await HttpTenant.create();
    expect((await tenant.post(batch(count), in2025_03)).status).toBe(status);
  });

  test('cannot reach a tool that the token may not call', async () => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    const response = await tenant.post(
      [{ ...callTool('blackboard_write', { key: 'a', value: 1 }), id: 1 }],
      in2025_03,
    );
    const text = await response.text();
    expect(text).toContain('"forbidden"');
    expect(text).not.toContain('"created"');
  });
});

describe('JSON-RPC errors', () => {
  test.each(['nothing', 'tools/delete', 'resources/delete', 'constructor', '__proto__', 'toString', ''])(
    'unknown method "%s"',
    async (method) => {
      const tenant = await HttpTenant.create();
      expect((await jsonOf(await tenant.rpc(method))).error.code).toBe(-32601);
    },
  );

  test.each([
    'nothing',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '',
    'tenant_limits ',
    '\u0000',
  ])('unknown tool "%s"', async (name) => {
    const tenant = await HttpTenant.create();
    const response = await tenant.rpc('tools/call', { name, arguments: {} });
    expect(response.status).toBe(200);
    const { error } = await jsonOf(response);
    expect(error).toMatchObject({
      code: -32602,
      data: { trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
    expect(error.message).toContain('tools/list');
  });

  test.each([
    [{ name: 5 }],
    [{ arguments: {} }],
    [{ name: 'tenant_limits', arguments: [] }],
    [{ name: 'tenant_limits', arguments: 'x' }],
    [null],
    [[]],
  ])('tools/call with params %j', async (params) => {
    const tenant = await HttpTenant.create();
    const response = await tenant.rpc('tools/call', params);
    expect(response.status).toBeLessThan(500);
    expect((await jsonOf(response)).error.code).toBeLessThan(0);
    expect((await tenant.post(limits)).status).toBe(200);
  });

  test('an unknown revision names those there are', async () => {
    const tenant = await HttpTenant.create();
    const refused = await tenant.post(listTools, { 'mcp-protocol-version': '1999-01-01' });
    expect(refused.status).toBe(400);
    expect((await jsonOf(refused)).error.message).toContain('2025-11-25');
  });
});

describe('trace context', () => {
  const id = (digit: string) => digit.repeat(32);
  const traceparent = (digit: string) => `00-${id(digit)}-${'b'.repeat(16)}-01`;
  const traceOf = async (meta: unknown, headers: Record<string, string> = {}) => {
    const tenant = await HttpTenant.create();
    const params = { name: 'tenant_limits', arguments: { unknown: 1 }, _meta: meta };
    const { result } = await jsonOf(await tenant.rpc('tools/call', params, headers));
    return result.structuredContent.error.trace_id;
  };

  test('of _meta comes before that of the header, and both come back in errors', async () => {
    const header = { traceparent: traceparent('1') };
    expect(await traceOf({}, header)).toBe(id('1'));
    expect(await traceOf({ traceparent: traceparent('2') })).toBe(id('2'));
    expect(await traceOf({ traceparent: traceparent('2') }, header)).toBe(id('2'));
  });

  test.each([
    5,
    '',
    'garbage',
    `00-${id('0')}-${'b'.repeat(16)}-01`,
    `00-${id('A')}-${'b'.repeat(16)}-01`,
    `ff-${id('a')}-${'b'.repeat(16)}-01`,
    `00-${id('a')}-${'0'.repeat(16)}-01`,
    `00-${id('a')}-${'b'.repeat(16)}-01-more`,
  ])('%j in _meta is ignored', async (malformed) => {
    const header = { traceparent: traceparent('1') };
    expect(await traceOf({ traceparent: malformed }, header)).toBe(id('1'));
    const own = await traceOf({ traceparent: malformed });
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    expect(own).not.toBe(id('a'));
  });

  test('comes back in a refusal of the edge', async () => {
    const tenant = await HttpTenant.create();
    const headers = { traceparent: traceparent('3') };
    const refused = await tenant.post('broken', headers);
    expect((await jsonOf(refused)).error.data.trace_id).toBe(id('3'));
    const denied = await tenant.post('broken', { ...headers, authorization: 'Bearer garbage' });
    expect((await jsonOf(denied)).error.data.trace_id).toBe(id('3'));
  });

  test('of _meta comes back when the tenant refuses the call', async () => {
    const tenant = await HttpTenant.create();
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const params = { name: 'tenant_limits', _meta: { traceparent: traceparent('4') } };
    const refused = await tenant.rpc('tools/call', params);
    expect(refused.status).toBe(403);
    expect((await jsonOf(refused)).error.data.trace_id).toBe(id('4'));
  });
});
