import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawSse } from '../support/raw-eras.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

/** Bodies as Node's `fetch` sends them to a server over a connection of TCP. */

let server: TestServer;
let token: string;
beforeAll(async () => {
  server = await startServer();
  token = await new Operator(server).tenant('large');
});
afterAll(() => server?.stop());

const TRIES = 10;

test.each([4.1, 5, 8])('a client that sends %d MB reads the refusal, ten of ten times', async (megabytes) => {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    method: 'tools/call',
    params: { name: 'blackboard_write', arguments: { key: 'k', value: 'x'.repeat(megabytes * 1024 * 1024) } },
    // As some clients write it.
    id: 7,
  });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const response = await fetch(`${server.url}/mcp`, { method: 'POST', headers, body });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ id: 7, error: { data: { code: 'too_large' } } });
  }
});

test('a number that JavaScript would change is an error of the tool on an HTTP+SSE connection', async () => {
  const sse = await RawSse.open({ url: server.url, token });
  const call = '{"name":"blackboard_write","arguments":{"key":"k","value":[9007199254740993]}}';
  expect(await sse.post(`{"jsonrpc":"2.0","id":"a","method":"tools/call","params":${call}}`)).toBe(202);
  const answer = () => sse.stream.messages.find(({ id }) => id === 'a');
  await sse.stream.events.until(() => answer() !== undefined);
  const error = { code: 'invalid_input', field: 'value[0]' };
  expect(answer()).toMatchObject({ result: { isError: true, structuredContent: { error } } });
  sse.stream.vanish();
});
