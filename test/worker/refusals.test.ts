import { beforeEach, describe, expect, test, vi } from 'vitest';
import { callTool, HttpTenant, jsonOf, listTools, postMcp, send } from '../support/http.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import type { Answer } from '../support/tenant.ts';

/** One refusal, one line, whoever refuses: the edge, the tenant, or the protocol's library in either of its layers. */

type Lines = readonly Record<string, unknown>[];

let printed: ReturnType<typeof spy>;
const spy = () => vi.spyOn(console, 'log').mockImplementation(() => {});
beforeEach(() => {
  printed = spy();
  return () => printed.mockRestore();
});

const rpc = (method: string, params: unknown = {}) => ({ jsonrpc: '2.0', id: 7, method, params });

/** A message of the 2026 revision, with the headers that it needs. */
function modern(tenant: HttpTenant, method: string, params: object = {}): Promise<Response> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method };
  return tenant.post(rpc(method, { ...params, _meta }), headers);
}

const STREAM = { accept: 'text/event-stream, application/json;q=0.1' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const REFUSED: readonly {
  readonly name: string;
  readonly status: number;
  readonly code: string;
  /** The id of the answer, where it is one of JSON-RPC; `none` where the id of the request was not read. */
  readonly id?: number | 'none';
  readonly ask: (tenant: HttpTenant) => Promise<Response>;
}[] = [
  { name: 'an unknown method', status: 200, code: 'protocol', id: 7, ask: (t) => t.post(rpc('no/such')) },
  {
    name: 'an unknown method of 2026',
    status: 404,
    code: 'protocol',
    id: 7,
    ask: (t) => modern(t, 'no/such'),
  },
  {
    name: 'an unknown method, answered in a stream',
    status: 200,
    code: 'protocol',
    id: 7,
    ask: (t) => t.post(rpc('no/such'), STREAM),
  },
  {
    name: 'a malformed call, answered in a stream',
    status: 200,
    code: 'protocol',
    id: 7,
    ask: (t) => t.post(rpc('tools/call', { name: 5 }), STREAM),
  },
  {
    name: 'wrong parameters of initialize',
    status: 200,
    code: 'protocol',
    id: 7,
    ask: (t) => t.post(rpc('initialize', { protocolVersion: 1 })),
  },
  {
    name: 'a cursor of a list of one page',
    status: 200,
    code: 'protocol',
    id: 7,
    ask: (t) => t.post(rpc('tools/list', { cursor: 'x' })),
  },
  {
    name: 'a revision that there is not',
    status: 400,
    code: 'protocol',
    id: 7,
    ask: (t) => t.post(rpc('ping'), { 'mcp-protocol-version': '1' }),
  },
  {
    name: 'listening to nothing that can be',
    status: 200,
    code: 'protocol',
    id: 7,
    ask: (t) => modern(t, 'subscriptions/listen', { notifications: '%' }),
  },
  {
    name: 'listening with a method that the headers deny',
    status: 400,
    code: 'protocol',
    id: 7,
    ask: (t) =>
      t.post(rpc('subscriptions/listen', { notifications: { resourcesListChanged: true } }), {
        'mcp-protocol-version': '2026-07-28',
      }),
  },
  {
    name: 'a session that there is not',
    status: 404,
    code: 'unknown_session',
    id: 7,
    ask: (t) => t.post(rpc('ping'), { 'mcp-session-id': 'x' }),
  },
  {
    name: 'a bad token',
    status: 401,
    code: 'invalid_token',
    id: 'none',
    ask: () => postMcp('garbage', rpc('ping')),
  },
  {
    name: 'a body that is no JSON',
    status: 400,
    code: 'parse_error',
    id: 'none',
    ask: (t) => t.post('{"id":7'),
  },
  {
    name: 'a body that is too large',
    status: 413,
    code: 'too_large',
    id: 7,
    ask: (t) => t.post(rpc('ping', { padding: 'x'.repeat(4_200_000) })),
  },
  {
    name: 'a body that is nested too deep',
    status: 400,
    code: 'invalid_request',
    id: 7,
    ask: (t) => t.post(rpc('ping', JSON.parse(`${'['.repeat(80)}${']'.repeat(80)}`))),
  },
  {
    name: 'a batch of a revision that has none',
    status: 400,
    code: 'invalid_request',
    id: 'none',
    ask: (t) => t.post([rpc('ping')]),
  },
  {
    name: 'an id of 64 bits, which would be rounded',
    status: 400,
    code: 'invalid_request',
    id: 'none',
    ask: (t) => t.post('{"jsonrpc":"2.0","id":9223372036854775807,"method":"ping"}'),
  },
  {
    name: 'an inexact number outside of arguments',
    status: 400,
    code: 'invalid_request',
    id: 7,
    ask: (t) => t.post('{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":9223372036854775807}}'),
  },
  {
    name: 'another method of /sse',
    status: 405,
    code: 'method_not_allowed',
    id: 'none',
    ask: (t) => send('/sse', { method: 'PUT', headers: bearer(t.token) }),
  },
  {
    name: 'a message for no stream',
    status: 404,
    code: 'unknown_session',
    id: 7,
    ask: (t) =>
      send('/messages?sessionId=x', {
        method: 'POST',
        headers: { ...bearer(t.token), 'content-type': 'application/json' },
        body: JSON.stringify(rpc('ping')),
      }),
  },
  { name: 'an unknown path', status: 404, code: 'not_found', ask: () => send('/nothing') },
  {
    name: 'another method of plain HTTP',
    status: 405,
    code: 'method_not_allowed',
    ask: (t) => send('/v1/tools', { method: 'DELETE', headers: bearer(t.token) }),
  },
  {
    name: "an unknown path of the operator's",
    status: 404,
    code: 'not_found',
    ask: () => send('/admin/nothing', { headers: bearer(TEST_SECRETS.ADMIN_KEY) }),
  },
];

const messageOf = (text: string): Answer =>
  JSON.parse(text.startsWith('event:') ? (/^data: (.*)$/m.exec(text)?.[1] ?? '') : text);

describe('a refused request has one line, whose trace id and status are those of the answer', () => {
  test.each(REFUSED)('$name: $status $code', async ({ status, code, id, ask }) => {
    const tenant = await HttpTenant.create();
    printed.mockClear();
    const response = await ask(tenant);
    const body = messageOf(await response.text());
    const lines: Lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(response.status).toBe(status);
    if (id === 'none') expect(body).not.toHaveProperty('id');
    else if (id !== undefined) expect(body.id).toBe(id);
    const trace_id = id === undefined ? body.trace_id : body.error.data.trace_id;
    expect(trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        trace_id,
        code,
        http_status: status,
        request_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      }),
    ]);
  });
});

test('wrong parameters are the fault of the client, in words', async () => {
  const tenant = await HttpTenant.create();
  const { error } = await jsonOf(await tenant.post(rpc('initialize', { protocolVersion: 1 })));
  expect(error).toMatchObject({
    code: -32602,
    message: 'params.protocolVersion must be a text.',
  });
});

test('initialize without an id is a notification, which has no answer', async () => {
  const tenant = await HttpTenant.create();
  const { id: _, ...notification } = rpc('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  });
  const response = await tenant.post(notification);
  expect([response.status, await response.text()]).toEqual([202, '']);
});

test('a call that is answered has one line, and so has a resource that is not there', async () => {
  const tenant = await HttpTenant.create();
  for (const ask of [
    () => tenant.post(callTool('tenant_limits')),
    () => tenant.post(rpc('resources/read', { uri: 'blackboard://default/none' })),
  ]) {
    printed.mockClear();
    await (await ask()).body?.cancel();
    expect(printed).toHaveBeenCalledTimes(1);
  }
  printed.mockClear();
  await (await tenant.post(listTools)).body?.cancel();
  expect(printed).not.toHaveBeenCalled();
});

test('a request that its own batch cancels does not hold the answers to the others', async () => {
  const tenant = await HttpTenant.create();
  const batch = [
    { ...rpc('tools/list'), id: 1 },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
    { ...rpc('ping'), id: 2 },
  ];
  const response = await tenant.post(batch, { 'mcp-protocol-version': '2025-03-26' });
  const answers = [await jsonOf(response)].flat();
  expect(answers.map(({ id }) => id)).toContain(2);
});
