import { execFile } from 'node:child_process';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS } from '../support/clients.ts';
import { TemporaryDirectory } from '../support/local.ts';
import { commandOf } from '../support/local-process.ts';
import { OtlpCollector, type ReceivedSpan } from '../support/otlp-collector.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRANSPORT = 'b7ad6b7169203331';
const SERVER = 2;

let collector: OtlpCollector;
let server: TestServer;
let token: string;

beforeAll(async () => {
  collector = await OtlpCollector.start();
  server = await startServer({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=of-the-collector',
    OTEL_SERVICE_NAME: 'agents',
  });
  token = await new Operator(server).tenant('traced', { tool: 'blackboard_list', rate: 0.001, burst: 2 });
});

afterAll(async () => {
  await server.stop();
  await collector.stop();
});

const named = (name: string, trace?: string) => (spans: readonly ReceivedSpan[]) =>
  spans.find((span) => span.name === name && (trace === undefined || span.traceId === trace));

/** A request of the 2025-11-25 revision without a session. */
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(body),
  });

const callMessage = (name: string, args: unknown, _meta?: unknown) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name, arguments: args, ...(_meta === undefined ? {} : { _meta }) },
});

describe.each(CLIENTS)('%s', (_, version, connect) => {
  test('a call has a span under the conventions for MCP', async () => {
    const client = await connect(server.url, token);
    await client.call('blackboard_write', { key: `of ${version}`, value: 1 });
    await client.listTools();
    await client.close();
    const span = await collector.until((spans) =>
      spans.find(
        ({ name, attributes }) =>
          name === 'tools/call blackboard_write' && attributes['mcp.protocol.version'] === version,
      ),
    );
    expect(span).toMatchObject({
      kind: SERVER,
      status: {},
      attributes: {
        'mcp.method.name': 'tools/call',
        'gen_ai.tool.name': 'blackboard_write',
        'gen_ai.operation.name': 'execute_tool',
        'network.transport': 'tcp',
        'bulkhead.tenant.id': 'traced',
        'bulkhead.status': 'created',
      },
    });
    await collector.until(named('tools/list'));
    expect(collector.resource).toMatchObject({ 'service.name': 'agents' });
    expect(collector.headers.at(-1)).toMatchObject({ 'x-collector-key': 'of-the-collector' });
  });
});

test('the trace of a message is continued, that of its transport is linked, and tracestate is kept', async () => {
  const meta = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=opaque' };
  const transport = { traceparent: `00-${'c'.repeat(32)}-${TRANSPORT}-01` };
  await post('/mcp', callMessage('tenant_limits', {}, meta), transport);
  expect(await collector.until(named('tools/call tenant_limits', TRACE))).toMatchObject({
    parentSpanId: PARENT,
    traceState: 'vendor=opaque',
    links: [{ traceId: 'c'.repeat(32), spanId: TRANSPORT }],
  });
});

test('plain HTTP continues the trace of its header', async () => {
  const trace = 'd'.repeat(32);
  await post('/v1/tools/blackboard_read', { key: 'none' }, { traceparent: `00-${trace}-${PARENT}-01` });
  expect(await collector.until(named('POST /v1/tools/:name', trace))).toMatchObject({
    kind: SERVER,
    parentSpanId: PARENT,
    attributes: { 'http.response.status_code': '200', 'bulkhead.tenant.id': 'traced' },
  });
});

test('the tenant has a span below that of the request, with the revision that it made', async () => {
  const trace = 'e'.repeat(32);
  const meta = { traceparent: `00-${trace}-${PARENT}-01` };
  await post('/mcp', callMessage('blackboard_write', { key: 'rev', value: 'not to be told' }, meta));
  const request = await collector.until(named('tools/call blackboard_write', trace));
  const tenant = await collector.until(named('tenant blackboard_write', trace));
  expect(tenant.parentSpanId).toBe(request.spanId);
  expect(tenant.attributes).toMatchObject({
    'bulkhead.tenant.id': 'traced',
    'bulkhead.request.id': request.attributes['bulkhead.request.id'],
    'bulkhead.wait_ms': '0',
  });
  const [from, to] = ['from', 'to'].map((end) => Number(tenant.attributes[`bulkhead.rev.${end}`]));
  expect((to ?? 0) - (from ?? 0)).toBe(1);
  await post(
    '/v1/tools/blackboard_read',
    { key: 'none' },
    { traceparent: `00-${'a'.repeat(32)}-${PARENT}-01` },
  );
  const read = await collector.until(named('tenant blackboard_read', 'a'.repeat(32)));
  const served = await collector.until(named('POST /v1/tools/:name', 'a'.repeat(32)));
  expect(read.parentSpanId).toBe(served.spanId);
});

test('a refused call is an error with its code and the time to wait', async () => {
  for (let call = 0; call < 4; call++) await post('/mcp', callMessage('blackboard_list', {}));
  const span = await collector.until((spans) =>
    spans.find(({ attributes }) => attributes['error.type'] === 'rate_limited'),
  );
  expect(span).toMatchObject({ name: 'tools/call blackboard_list', status: { code: 2 } });
  expect(Number(span.attributes['bulkhead.retry_after_ms'])).toBeGreaterThan(0);
});

test.each([
  ['no tool of that name', callMessage('blackboard_drop', {}), 'tools/call unknown', '-32602'],
  ['wrong arguments', callMessage('blackboard_write', {}), 'tools/call blackboard_write', 'invalid_input'],
])('%s is an error', async (_case, message, name, errorType) => {
  await post('/mcp', message);
  const span = await collector.until((spans) =>
    spans.find((candidate) => candidate.name === name && candidate.attributes['error.type'] === errorType),
  );
  expect(span.status).toEqual({ code: 2 });
});

test('a request without a credential has a span of its response', async () => {
  await post('/mcp', callMessage('tenant_limits', {}), { authorization: 'Bearer none' });
  expect(await collector.until(named('POST /mcp'))).toMatchObject({
    status: { code: 2 },
    attributes: { 'http.response.status_code': '401', 'http.route': '/mcp' },
  });
});

test('what the operator does has a span of its route', async () => {
  await new Operator(server).request('PATCH', '/tenants/traced/limits', { rate: 40 });
  expect(await collector.until(named('PATCH /admin/tenants/:id/limits'))).toMatchObject({
    attributes: { 'http.response.status_code': '200' },
  });
});

test('health, metadata and documents have no span, and credentials, keys and values are in none', async () => {
  const secret = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';
  for (const path of ['/health', '/.well-known/oauth-protected-resource/mcp', '/', '/openapi.json'])
    await (await fetch(`${server.url}${path}`)).text();
  const uri = `blackboard://default/${secret}`;
  await post('/mcp', { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri } });
  await post('/mcp', callMessage('blackboard_write', { key: `private ${secret}`, value: 'private value' }));
  await post('/mcp', callMessage('tenant_limits', {}), { traceparent: `00-${'e'.repeat(32)}-${PARENT}-01` });
  await collector.until(named('tools/call tenant_limits', 'e'.repeat(32)));
  expect(collector.spans.filter(({ name }) => /health|well-known|openapi|^GET$/.test(name))).toEqual([]);
  const received = collector.bodies.join('\n');
  expect(received).toContain('resources/read');
  for (const text of [secret, 'private value', token, server.adminKey, 'eyJ'])
    expect(received).not.toContain(text);
});

test('a collector that fails changes no answer, and its spans arrive when it is back', async () => {
  const traceOf = (index: number) => String(index).repeat(32);
  // Spans leave with a request, after the rest that a failure gives the collector.
  const knock = setInterval(() => void post('/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' }), 250);
  const limited = { status: 429, headers: { 'retry-after': '1' } };
  try {
    for (const [index, mode] of (['resetting', { status: 503 }, limited] as const).entries()) {
      collector.mode = mode;
      const traceparent = `00-${traceOf(index + 1)}-${PARENT}-01`;
      const answer = await post('/mcp', callMessage('tenant_limits', {}), { traceparent });
      expect(answer.status).toBe(200);
      await collector.untilPosted(collector.posts + 1);
    }
    collector.mode = 'ok';
    // wrangler answers for a connection that was reset with a status that forbids to repeat the export.
    for (const index of [2, 3]) await collector.until(named('tools/call tenant_limits', traceOf(index)));
  } finally {
    clearInterval(knock);
  }
});

describe('the local server', () => {
  const directory = new TemporaryDirectory();
  afterAll(() => directory.remove());

  test('exports as well, and what is left when it ends', async () => {
    const client = new Client({ name: 'local-client', version: '1.0.0' });
    await client.connect(
      new StdioClientTransport({
        ...commandOf(directory.path),
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, PATH: process.env.PATH ?? '' },
      }),
    );
    await client.callTool({ name: 'blackboard_delete', arguments: { keys: ['none'] } });
    await client.close();
    expect(await collector.until(named('tools/call blackboard_delete'))).toMatchObject({
      attributes: { 'network.transport': 'pipe', 'bulkhead.client.name': 'local-client' },
    });
  });

  test('refuses an endpoint that is none by its name', async () => {
    const { command, args } = commandOf(directory.path);
    const ended = await new Promise<string>((resolve) => {
      const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: 'otel.test' };
      execFile(command, args, { env }, (_error, _stdout, stderr) => resolve(stderr));
    });
    expect(ended).toMatch(/OTEL_EXPORTER_OTLP_ENDPOINT must be the address/);
    expect(ended.trim().split('\n')).toHaveLength(1);
  });
});
