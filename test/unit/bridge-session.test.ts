import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Arrived, event, LocalClient, type Rpc, refuse, result } from '../support/bridge-rig.ts';
import { INITIALIZE, SessionServer, VERSION } from '../support/bridge-session-server.ts';

let server: SessionServer;
const clients: LocalClient[] = [];
beforeEach(async () => {
  server = new SessionServer();
  await server.remote.start();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await server.remote.stop();
});

async function connected(): Promise<LocalClient> {
  const client = new LocalClient(server.remote.url);
  clients.push(client);
  expect(await client.ask(INITIALIZE)).toMatchObject({ result: { protocolVersion: VERSION } });
  client.send({ method: 'notifications/initialized' });
  return client;
}

const updated = (uri: string): Rpc => ({ method: 'notifications/resources/updated', params: { uri } });
const isUpdate =
  (uri: string) =>
  ({ method, params }: Rpc) =>
    method === 'notifications/resources/updated' && params?.uri === uri;

test('keeps the session, opens the stream, passes on what comes over it, and ends it all', async () => {
  const client = await connected();
  const [get] = await server.gets(1);
  expect(get?.headers).toMatchObject({ accept: 'text/event-stream', 'mcp-session-id': 'session-1' });
  event(get as Arrived, updated('blackboard://default/a'), '5');
  await client.messages.first(isUpdate('blackboard://default/a'));
  // What the server asks of its client, and what that answers.
  event(get as Arrived, {
    id: 'srv-1',
    method: 'sampling/createMessage',
    params: { messages: [], maxTokens: 1 },
  });
  await client.messages.first(({ id, method }) => id === 'srv-1' && method === 'sampling/createMessage');
  client.send({ id: 'srv-1', result: { role: 'assistant' } });
  const reply = await server.remote.arrived.first(({ message }) => message.result !== undefined);
  expect(reply.message).toEqual({ jsonrpc: '2.0', id: 'srv-1', result: { role: 'assistant' } });
  await client.end();
  expect([...server.live]).toEqual([]);
  expect(get?.closed).toBe(true);
  expect(client.lines).toEqual([]);
});

test('a second initialize ends the first session, and its stream', async () => {
  const client = await connected();
  const [first] = await server.gets(1);
  const closed = new Promise((resolve) => first?.response.once('close', resolve));
  await client.ask({ ...INITIALIZE, id: 'again' });
  client.send({ method: 'notifications/initialized' });
  await closed;
  const [, second] = await server.gets(2);
  expect(second?.headers['mcp-session-id']).toBe('session-2');
  expect([...server.live]).toEqual(['session-2']);
  await client.end();
  expect([...server.live]).toEqual([]);
  expect(client.lines).toEqual([]);
});

test('an input that ends while the session is being opened leaves no session behind', async () => {
  const { answer } = server.remote;
  server.remote.answer = (arrived) => {
    if (arrived.message.method !== 'initialize') answer(arrived);
  };
  const client = new LocalClient(server.remote.url);
  client.send(INITIALIZE);
  const held = await server.remote.arrived.first(({ message }) => message.method === 'initialize');
  const closed = new Promise((resolve) => held.response.once('close', resolve));
  await client.end();
  await closed;
  expect(server.remote.arrived.all).toHaveLength(1);
});

test('sends what the client wrote, to the digit', async () => {
  const client = await connected();
  client.write(
    '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"n":12345678901234567890}}}\n',
  );
  await client.answerTo(7);
  const [sent] = server.posts('tools/call');
  expect(sent?.body).toContain('"n":12345678901234567890');
});

test('nothing overtakes the handshake', async () => {
  const { answer } = server.remote;
  server.remote.answer = (arrived) => {
    if (arrived.message.method === 'server/discover') result(arrived, {});
    else if (arrived.message.method !== 'notifications/initialized') answer(arrived);
  };
  const client = await connected();
  const isInitialized = ({ message }: Arrived) => message.method === 'notifications/initialized';
  const held = await server.remote.arrived.first(isInitialized);
  client.send({ id: 1, method: 'tools/list' });
  // What belongs to no session goes its own way, and there and back again takes longer than to overtake.
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
  for (const id of [2, 3, 4]) await client.ask({ id, method: 'server/discover', params: { _meta } });
  expect(server.posts('tools/list')).toEqual([]);
  answer(held);
  expect(await client.answerTo(1)).toMatchObject({ result: {} });
});

test('a stream that breaks is resumed after the last event, however often', async () => {
  const client = await connected();
  const [first] = await server.gets(1);
  event(first as Arrived, updated('blackboard://default/a'), '41');
  await client.messages.first(isUpdate('blackboard://default/a'));
  first?.response.destroy();
  const [, second] = await server.gets(2);
  expect(second?.headers['last-event-id']).toBe('41');
  // Broken again before anything came: the place to go on from is still known.
  second?.response.destroy();
  const [, , third] = await server.gets(3);
  expect(third?.headers['last-event-id']).toBe('41');
  event(third as Arrived, updated('blackboard://default/b'), '42');
  await client.messages.first(isUpdate('blackboard://default/b'));
  expect(client.lines).toEqual([
    expect.stringMatching(/^bulkhead: The notification stream .* broke\. Connecting again\.$/),
  ]);
});

test('a stream that breaks before any event: the client is told that all it subscribed to may have changed', async () => {
  const client = await connected();
  const uri = 'blackboard://default/a';
  await client.ask({ id: 1, method: 'resources/subscribe', params: { uri } });
  const [first] = await server.gets(1);
  first?.response.destroy();
  await client.messages.first(isUpdate(uri));
  await client.messages.first(({ method }) => method === 'notifications/resources/list_changed');
});

test('a server without a stream is asked for it once', async () => {
  server.listen = (arrived) => arrived.response.writeHead(405).end();
  const client = await connected();
  await server.gets(1);
  for (const id of [1, 2, 3]) await client.ask({ id, method: 'tools/list' });
  expect(await server.gets(1)).toHaveLength(1);
  expect(client.lines).toEqual([]);
});

test('a stream that is refused with the token comes back once a request succeeds', async () => {
  const { listen } = server;
  server.listen = (arrived) => refuse(arrived, 403, 'suspended');
  const client = await connected();
  await server.gets(1);
  server.listen = listen;
  await client.ask({ id: 1, method: 'tools/list' });
  const [, second] = await server.gets(2);
  event(second as Arrived, updated('blackboard://default/a'));
  await client.messages.first(isUpdate('blackboard://default/a'));
});

test('a session that the server lost is opened again unnoticed, with its subscriptions', async () => {
  const client = await connected();
  const [kept, dropped] = ['blackboard://default/kept', 'blackboard://default/dropped'];
  await client.ask({ id: 1, method: 'resources/subscribe', params: { uri: kept } });
  await client.ask({ id: 2, method: 'resources/subscribe', params: { uri: dropped } });
  await client.ask({ id: 3, method: 'resources/unsubscribe', params: { uri: dropped } });
  await server.gets(1);
  server.live.clear();
  // Several requests find out at once; the session is opened once.
  const answers = await Promise.all([4, 5, 6].map((id) => client.ask({ id, method: 'tools/list' })));
  for (const answer of answers) expect(answer).toMatchObject({ result: {} });
  expect([...server.live]).toEqual(['session-2']);
  const [, again] = server.posts('initialize');
  expect(again?.message.params).toEqual(INITIALIZE.params);
  const subscribed = server
    .posts('resources/subscribe')
    .filter(({ headers }) => headers['mcp-session-id'] === 'session-2');
  expect(subscribed.map(({ message }) => message.params)).toEqual([{ uri: kept }]);
  // What changed in between is not known.
  await client.messages.first(isUpdate(kept));
  const [, stream2] = await server.gets(2);
  expect(stream2?.headers['mcp-session-id']).toBe('session-2');
  expect(client.messages.all.filter(({ id }) => id === 0)).toHaveLength(1);
  expect(client.lines.filter((line) => line.includes('a new one was opened'))).toHaveLength(1);
});

test('subscriptions that the limits refuse at first are made again in time, and others are given up and told', async () => {
  const client = await connected();
  const [kept, dropped] = ['blackboard://default/kept', 'blackboard://default/dropped'];
  for (const [index, uri] of [kept, dropped].entries())
    await client.ask({ id: index + 1, method: 'resources/subscribe', params: { uri } });
  await server.gets(1);
  server.live.clear();
  let refusals = 2;
  server.answer = (arrived) => {
    const { id, method, params } = arrived.message;
    if (method !== 'resources/subscribe') return result(arrived, {});
    const limited = params?.uri === kept && refusals-- > 0;
    if (params?.uri === kept && !limited) return result(arrived, {});
    const data = limited ? { code: 'rate_limited', retry_after_ms: 1 } : { code: 'forbidden' };
    const error = { code: -32000, message: 'Not now.', data };
    arrived.response.writeHead(200, { 'content-type': 'application/json' });
    return arrived.response.end(JSON.stringify({ jsonrpc: '2.0', id, error }));
  };
  expect(await client.ask({ id: 9, method: 'tools/list' })).toMatchObject({ result: {} });
  await client.messages.first(isUpdate(kept));
  expect(refusals).toBeLessThan(0);
  expect(client.messages.all.filter(isUpdate(dropped))).toEqual([]);
  expect(client.lines.filter((line) => line.includes(`without the subscription to ${dropped}`))).toHaveLength(
    1,
  );
});

test('a request that finds out late goes to the session that was opened meanwhile', async () => {
  const client = await connected();
  await server.gets(1);
  server.live.clear();
  const { answer } = server.remote;
  server.remote.answer = (arrived) => {
    if (arrived.message.id !== 'late' || server.live.has(String(arrived.headers['mcp-session-id'])))
      answer(arrived);
  };
  client.send({ id: 'late', method: 'tools/list' });
  const late = await server.remote.arrived.first(({ message }) => message.id === 'late');
  await client.ask({ id: 'early', method: 'tools/list' });
  answer(late);
  expect(await client.answerTo('late')).toMatchObject({ result: {} });
  expect(server.posts('initialize')).toHaveLength(2);
});

test('a session that is found lost by its stream is opened again without being asked', async () => {
  await connected();
  const [first] = await server.gets(1);
  server.live.clear();
  first?.response.destroy();
  await server.remote.arrived.first(
    ({ method, headers }) => method === 'GET' && headers['mcp-session-id'] === 'session-2',
  );
});

test('a session that cannot be opened again is an error, not a loop', async () => {
  const client = await connected();
  server.live.clear();
  server.version = '2024-11-05';
  expect(await client.ask({ id: 1, method: 'tools/list' })).toMatchObject({
    error: { code: -32000, data: { code: 'session_lost' } },
  });
  expect(client.lines.at(-1)).toMatch(/Restart the client/);
});

test('a request that is cancelled is told to the server, gets no answer, and its exchange is closed', async () => {
  const client = await connected();
  server.answer = () => {};
  client.send({ id: 1, method: 'tools/call', params: { name: 'wait', arguments: {} } });
  const waiting = await server.remote.arrived.first(({ message }) => message.method === 'tools/call');
  client.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
  const told = await server.remote.arrived.first(
    ({ message }) => message.method === 'notifications/cancelled',
  );
  expect(told.message.params).toEqual({ requestId: 1 });
  expect(told.headers['mcp-session-id']).toBe('session-1');
  await new Promise((resolve) => waiting.response.once('close', resolve));
  server.answer = (arrived) => result(arrived, {});
  await client.ask({ id: 2, method: 'tools/list' });
  expect(client.messages.all.filter(({ id }) => id === 1)).toEqual([]);
});

test('a server without sessions is served too', async () => {
  const { remote } = server;
  remote.answer = (arrived) => {
    expect([arrived.method, arrived.headers['mcp-session-id']]).toEqual(['POST', undefined]);
    if (arrived.message.method === 'initialize')
      result(arrived, {
        protocolVersion: VERSION,
        capabilities: {},
        serverInfo: { name: 'a', version: '1' },
      });
    else if (arrived.message.id === undefined) arrived.response.writeHead(202).end();
    else result(arrived, {});
  };
  const client = await connected();
  await client.ask({ id: 1, method: 'tools/list' });
  const [list] = server.posts('tools/list');
  expect(list?.headers['mcp-protocol-version']).toBe(VERSION);
  await client.end();
});
