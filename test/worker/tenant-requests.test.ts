import { expect, test } from 'vitest';
import { type ClientRequest, counted } from '../support/counted-worker.ts';
import { HttpTenant } from '../support/http.ts';
import { EventReader, initialize, inSession, modern, openSession } from '../support/streams-worker.ts';

/** How often one client request asks the tenant's Durable Object for something. */

const rpc = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params });
const write = { name: 'blackboard_write', arguments: { key: 'a', value: 1 } };
const completeBoard = {
  ref: { type: 'ref/prompt', name: 'hand_over' },
  argument: { name: 'run_id', value: 'd' },
};
const SSE_FIRST = { accept: 'text/event-stream, application/json;q=0.5' };

const POSTS: readonly [name: string, request: ClientRequest, asked: string[]][] = [
  ['tools/call, 2025', { body: rpc('tools/call', write) }, ['call']],
  ['tools/call, 2026', modern('tools/call', write, write.name), ['call']],
  [
    'tools/call, answered in a stream',
    { body: rpc('tools/call', write), headers: SSE_FIRST },
    ['admit', 'call'],
  ],
  ['tools/list, 2025', { body: rpc('tools/list') }, ['admit']],
  ['tools/list, 2026', modern('tools/list'), ['admit']],
  ['resources/read', { body: rpc('resources/read', { uri: 'blackboard://default/a' }) }, ['call']],
  ['prompts/list', { body: rpc('prompts/list') }, ['admit']],
  ['prompts/get', { body: rpc('prompts/get', { name: 'hand_over' }) }, ['admit']],
  ['completion/complete', { body: rpc('completion/complete', completeBoard) }, ['call']],
  ['completion/complete, 2026', modern('completion/complete', completeBoard), ['call']],
  ['initialize', { body: initialize() }, ['call']],
  ['a malformed initialize', { body: rpc('initialize', { capabilities: 1 }) }, ['admit']],
  ['ping', { body: rpc('ping') }, ['admit']],
  ['plain HTTP', { url: 'https://mcp.test/v1/tools/blackboard_write', body: write.arguments }, ['call']],
  ['a list by plain HTTP', { method: 'GET', url: 'https://mcp.test/v1/tools' }, ['admit']],
];

test.each(POSTS)('%s', async (_name, request, asked) => {
  const tenant = await HttpTenant.create();
  const answer = await counted(tenant, request);
  await answer.response.text();
  expect(answer.response.status).toBeLessThan(500);
  expect(answer.asked).toEqual(asked);
});

test('a session: replies and cancellations together, its end', async () => {
  const tenant = await HttpTenant.create();
  const headers = inSession(await openSession(tenant));
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
  const cancelled = await counted(tenant, { body: cancel, headers });
  expect([cancelled.response.status, cancelled.asked]).toEqual([202, ['deliver']]);
  const reply = await counted(tenant, { body: { jsonrpc: '2.0', id: 'k.0', result: {} }, headers });
  expect([reply.response.status, reply.asked]).toEqual([400, ['deliver']]);
  const ended = await counted(tenant, { method: 'DELETE', headers });
  expect([ended.response.status, ended.asked]).toEqual([204, ['call']]);
});

const notifications = { resourcesListChanged: true, resourceSubscriptions: ['blackboard://default/a'] };

test.each<[name: string, open: (tenant: HttpTenant) => Promise<ClientRequest>]>([
  ['GET /mcp', async (tenant) => ({ method: 'GET', headers: inSession(await openSession(tenant)) })],
  ['GET /sse', async () => ({ method: 'GET', url: 'https://mcp.test/sse' })],
  ['subscriptions/listen', async () => modern('subscriptions/listen', { notifications })],
])('a stream by %s is opened in one request', async (_name, open) => {
  const tenant = await HttpTenant.create();
  const { asked, response, leave } = await counted(tenant, await open(tenant));
  expect([response.status, asked]).toEqual([200, ['fetch']]);
  leave();
  await new EventReader(response).ended;
});

test('a stream whose request does not fit into headers is opened in two', async () => {
  const tenant = await HttpTenant.create();
  const key = (n: number) => encodeURIComponent('日'.repeat(250)) + n;
  const resourceSubscriptions = [...Array(90).keys()].map((n) => `blackboard://default/${key(n)}`);
  const request = modern('subscriptions/listen', { notifications: { resourceSubscriptions } });
  const { asked, response, leave } = await counted(tenant, request);
  expect([response.status, asked]).toEqual([200, ['call', 'fetch']]);
  leave();
  await new EventReader(response).ended;
});
