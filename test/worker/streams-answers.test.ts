import { describe, expect, test } from 'vitest';
import { callTool, HttpTenant, jsonOf, listTools, operate, send } from '../support/http.ts';
import { eventually, soon } from '../support/streams-heard.ts';
import { EventReader, getStream, inSession, modern, openSession } from '../support/streams-worker.ts';

describe('an answer in a stream', () => {
  const PREFERS = { accept: 'text/event-stream, application/json;q=0.5' };
  const requests = (method: string, params: Record<string, unknown>, name?: string) => [
    ['2025', { body: { jsonrpc: '2.0', id: 1, method, params }, headers: {} }] as const,
    ['2026', modern(method, params, name)] as const,
  ];
  const CASES = [
    ...requests('tools/list', {}),
    ...requests('tools/call', { name: 'tenant_limits', arguments: {} }, 'tenant_limits'),
    ...requests('resources/list', {}),
  ].map(([era, request]) => [era, request.body.method, request] as const);

  test.each(CASES)('%s %s: is had by who prefers one', async (_era, _method, { body, headers }) => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(body, { ...headers, ...PREFERS });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const stream = new EventReader(response);
    await soon(stream.ended, 'the end of the stream');
    const [answer, ...more] = stream.messages;
    expect(answer?.result).toBeDefined();
    expect(more).toEqual([]);
    const json = await tenant.post(body, headers);
    expect(json.headers.get('content-type')).toContain('application/json');
    expect(Object.keys((await jsonOf(json)).result)).toEqual(Object.keys(answer?.result));
  });

  test.each(CASES)('%s %s: a refusal is a status all the same', async (_era, _method, { body, headers }) => {
    const tenant = await HttpTenant.create();
    const other = await HttpTenant.issue(tenant.id);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${other.tokenId}`);
    const revoked = await other.post(body, { ...headers, ...PREFERS });
    expect([revoked.status, (await jsonOf(revoked)).error.data.code]).toEqual([401, 'invalid_token']);
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const suspended = await tenant.post(body, { ...headers, ...PREFERS });
    expect([suspended.status, (await jsonOf(suspended)).error.data.code]).toEqual([403, 'suspended']);
  });

  test.each(CASES.filter(([, method]) => method === 'tools/call'))(
    '%s %s: what its token may not do is a status all the same',
    async (_era, _method, { headers }) => {
      const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
      const { params, ...call } = callTool('blackboard_list');
      const body = 'mcp-name' in headers ? modern(call.method, params).body : { ...call, params };
      const named = 'mcp-name' in headers ? { ...headers, 'mcp-name': params.name } : headers;
      const refused = await tenant.post(body, { ...named, ...PREFERS });
      expect([refused.status, (await jsonOf(refused)).error.data.code]).toEqual([403, 'insufficient_scope']);
    },
  );
});

test.each([
  ['2025-11-25', false],
  ['2025-03-26', true],
])(
  'a call of %s that waits is answered in a stream, so that a client that leaves is noticed',
  async (version, batch) => {
    const tenant = await HttpTenant.create();
    await tenant.call('blackboard_write', { key: 'a', value: 1 });
    const waits = callTool('blackboard_watch', { since_rev: 1, wait_s: 25 });
    const response = await tenant.post(batch ? [waits] : waits, { 'mcp-protocol-version': version });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    await tenant.call('blackboard_write', { key: 'news', value: 1 });
    const stream = new EventReader(response);
    await soon(stream.ended, 'the end of the stream');
    expect(stream.messages).toMatchObject([{ result: { structuredContent: { events: [{ key: 'news' }] } } }]);
  },
);

describe('POST /messages', () => {
  const post = (tenant: HttpTenant, path: string, body: unknown) =>
    send(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test('is for the stream that the same token opened: any other is 404', async () => {
    const tenant = await HttpTenant.create();
    const [colleague, stranger] = [await HttpTenant.issue(tenant.id), await HttpTenant.create()];
    const stream = new EventReader(await getStream(tenant, '/sse'));
    await stream.events.until((events) => events.length > 0);
    const path = stream.events.all[0]?.data ?? '';
    for (const [asker, at] of [
      [colleague, path],
      [stranger, path],
      [tenant, '/messages?sessionId=none'],
      // A session of the 2025 revisions has no server that would hear it.
      [tenant, `/messages?sessionId=${await openSession(tenant)}`],
    ] as const) {
      const response = await post(asker, at, listTools);
      expect([response.status, (await jsonOf(response)).error.data.code]).toEqual([404, 'unknown_session']);
    }
    expect((await post(tenant, '/messages', listTools)).status).toBe(400);
    expect((await post(tenant, path, { hello: 1 })).status).toBe(400);
    expect((await post(tenant, path, listTools)).status).toBe(202);
    await stream.leave();
    await eventually(
      () => operate('GET', `/tenants/${tenant.id}`),
      ({ clients }) => clients.open_streams === 0,
    );
    expect((await post(tenant, path, listTools)).status).toBe(404);
  });

  test('to a session of 2025 that has a stream open is 404 too: nobody would answer', async () => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    const stream = new EventReader(await getStream(tenant, '/mcp', inSession(session)));
    expect((await post(tenant, `/messages?sessionId=${session}`, listTools)).status).toBe(404);
    await stream.leave();
  });
});
