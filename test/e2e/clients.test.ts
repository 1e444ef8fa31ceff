import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_RESERVATIONS_PER_TOKEN } from '../../src/tenant/calls/reservations.ts';
import { type CallResult, CLIENTS, type Connect, type TestClient } from '../support/clients.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let operator: Operator;
const open: TestClient[] = [];
beforeAll(async () => {
  server = await startServer();
  operator = new Operator(server);
});
afterAll(async () => {
  await Promise.all(open.map((client) => client.close()));
  await server?.stop();
});

let tenants = 0;
const newId = () => `client-${++tenants}`;

async function connected(connect: Connect, token: string): Promise<TestClient> {
  const client = await connect(server.url, token);
  open.push(client);
  return client;
}

/** No page of resources is larger than 200. */
const MORE_THAN_A_PAGE = 220;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface CallError {
  code: string;
  message: string;
  trace_id: string;
  field?: string;
  retry_after_ms: number;
}

function errorOf(result: CallResult): CallError {
  expect(result.isError).toBe(true);
  const error = result.structuredContent?.error as CallError;
  expect(result.content).toEqual([{ type: 'text', text: error.message }]);
  return error;
}

describe.each(CLIENTS)('%s (%s)', (_name, version, connect) => {
  test('connects, lists, calls and reads what it wrote', async () => {
    const client = await connected(connect, await operator.tenant(newId()));
    expect(client.protocolVersion).toBe(version);
    const tools = await client.listTools();
    expect(tools.map((tool) => tool.name)).toContain('blackboard_write');
    for (const tool of tools) expect(tool.outputSchema).toBeDefined();
    // A client that has listed the tools checks every answer against its output schema.
    const written = await client.call('blackboard_write', { key: 'plan', value: { step: 1 }, by: 'planner' });
    expect(written.structuredContent).toMatchObject({ status: 'created', key: 'plan' });
    expect(JSON.parse(written.content[0]?.text ?? '')).toEqual(written.structuredContent);
    const read = await client.call('blackboard_read', { agent: 'nobody', key: 'plan' });
    expect(read.structuredContent).toMatchObject({ entries: [{ found: false }] });
    const found = await client.call('blackboard_read', { key: 'plan' });
    expect(found.structuredContent).toMatchObject({ entries: [{ found: true, value: { step: 1 } }] });
    await client.call('tenant_limits');
  });

  test('is told of an error by a result that its own check of the schema lets through', async () => {
    const client = await connected(connect, await operator.tenant(newId()));
    await client.listTools();
    const error = errorOf(await client.call('blackboard_write', { key: 'a', value: 1, ttl: 5 }));
    expect(error).toMatchObject({ code: 'invalid_input', field: 'ttl' });
    expect(error.message).toContain('ttl_s');
    expect(error.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect((await client.call('tenant_limits')).isError).toBeFalsy();
  });

  test('gets a JSON-RPC error for a tool that there is not, and goes on', async () => {
    const client = await connected(connect, await operator.tenant(newId()));
    await expect(client.call('no_such_tool')).rejects.toMatchObject({ code: -32602 });
    expect((await client.call('tenant_limits')).isError).toBeFalsy();
  });

  test('meets the rate limit, waits as long as it is told, and succeeds', async () => {
    // Slow enough that calls one after the other are refused on a loaded machine too.
    const limit = { tool: 'blackboard_write', rate: 1, burst: 2 };
    const client = await connected(connect, await operator.tenant(newId(), limit));
    await client.listTools();
    const write = () => client.call('blackboard_write', { key: 'a', value: 1 });
    let refused = await write();
    for (let i = 0; i < 50 && !refused.isError; i++) refused = await write();
    const { code, retry_after_ms } = errorOf(refused);
    expect(code).toBe('rate_limited');
    expect(retry_after_ms).toBeGreaterThan(0);
    expect(retry_after_ms).toBeLessThanOrEqual(1000);
    await wait(retry_after_ms);
    expect((await write()).isError).toBeFalsy();
  });

  test('lists every cell as a resource, of every page, and reads it', async () => {
    const client = await connected(connect, await operator.tenant(newId()));
    const keys = [...Array(MORE_THAN_A_PAGE).keys()].map((n) => `part ${String(n).padStart(3, '0')}/ä`);
    for (let at = 0; at < keys.length; at += 20) {
      const entries = keys.slice(at, at + 20).map((key) => ({ key, value: { key } }));
      await client.call('blackboard_write', { run_id: 'run 1', entries });
    }
    const uris = await client.listResources();
    expect(new Set(uris).size).toBe(keys.length);
    expect(uris).toHaveLength(keys.length);
    const [first = ''] = uris;
    expect(first).toBe('blackboard://run%201/part%20000/%C3%A4');
    expect(await client.readResource(first)).toEqual([JSON.stringify({ key: keys[0] })]);
    expect(await client.listTemplates()).toEqual(['blackboard://{run_id}/{key}']);
    for (const uri of ['blackboard://default/none', 'file:///etc/passwd']) {
      await expect(client.readResource(uri)).rejects.toMatchObject({ code: -32602, data: { uri } });
    }
    await expect(client.listResources('not-a-cursor')).rejects.toMatchObject({ code: -32602 });
  });

  test('is refused at once with a token that is not good', async () => {
    await expect(connect(server.url, 'not-a-token')).rejects.toThrow();
  });

  test('is refused the next call when its token was revoked', async () => {
    const id = newId();
    const client = await connected(connect, await operator.tenant(id));
    await client.call('tenant_limits');
    const { tokens } = await operator.request('GET', `/tenants/${id}/tokens`);
    const [token] = tokens as { token_id: string }[];
    await operator.request('DELETE', `/tenants/${id}/tokens/${token?.token_id}`);
    await expect(client.call('tenant_limits')).rejects.toThrow();
  });
});

test('clients of every revision share a tenant, and none sees another tenant', async () => {
  const [here, there] = [await operator.tenant(newId()), await operator.tenant(newId())];
  for (const [name, , connect] of CLIENTS) {
    const client = await connected(connect, here);
    await client.call('blackboard_write', { key: `by/${name}`, value: name });
  }
  for (const [, , connect] of CLIENTS) {
    const list = async (token: string) => {
      const client = await connected(connect, token);
      const { structuredContent } = await client.call('blackboard_list', { run_id: 'default' });
      return structuredContent?.total;
    };
    expect([await list(here), await list(there)]).toEqual([CLIENTS.length, 0]);
  }
});

test('of a runaway loop of 400 calls a bounded number gets through, and each refusal says when to come back', async () => {
  const [rate, burst, calls] = [20, 30, 400];
  const token = await operator.tenant(newId(), { tool: '*', rate, burst });
  const client = await connected(CLIENTS[2]?.[2] as Connect, token);
  const results: CallResult[] = [];
  const start = performance.now();
  const worker = async () => {
    while (results.length < calls)
      results.push(await client.call('blackboard_write', { key: 'loop', value: results.length }));
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  const seconds = (performance.now() - start) / 1000;
  const passed = results.filter((result) => !result.isError).length;
  expect(passed).toBeGreaterThanOrEqual(burst);
  expect(passed).toBeLessThanOrEqual(burst + Math.ceil(rate * seconds));
  const refused = results.filter((result) => result.isError).map(errorOf);
  expect(refused.length).toBe(results.length - passed);
  // Each call that is told to wait has a turn of its own, after those that were promised to the token before.
  const longestMs = ((MAX_RESERVATIONS_PER_TOKEN + 1) * 1000) / rate;
  for (const { code, retry_after_ms } of refused) {
    expect(code).toBe('rate_limited');
    expect(retry_after_ms).toBeGreaterThan(0);
    expect(retry_after_ms).toBeLessThanOrEqual(longestMs);
  }
  await wait(Math.max(...refused.map(({ retry_after_ms }) => retry_after_ms)));
  expect((await client.call('blackboard_write', { key: 'loop', value: 'done' })).isError).toBeFalsy();
});

test('a batch of 2025-03-26 is answered over HTTP', async () => {
  const token = await operator.tenant(newId());
  const call = (id: number, name: string, args: object) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args },
  });
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-03-26',
    },
    body: JSON.stringify([
      call(1, 'blackboard_write', { key: 'a', value: 1 }),
      call(2, 'blackboard_write', { key: 'b', value: 2 }),
      { jsonrpc: '2.0', id: 3, method: 'ping' },
    ]),
  });
  expect(response.status).toBe(200);
  const answers = (await response.json()) as { id: number; result: CallResult }[];
  expect(answers.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
  for (const { id, result } of answers)
    if (id < 3) expect(result.structuredContent).toMatchObject({ status: 'created' });
});

test('the same tools are there by plain HTTP', async () => {
  const token = await operator.tenant(newId());
  const authorization = `Bearer ${token}`;
  const post = (tool: string, args: object) =>
    fetch(`${server.url}/v1/tools/${tool}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(args),
    });
  const written = await post('blackboard_write', { key: 'a', value: 1 });
  expect([written.status, await written.json()]).toMatchObject([200, { status: 'created' }]);
  const wrong = await post('blackboard_write', { kye: 'a', value: 1 });
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'invalid_input', field: 'kye' }]);
  const listed = await fetch(`${server.url}/v1/tools`, { headers: { authorization } });
  const { tools } = (await listed.json()) as { tools: { name: string }[] };
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: object };
  expect(tools.map(({ name }) => `/v1/tools/${name}`)).toEqual(
    Object.keys(paths).filter((path) => path.startsWith('/v1/tools/')),
  );
  const client = await connected(CLIENTS[0]?.[2] as Connect, token);
  const read = await client.call('blackboard_read', { key: 'a' });
  expect(read.structuredContent).toMatchObject({ entries: [{ value: 1 }] });
});

test('a tenant’s data is there when its object starts again', async () => {
  const id = newId();
  const client = await connected(CLIENTS[0]?.[2] as Connect, await operator.tenant(id));
  await client.call('blackboard_write', { key: 'a', value: 'kept' });
  await server.evict(id);
  const read = await client.call('blackboard_read', { key: 'a' });
  expect(read.structuredContent).toMatchObject({ entries: [{ value: 'kept' }] });
});
