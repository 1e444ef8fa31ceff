import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cable } from '../support/bridge-cable.ts';
import {
  BRIDGED,
  type BridgedClient,
  LIST,
  ROOT,
  STDIO,
  type StartBridge,
} from '../support/bridge-clients.ts';
import { type Rpc, Seen } from '../support/bridge-rig.ts';
import type { CallResult } from '../support/clients.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let operator: Operator;
const open: BridgedClient[] = [];
beforeAll(async () => {
  server = await startServer();
  operator = new Operator(server);
});
afterEach(() => Promise.all(open.splice(0).map((client) => client.close())));
afterAll(() => server?.stop());

let tenants = 0;
const newId = () => `bridge-${++tenants}`;

async function started(start: StartBridge, token: string, url = server.url): Promise<BridgedClient> {
  const client = await start(url, token);
  open.push(client);
  return client;
}

const errorOf = ({ isError, structuredContent }: CallResult) => {
  expect(isError).toBe(true);
  return structuredContent?.error as Record<string, unknown>;
};

/** A write by another agent of the tenant, which has no bridge. */
async function write(token: string, key: string, value: unknown): Promise<void> {
  const response = await fetch(`${server.url}/v1/tools/blackboard_write`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key, value }),
  });
  expect(response.status).toBe(200);
}

const uriOf = (key: string) => `blackboard://default/${key}`;

/** Resolves with the next notification of `what`, not counting those that have arrived already. */
function nextNotification({ heard }: BridgedClient, what: string): Promise<unknown> {
  const isIt = (told: string) => told === what;
  return heard.atLeast(heard.all.filter(isIt).length + 1, isIt);
}

describe.each(BRIDGED)('%s (%s)', (_name, revision, start) => {
  test('connects, lists, calls, gets an error, is limited, reads a resource', async () => {
    const token = await operator.tenant(newId(), { tool: 'cache_stats', rate: 0.001, burst: 2 });
    const client = await started(start, token);
    expect(client.revision).toBe(revision);
    expect(await client.listTools()).toContain('blackboard_write');
    const value = { text: 'ä "quoted"', n: [1.5, null] };
    const written = await client.call('blackboard_write', { key: 'plan', value });
    expect(written.structuredContent).toMatchObject({ status: 'created', key: 'plan' });
    expect(await client.readResource(uriOf('plan'))).toEqual([JSON.stringify(value)]);
    expect(errorOf(await client.call('blackboard_write', { kye: 'plan', value }))).toMatchObject({
      code: 'invalid_input',
      field: 'kye',
    });
    await expect(client.call('no_such_tool')).rejects.toMatchObject({ code: -32602 });
    await client.call('cache_stats');
    expect(errorOf(await client.call('cache_stats'))).toMatchObject({ code: 'rate_limited' });
    expect(client.lines()).toEqual([]);
  });

  test('is told what another agent changes', async () => {
    const token = await operator.tenant(newId());
    const client = await started(start, token);
    await write(token, 'a', 1);
    await client.subscribe(uriOf('a'));
    const changed = nextNotification(client, uriOf('a'));
    await write(token, 'a', 2);
    await changed;
    const listed = nextNotification(client, LIST);
    await write(token, 'b', 1);
    await listed;
    expect(client.heard.all).not.toContain(uriOf('b'));
  });

  test('misses nothing that changes while the way to the server is cut', async () => {
    const token = await operator.tenant(newId());
    const cable = new Cable(server.url);
    const client = await started(start, token, await cable.open());
    await write(token, 'a', 1);
    await client.subscribe(uriOf('a'));
    const first = nextNotification(client, uriOf('a'));
    await write(token, 'a', 2);
    await first;
    const missed = nextNotification(client, uriOf('a'));
    const refused = new Promise<void>((resolve) => {
      cable.onrefused = resolve;
    });
    cable.cut();
    await refused;
    await write(token, 'a', 3);
    cable.mend();
    await missed;
    const later = nextNotification(client, uriOf('a'));
    await write(token, 'a', 4);
    await later;
    await client.close();
    await cable.close();
  });

  test('gives up a call that waits, and goes on', async () => {
    const token = await operator.tenant(newId(), { tool: 'blackboard_watch', rate: 0.001, burst: 5 });
    const client = await started(start, token);
    const { structuredContent } = await client.call('blackboard_write', { key: 'a', value: 1 });
    const leave = new AbortController();
    const args = { since_rev: structuredContent?.rev, wait_s: 25 };
    const rejected = expect(client.call('blackboard_watch', args, leave.signal)).rejects.toThrow('enough');
    leave.abort(new Error('enough'));
    await rejected;
    const read = await client.call('blackboard_read', { key: 'a' });
    expect(read.structuredContent).toMatchObject({ entries: [{ value: 1 }] });
    expect(client.lines()).toEqual([]);
  });

  test('gets errors, and a line says why, once its token is revoked', async () => {
    const id = newId();
    const token = await operator.tenant(id);
    const client = await started(start, token);
    await client.call('tenant_limits');
    const { tokens } = await operator.request('GET', `/tenants/${id}/tokens`);
    const [row] = tokens as { token_id: string }[];
    await operator.request('DELETE', `/tenants/${id}/tokens/${row?.token_id}`);
    const refusal = { code: -32000, data: { code: 'invalid_token', http_status: 401 } };
    await expect(client.call('tenant_limits')).rejects.toMatchObject(refusal);
    await expect(client.call('tenant_limits')).rejects.toMatchObject(refusal);
    expect(client.lines().at(-1)).toMatch(/refused \(401 invalid_token\).*BULKHEAD_TOKEN/);
    expect(client.lines().join('\n')).not.toContain(token);
  });

  test('is refused at once by a token that is not good', async () => {
    // The new revision's client says only that it could not begin; the line on stderr says why.
    const why = revision === '2026-07-28' ? /did not offer/ : /token is not valid/;
    await expect(start(server.url, 'not.a.token')).rejects.toThrow(why);
  });
});

describe('the process', () => {
  function run(args: readonly string[], env: Record<string, string> = {}) {
    const child = spawn(process.execPath, [...STDIO, ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? '', ...env },
    });
    const output = new Seen<Rpc>('lines on stdout');
    let [rest, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) output.add(JSON.parse(line));
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<{ code: number | null; stderr: string; rest: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, stderr, rest })),
    );
    return { child, output, ended };
  }

  test.each([
    [['--url', 'bulkhead.example.com'], 'a.b.c', /--url must be the address/],
    [['--url', 'http://bulkhead.example.com'], 'a.b.c', /accepted only for localhost/],
    [['--url', 'https://bulkhead.example.com'], '', /There is no token/],
    [
      ['--url', 'https://bulkhead.example.com', '--token-file', '/no/such/file'],
      '',
      /cannot be read \(ENOENT\)/,
    ],
  ])('does not start with %j', async (args, BULKHEAD_TOKEN, line) => {
    // Its input stays open: it ends by itself.
    const { code, stderr, rest } = await run(args, { BULKHEAD_TOKEN }).ended;
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([code, rest]).toEqual([2, '']);
  });

  const ENDINGS = [
    ['the end of its input', (child) => child.stdin.end()],
    ['a signal', (child) => child.kill('SIGTERM')],
    ['a client that reads no more', (child) => child.stdout.destroy()],
  ] as const satisfies readonly (readonly [string, (child: ReturnType<typeof run>['child']) => unknown])[];

  test.each(ENDINGS)('ends with %s, streams and waiting calls included', async (_what, end) => {
    const token = await operator.tenant(newId());
    const { child, output, ended } = run(['--url', server.url], { BULKHEAD_TOKEN: token });
    const send = (message: Rpc) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    const clientInfo = { name: 'test', version: '1' };
    send({
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
    });
    await output.first(({ id }) => id === 0);
    send({ method: 'notifications/initialized' });
    send({
      id: 1,
      method: 'tools/call',
      params: { name: 'blackboard_watch', arguments: { since_rev: 0, wait_s: 25 } },
    });
    send({ id: 2, method: 'resources/subscribe', params: { uri: uriOf('a') } });
    await output.first(({ id }) => id === 2);
    await write(token, 'a', 1);
    await output.first(({ method }) => method === 'notifications/resources/updated');
    end(child);
    // That nobody reads is found out by what there is to say.
    await write(token, 'a', 2);
    expect(await ended).toEqual({ code: 0, stderr: '', rest: '' });
  });
});
