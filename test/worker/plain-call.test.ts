import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import { catalogue } from '../../src/catalogue.ts';
import { createServer } from '../../src/mcp/server.ts';
import { HttpTenant, MCP_URL, newAddress } from '../support/http.ts';
import { openSession } from '../support/streams-worker.ts';

/**
 * A plain call is answered without a protocol server. Here the same odd requests are sent as they are, and with one more
 * member in `_meta`, which every protocol server ignores and which keeps a call off the direct path.
 */

let servers = 0;
const app = createApp({
  catalogue,
  serve: (binding) => {
    servers++;
    return createServer(binding);
  },
});

/** An environment of its own, because an isolate keeps its state, and so the servers that it makes, by it. */
const ownEnv = { ...env };

let printed: MockInstance<typeof console.log>;
beforeEach(() => {
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
  printed = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

type Json = Record<string, unknown>;
interface Odd {
  readonly message: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What differs between two sendings of the same request. */
const RANDOM =
  /\\?"(?:(?:trace_id|span_id|request_id|error_id|parent_span_id)\\?":\\?"[0-9a-f]+\\?"|age_s\\?":\d+)/g;

const blanked = (found: string) => (found.startsWith('\\') ? '\\"random\\":0' : '"random":0');

async function send(tenant: HttpTenant, { message, headers = {} }: Odd) {
  printed.mockClear();
  const before = servers;
  // Repeats of a refusal within a second would only be counted.
  vi.setSystemTime(Date.now() + 1000);
  const request = new Request(MCP_URL, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tenant.token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'cf-connecting-ip': newAddress(),
      ...headers,
    },
    body: JSON.stringify(message),
  });
  const response = await app.fetch(request, ownEnv, createExecutionContext());
  const text = await response.text();
  const lines = printed.mock.calls.map(([line]) => String(line).replace(/^\{"ts":"[^"]+",/, '{'));
  return {
    direct: servers === before,
    status: response.status,
    type: response.headers.get('content-type'),
    authenticate: response.headers.get('www-authenticate'),
    // The order of members does not matter.
    body: JSON.parse(text.replaceAll(RANDOM, blanked)),
    lines: lines.map((line) => JSON.parse(line.replaceAll(RANDOM, blanked).replace(/"args":\{[^}]*\},/, ''))),
  };
}

/** The same request off the direct path; undefined when its `_meta` cannot take a member. */
function offPath(odd: Odd): Odd | undefined {
  const { params } = odd.message;
  if (typeof params !== 'object' || params === null || Array.isArray(params)) return undefined;
  const { _meta = {} } = params as { _meta?: unknown };
  if (typeof _meta !== 'object' || _meta === null || Array.isArray(_meta)) return undefined;
  return { ...odd, message: { ...odd.message, params: { ...params, _meta: { ..._meta, 'test/off': 1 } } } };
}

const IDS = [1, 0, -1, 7.5, 'a', '', '1', 'é\u2028"\\', 'x'.repeat(256), 9007199254740991];
const ARGUMENTS: readonly unknown[] = [
  {},
  { key: 'a' },
  { key: 'a', max_bytes: 10 },
  { key: '日本' },
  { key: 'a', wait_s: 0 },
  { kye: 'a' },
  { key: 7 },
  { key: 'a', path: '/x/y' },
  { keys: ['a', 'b', 'missing'] },
  JSON.parse('{"__proto__":{"key":"a"}}'),
  JSON.parse('{"key":"a","constructor":1}'),
  undefined,
  null,
  [],
  'text',
];
const TRACE = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
const METAS: readonly unknown[] = [
  undefined,
  {},
  { traceparent: TRACE },
  { traceparent: 'nonsense' },
  { traceparent: 5 },
  { progressToken: 1 },
  { progressToken: 'p' },
  { progressToken: {} },
  { other: { deep: [1] } },
  { 'io.modelcontextprotocol/related-task': { taskId: 't' } },
  null,
  'text',
];
const NAMES = [
  'blackboard_read',
  'tenant_limits',
  'cache_stats',
  'nope',
  '',
  'BLACKBOARD_READ',
  'resources_list',
  7,
];
const MEMBERS: readonly Json[] = [{}, { extra: 1 }, { jsonrpc: '1.0' }, { result: {} }];
const PARAMS: readonly Json[] = [{}, { task: { ttl: 1 } }, { extra: 1 }];

const call = (more: {
  id?: unknown;
  name?: unknown;
  args?: unknown;
  meta?: unknown;
  params?: Json;
  members?: Json;
}) => ({
  jsonrpc: '2.0',
  id: 'id' in more ? more.id : 1,
  method: 'tools/call',
  params: {
    name: 'name' in more ? more.name : 'blackboard_read',
    arguments: 'args' in more ? more.args : { key: 'a' },
    ...(more.meta === undefined ? {} : { _meta: more.meta }),
    ...more.params,
  },
  ...more.members,
});

function messages(meta: (meta: unknown) => unknown): Json[] {
  return [
    ...IDS.flatMap((id) => NAMES.map((name) => call({ id, name, meta: meta(undefined) }))),
    ...ARGUMENTS.flatMap((args) => METAS.map((odd) => call({ args, meta: meta(odd) }))),
    ...MEMBERS.flatMap((members) => PARAMS.map((params) => call({ members, params, meta: meta(undefined) }))),
  ];
}

const VERSIONS = [undefined, '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '1999-01-01'];

const REVISION = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'odd', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const META_2026: readonly Json[] = [
  REVISION,
  { ...REVISION, 'io.modelcontextprotocol/clientInfo': { name: 'odd', version: '1', title: 'Odd' } },
  { ...REVISION, 'io.modelcontextprotocol/clientInfo': { name: 'odd' } },
  { ...REVISION, 'io.modelcontextprotocol/clientInfo': { name: 5, version: '1' } },
  { ...REVISION, 'io.modelcontextprotocol/clientInfo': { name: 'odd', version: '1', icons: [] } },
  { ...REVISION, 'io.modelcontextprotocol/clientCapabilities': { sampling: {}, roots: {}, elicitation: {} } },
  { ...REVISION, 'io.modelcontextprotocol/clientCapabilities': { sampling: 1 } },
  { ...REVISION, 'io.modelcontextprotocol/clientCapabilities': [] },
  { ...REVISION, 'io.modelcontextprotocol/protocolVersion': '2027-01-01' },
  { ...REVISION, traceparent: TRACE },
  { ...REVISION, progressToken: 1 },
  { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
];
const headers2026 = (name = 'blackboard_read', more: Record<string, string> = {}) => ({
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': name,
  ...more,
});
const HEADERS_2026: readonly Record<string, string>[] = [
  headers2026(),
  headers2026('other'),
  headers2026('=?base64?YmxhY2tib2FyZF9yZWFk?='),
  headers2026('blackboard_read', { 'mcp-method': 'tools/list' }),
  headers2026('blackboard_read', { 'mcp-protocol-version': '2025-11-25' }),
  headers2026('blackboard_read', { 'mcp-param-key': 'a' }),
  { 'mcp-protocol-version': '2026-07-28' },
  {},
];

async function filled(): Promise<HttpTenant> {
  const tenant = await HttpTenant.create();
  for (const key of ['a', 'b', '日本']) {
    const write = { name: 'blackboard_write', arguments: { key, value: { x: { y: `${key}\u2028"` } } } };
    await (await tenant.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: write })).text();
  }
  return tenant;
}

/** The same value with the members of all objects in order, so that texts can be compared. */
function sorted<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sorted) as T;
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)])) as T;
}

/** Sends each both ways. @returns how many took the direct path */
async function compare(
  tenant: HttpTenant,
  odds: readonly Odd[],
): Promise<{ compared: number; direct: number }> {
  const counts = { compared: 0, direct: 0 };
  for (const odd of odds) {
    const other = offPath(odd);
    const { direct, ...answer } = await send(tenant, odd);
    if (other === undefined) {
      expect(direct && answer.status === 200).toBe(false);
      continue;
    }
    const { direct: alsoDirect, ...expected } = await send(tenant, other);
    expect(JSON.stringify({ odd, ...sorted(answer) }, null, 1)).toBe(
      JSON.stringify({ odd, ...sorted(expected) }, null, 1),
    );
    // A refusal of the tenant's becomes a status before or after a server is made.
    if (answer.status === 200) expect(alsoDirect).toBe(false);
    counts.compared++;
    if (direct && answer.status === 200) counts.direct++;
  }
  return counts;
}

test('the 2025 revisions, without a session and in one', async () => {
  const tenant = await filled();
  const session = { 'mcp-session-id': await openSession(tenant) };
  const odds: Odd[] = [
    ...messages((meta) => meta).map((message) => ({ message })),
    ...METAS.map((meta) => ({ message: call({ meta }), headers: session })),
    ...IDS.map((id) => ({ message: call({ id }), headers: session })),
    ...VERSIONS.map((version) => ({
      message: call({}),
      headers: version === undefined ? {} : { 'mcp-protocol-version': version },
    })),
    { message: call({}), headers: { 'mcp-session-id': 'unknown' } },
    { message: call({}), headers: { traceparent: TRACE } },
  ];
  const { compared, direct } = await compare(tenant, odds);
  expect(compared).toBeGreaterThan(250);
  expect(direct).toBeGreaterThan(80);
});

test('the 2026-07-28 revision', async () => {
  const tenant = await filled();
  const odds: Odd[] = [
    ...messages((meta) =>
      typeof meta === 'object' && meta !== null ? { ...REVISION, ...meta } : (meta ?? REVISION),
    ).map((message) => ({
      message,
      headers: headers2026(String((message.params as Json).name)),
    })),
    ...META_2026.flatMap((meta) => HEADERS_2026.map((headers) => ({ message: call({ meta }), headers }))),
  ];
  const { compared, direct } = await compare(tenant, odds);
  expect(compared).toBeGreaterThan(250);
  expect(direct).toBeGreaterThan(80);
});

test('tokens that lack a scope, are revoked or whose tenant is suspended', async () => {
  const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
  const { compared } = await compare(tenant, [
    { message: call({}) },
    { message: call({ meta: REVISION }), headers: headers2026() },
    { message: call({ name: 'cache_stats', args: {} }) },
  ]);
  expect(compared).toBe(3);
});
