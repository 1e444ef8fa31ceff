import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type Answer,
  event,
  FakeRemote,
  json,
  LocalClient,
  type Rpc,
  refuse,
  result,
  stream,
  TOKEN,
} from '../support/bridge-rig.ts';

let remote: FakeRemote;
const clients: LocalClient[] = [];
beforeEach(async () => {
  remote = await new FakeRemote().start();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await remote.stop();
});

function connect(url = remote.url, timeouts?: ConstructorParameters<typeof LocalClient>[1]): LocalClient {
  const client = new LocalClient(url, timeouts);
  clients.push(client);
  return client;
}

const call = (id: number): Rpc => ({ id, method: 'tools/call', params: { name: 'echo', arguments: {} } });

/** One line on stderr, without the token, and an error for the request that waited. */
function expectFailure(client: LocalClient, answer: Rpc, line: RegExp, data: object): void {
  expect(client.lines).toHaveLength(1);
  expect(client.lines[0]).toMatch(line);
  expect(`${client.stderr}${JSON.stringify(answer)}`).not.toContain(TOKEN);
  expect(answer.error).toMatchObject({ code: -32000, data });
}

const REFUSALS: readonly [string, Answer, RegExp, object][] = [
  [
    'a refused token',
    (arrived) => refuse(arrived, 401, 'invalid_token'),
    /refused \(401 invalid_token\).*BULKHEAD_TOKEN/,
    { code: 'invalid_token', http_status: 401, trace_id: 'f'.repeat(32) },
  ],
  [
    'a missing scope',
    (arrived) =>
      refuse(arrived, 403, 'insufficient_scope', {
        'www-authenticate': 'Bearer error="insufficient_scope", scope="cache:read"',
      }),
    /403 insufficient_scope/,
    { code: 'insufficient_scope', http_status: 403, trace_id: 'f'.repeat(32) },
  ],
  [
    'a suspended tenant',
    (arrived) => refuse(arrived, 403, 'suspended'),
    /403 suspended/,
    { code: 'suspended' },
  ],
  [
    'a wrong address',
    (arrived) => arrived.response.writeHead(404).end('<html>'),
    /404 http_404.*Check that http:.* is the address/,
    { code: 'http_404' },
  ],
  [
    'too many requests',
    (arrived) => refuse(arrived, 429, 'too_many_requests', { 'retry-after': '60' }),
    /429 too_many_requests.*Try again in 60 s/,
    { code: 'too_many_requests', retry_after_ms: 60_000 },
  ],
  [
    'a server in trouble',
    (arrived) => arrived.response.writeHead(502).end('bad gateway'),
    /502 http_502.*Try again later/,
    { code: 'http_502', http_status: 502 },
  ],
  [
    'an answer that is no JSON-RPC',
    (arrived) => json(arrived, 200, { hello: 'world' }),
    /is not an MCP server .*Check --url/,
    { code: 'not_mcp' },
  ],
  [
    'an answer that is no JSON',
    (arrived) => arrived.response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    /is not an MCP server .*Check --url/,
    { code: 'not_mcp' },
  ],
  [
    'a page for people',
    (arrived) => arrived.response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    /is not an MCP server .*text\/html.*Check --url/,
    { code: 'not_mcp' },
  ],
  [
    'a redirect to another server',
    (arrived) => arrived.response.writeHead(307, { location: 'https://elsewhere.test/mcp' }).end(),
    /elsewhere.test.* not followed/,
    { code: 'redirected' },
  ],
  [
    'an answer to something else',
    (arrived) => json(arrived, 200, { jsonrpc: '2.0', id: 999, result: {} }),
    /ended before the answer came/,
    { code: 'broken_off' },
  ],
  [
    'a connection that breaks at once',
    (arrived) => arrived.response.destroy(),
    /connection to .* failed/,
    { code: 'unreachable' },
  ],
  [
    'a stream that breaks midway',
    (arrived) => {
      stream(arrived);
      event(arrived, { method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
      arrived.response.write('data: {"jsonrpc":', () => arrived.response.destroy());
    },
    /ended before the answer came/,
    { code: 'broken_off' },
  ],
  [
    'a stream that ends without the answer',
    (arrived) => {
      stream(arrived);
      event(arrived, { method: 'notifications/message', params: { level: 'info', data: 1 } }, '7');
      arrived.response.end();
    },
    /ended before the answer came/,
    { code: 'broken_off' },
  ],
];

test.each(REFUSALS)('%s is one line and an error', async (_what, answer, line, data) => {
  remote.answer = answer;
  const client = connect();
  expectFailure(client, await client.ask(call(1)), line, data);
  // The next one is none the worse for it.
  remote.answer = (arrived) => result(arrived, { content: [] });
  expect(await client.ask(call(2))).toMatchObject({ id: 2, result: { content: [] } });
});

test('what the server says to a request by a status is passed on as it is, and to its sender alone', async () => {
  const error = { code: -32022, message: 'Unsupported', data: { supported: ['2026-07-28'] } };
  remote.answer = (arrived) => json(arrived, 400, { jsonrpc: '2.0', id: arrived.message.id, error });
  const client = connect();
  const answer = await client.ask({
    id: 'a',
    method: 'server/discover',
    params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2030-01-01' } },
  });
  expect(answer).toEqual({ jsonrpc: '2.0', id: 'a', error });
  expect(client.lines).toEqual([]);
});

test('the same refusal is told once until it has passed', async () => {
  remote.answer = (arrived) => refuse(arrived, 401, 'invalid_token');
  const client = connect();
  await client.ask(call(1));
  await client.ask(call(2));
  expect(client.lines).toHaveLength(1);
  remote.answer = (arrived) => result(arrived, {});
  await client.ask(call(3));
  remote.answer = (arrived) => refuse(arrived, 401, 'invalid_token');
  await client.ask(call(4));
  expect(client.lines).toHaveLength(2);
});

test('a server that repeats the token, with characters that move a cursor', async () => {
  remote.answer = (arrived) => {
    const error = { code: -32000, message: `No \u001b[2J${TOKEN}\nhere.` };
    json(arrived, 401, { jsonrpc: '2.0', id: null, error });
  };
  const client = connect();
  await client.ask(call(1));
  expect(client.lines).toEqual([expect.stringMatching(/refused \(401 http_401\): No {2}\[2J… here\./)]);
});

test('a server that is not there, and a name that is none', async () => {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
  const absent = connect(new URL(`http://127.0.0.1:${port}/mcp`));
  expectFailure(
    absent,
    await absent.ask(call(1)),
    /connection to http:.* failed \(ECONNREFUSED\)\. Check that the server is running/,
    {
      code: 'unreachable',
      cause: 'ECONNREFUSED',
    },
  );
  const nameless = connect(new URL('https://no-such-host.invalid/mcp'));
  expectFailure(
    nameless,
    await nameless.ask(call(1)),
    /connection to https:\/\/no-such-host.invalid failed \((?:ENOTFOUND|EAI_AGAIN)\)/,
    {
      code: 'unreachable',
    },
  );
});

test('a server that speaks no TLS', async () => {
  const client = connect(new URL(remote.url.href.replace('http:', 'https:')));
  expectFailure(client, await client.ask(call(1)), /connection to https:.* failed \(ERR_SSL/, {
    code: 'unreachable',
  });
});

test('a server that is silent, before its answer and within it', async () => {
  const timeouts = { responseMs: 50, idleMs: 50 };
  remote.answer = () => {};
  const waiting = connect(remote.url, timeouts);
  expectFailure(waiting, await waiting.ask(call(1)), /has sent nothing for 0.05 s/, { code: 'silent' });
  remote.answer = (arrived) =>
    arrived.response.writeHead(200, { 'content-type': 'application/json' }).write('{');
  const halfway = connect(remote.url, timeouts);
  expectFailure(halfway, await halfway.ask(call(1)), /has sent nothing/, { code: 'silent' });
});
