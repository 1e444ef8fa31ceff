import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type Arrived,
  event,
  FakeRemote,
  LocalClient,
  type Rpc,
  refuse,
  result,
  stream,
} from '../support/bridge-rig.ts';

const VERSION = '2026-07-28';
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const META = { 'io.modelcontextprotocol/protocolVersion': VERSION };
const modern = (id: number | string, method: string, params: object = {}): Rpc => ({
  id,
  method,
  params: { ...params, _meta: META },
});

let remote: FakeRemote;
const clients: LocalClient[] = [];
beforeEach(async () => {
  remote = await new FakeRemote().start();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await remote.stop();
});

function connect(): LocalClient {
  const client = new LocalClient(remote.url);
  clients.push(client);
  return client;
}

test('each request says by its headers what it is', async () => {
  remote.answer = (arrived) => result(arrived, {});
  const client = connect();
  await client.ask(modern(1, 'tools/call', { name: 'blackboard_read', arguments: {} }));
  await client.ask(modern('zwei', 'resources/read', { uri: 'blackboard://default/ä' }));
  await client.ask(modern(3, 'server/discover'));
  const headers = remote.arrived.all.map(({ headers: h }) => [
    h['mcp-protocol-version'],
    h['mcp-method'],
    h['mcp-name'],
    h['mcp-session-id'],
  ]);
  const encoded = Buffer.from('blackboard://default/ä').toString('base64');
  expect(headers).toEqual([
    [VERSION, 'tools/call', 'blackboard_read', undefined],
    [VERSION, 'resources/read', `=?base64?${encoded}?=`, undefined],
    [VERSION, 'server/discover', undefined, undefined],
  ]);
});

test('progress comes before the answer', async () => {
  remote.answer = (arrived) => {
    stream(arrived);
    event(arrived, { method: 'notifications/progress', params: { progressToken: 1, progress: 0.5 } });
    event(arrived, { id: arrived.message.id ?? null, result: { done: true } });
    arrived.response.end();
  };
  const client = connect();
  await client.ask(modern(1, 'tools/call', { name: 'a' }));
  expect(client.messages.all.map(({ method, id }) => method ?? id)).toEqual(['notifications/progress', 1]);
});

test('cancelling closes the exchange, of a call and of a subscription, and nothing is posted', async () => {
  remote.answer = (arrived) => {
    if (arrived.message.method === 'subscriptions/listen') acknowledge(arrived, {});
    else expect(arrived.message.method).toBe('tools/call');
  };
  const client = connect();
  client.send(modern(1, 'tools/call', { name: 'wait' }));
  client.send(modern(2, 'subscriptions/listen', { notifications: { resourcesListChanged: true } }));
  const exchanges = await remote.arrived.atLeast(2, () => true);
  const closed = exchanges.map(({ response }) => new Promise((resolve) => response.once('close', resolve)));
  await client.messages.first(isAck);
  for (const requestId of [1, 2]) client.send({ method: 'notifications/cancelled', params: { requestId } });
  await Promise.all(closed);
  await client.end();
  expect(remote.arrived.all).toHaveLength(2);
  expect(client.messages.all.filter((message) => !isAck(message))).toEqual([]);
  expect(client.lines).toEqual([]);
});

const isAck = ({ method }: Rpc) => method === 'notifications/subscriptions/acknowledged';

function acknowledge(arrived: Arrived, notifications: object): void {
  stream(arrived);
  const params = { notifications, _meta: { [SUBSCRIPTION]: arrived.message.id } };
  event(arrived, { method: 'notifications/subscriptions/acknowledged', params });
}

test('a subscription that breaks is asked for again, and its client is told what may have been missed', async () => {
  const uri = 'blackboard://default/a';
  const notifications = { resourceSubscriptions: [uri], resourcesListChanged: true };
  remote.answer = (arrived) => acknowledge(arrived, notifications);
  const client = connect();
  client.send(modern('sub', 'subscriptions/listen', { notifications }));
  await client.messages.first(isAck);
  const [first] = remote.arrived.all;
  first?.response.destroy();
  const missed = await client.messages.atLeast(2, (message) => !isAck(message));
  const _meta = { [SUBSCRIPTION]: 'sub' };
  expect(missed).toEqual([
    { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri, _meta } },
    { jsonrpc: '2.0', method: 'notifications/resources/list_changed', params: { _meta } },
  ]);
  const [, second] = remote.arrived.all;
  expect(second?.body).toBe(first?.body);
  event(second as Arrived, { method: 'notifications/resources/updated', params: { uri, n: 3 } });
  await client.messages.first(({ params }) => params?.n === 3);
  expect(client.messages.all.filter(isAck)).toHaveLength(1);
  // The server ends it in its own way: that is the answer, and it is not asked again.
  event(second as Arrived, { id: 'sub', result: { resultType: 'complete' } });
  expect(await client.answerTo('sub')).toMatchObject({ result: { resultType: 'complete' } });
  await client.end();
  expect(remote.arrived.all).toHaveLength(2);
});

test('a subscription that the server ends is answered, and not asked for again', async () => {
  remote.answer = (arrived) => {
    if (arrived.message.method === 'server/discover') return result(arrived, {});
    acknowledge(arrived, { resourcesListChanged: true });
    event(arrived, { id: arrived.message.id ?? null, result: { resultType: 'complete' } });
    arrived.response.end();
  };
  const client = connect();
  const notifications = { resourcesListChanged: true };
  expect(await client.ask(modern(1, 'subscriptions/listen', { notifications }))).toMatchObject({
    result: { resultType: 'complete' },
  });
  await client.ask(modern(2, 'server/discover'));
  expect(client.lines).toEqual([]);
});

test('a subscription that is refused is an error at once, and one that is refused later too', async () => {
  remote.answer = (arrived) => refuse(arrived, 503, 'unavailable');
  const client = connect();
  const listen = (id: number) =>
    modern(id, 'subscriptions/listen', { notifications: { resourcesListChanged: true } });
  expect(await client.ask(listen(1))).toMatchObject({ error: { data: { code: 'unavailable' } } });
  remote.answer = (arrived) => acknowledge(arrived, { resourcesListChanged: true });
  client.send(listen(2));
  await client.messages.first(isAck);
  remote.answer = (arrived) => refuse(arrived, 401, 'invalid_token');
  remote.cut();
  expect(await client.answerTo(2)).toMatchObject({ error: { data: { code: 'invalid_token' } } });
  expect(client.lines.at(-1)).toMatch(/401 invalid_token/);
});

test('the end of the input closes every exchange', async () => {
  remote.answer = (arrived) => {
    if (arrived.message.method === 'subscriptions/listen') acknowledge(arrived, {});
  };
  const client = connect();
  client.send(modern(1, 'subscriptions/listen', { notifications: {} }));
  client.send(modern(2, 'tools/call', { name: 'wait' }));
  const exchanges = await remote.arrived.atLeast(2, () => true);
  const closed = exchanges.map(({ response }) => new Promise((resolve) => response.once('close', resolve)));
  await client.end();
  await Promise.all(closed);
});
