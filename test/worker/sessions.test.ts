import { afterEach, describe, expect, test, vi } from 'vitest';
import { MAX_SUBSCRIPTIONS } from '../../src/transport-tools/session-room.ts';
import { MAX_SESSIONS, SESSION_IDLE_MS } from '../../src/transport-tools/session-store.ts';
import { HttpTenant, jsonOf, listTools, operate, postMcp, type Sent, send } from '../support/http.ts';
import {
  EventReader,
  getStream,
  initialize,
  inSession,
  modern,
  openSession,
  rowsOf,
} from '../support/streams-worker.ts';

afterEach(() => void vi.restoreAllMocks());

const A = 'blackboard://default/a';
const sessionOf = (response: Response) => response.headers.get('mcp-session-id');
const del = (tenant: HttpTenant, headers: Sent['headers']) =>
  send('/mcp', { method: 'DELETE', headers: { authorization: `Bearer ${tenant.token}`, ...headers } });

describe('initialize', () => {
  test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])(
    'in %s opens a session',
    async (version) => {
      const tenant = await HttpTenant.create();
      const ids = new Set<string | null>();
      for (const _ of [1, 2]) {
        const response = await tenant.post(initialize(version), { 'mcp-protocol-version': undefined });
        expect(response.status).toBe(200);
        expect((await jsonOf(response)).result.protocolVersion).toBe(version);
        expect(sessionOf(response)).toMatch(/^[\x21-\x7e]{32,64}$/);
        ids.add(sessionOf(response));
      }
      expect(ids.size).toBe(2);
      expect(await rowsOf(tenant, 'SELECT id FROM sessions')).toHaveLength(2);
    },
  );

  test.each([
    ['without parameters', { ...initialize(), params: undefined }],
    ['without a client', initialize('2025-11-25', { clientInfo: undefined })],
    ['of a wrong type', initialize(7)],
    ['as a notification', { ...initialize(), id: undefined }],
  ])('%s opens none', async (_name, body) => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(body);
    await response.text();
    expect(sessionOf(response)).toBeNull();
    expect(await rowsOf(tenant, 'SELECT id FROM sessions')).toEqual([]);
  });

  test('of a client that says too much of itself is refused, and opens none', async () => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(
      initialize('2025-11-25', { capabilities: { experimental: { x: { y: 'x'.repeat(20_000) } } } }),
    );
    expect([response.status, sessionOf(response)]).toEqual([400, null]);
    expect((await jsonOf(response)).error.data.code).toBe('invalid_input');
  });

  test('that is refused opens none', async () => {
    const tenant = await HttpTenant.create();
    expect((await postMcp('not-a-token', initialize())).status).toBe(401);
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const response = await tenant.post(initialize());
    expect([response.status, sessionOf(response)]).toEqual([403, null]);
    expect(await rowsOf(tenant, 'SELECT id FROM sessions')).toEqual([]);
  });

  test('is limited, and says for how long', async () => {
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'session_open', rate: 0.01, burst: 1 });
    await openSession(tenant);
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const response = await tenant.post(initialize());
    expect([response.status, sessionOf(response)]).toEqual([429, null]);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(1);
    expect((await jsonOf(response)).error.data.code).toBe('rate_limited');
    const lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'tool.call', tool: 'session_open', code: 'rate_limited' }),
    );
  });

  test('of 2026 there is none: its requests get no session, and may name any', async () => {
    const tenant = await HttpTenant.create();
    const { body, headers } = modern('tools/list');
    const response = await tenant.post(body, { ...headers, ...inSession('anything') });
    expect([response.status, sessionOf(response)]).toEqual([200, null]);
    expect((await jsonOf(response)).result.tools.length).toBeGreaterThan(0);
  });
});

test('without a session there is everything but subscriptions', async () => {
  const tenant = await HttpTenant.create();
  expect((await tenant.call('blackboard_write', { key: 'a', value: 1 })).structuredContent.status).toBe(
    'created',
  );
  for (const method of ['tools/list', 'resources/list', 'resources/templates/list', 'ping'])
    expect((await jsonOf(await tenant.rpc(method))).result).toBeDefined();
  expect((await tenant.post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
  const { error } = await jsonOf(await tenant.rpc('resources/subscribe', { uri: A }));
  expect(error).toMatchObject({ code: -32600, message: expect.stringContaining('Mcp-Session-Id') });
});

describe('a session', () => {
  const REQUESTS: readonly (readonly [
    name: string,
    ask: (tenant: HttpTenant, session: string) => Promise<Response>,
    /** The id of the request, which the refusal has too. */
    id?: number,
  ])[] = [
    ['a call', (tenant, id) => tenant.rpc('tools/call', { name: 'tenant_limits' }, inSession(id)), 1],
    ['a list', (tenant, id) => tenant.post(listTools, inSession(id)), 1],
    ['an unknown tool', (tenant, id) => tenant.rpc('tools/call', { name: 'nothing' }, inSession(id)), 1],
    ['a subscription', (tenant, id) => tenant.rpc('resources/subscribe', { uri: A }, inSession(id)), 1],
    [
      'a notification',
      (tenant, id) => tenant.post({ jsonrpc: '2.0', method: 'notifications/initialized' }, inSession(id)),
    ],
    [
      'a cancellation',
      (tenant, id) =>
        tenant.post(
          { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
          inSession(id),
        ),
    ],
    ['an answer', (tenant, id) => tenant.post({ jsonrpc: '2.0', id: 'a.1', result: {} }, inSession(id))],
    ['a stream', (tenant, id) => getStream(tenant, '/mcp', inSession(id))],
    ['an end', (tenant, id) => del(tenant, inSession(id))],
  ];

  test.each(REQUESTS.map(([name, ask, id]) => [name, ask, id] as const))(
    'is nobody else’s: %s in it is 404, like in one that is not there',
    async (_name, ask, id) => {
      const tenant = await HttpTenant.create();
      const [colleague, stranger] = [await HttpTenant.issue(tenant.id), await HttpTenant.create()];
      const session = await openSession(tenant);
      const answers = [
        await ask(colleague, session),
        await ask(stranger, session),
        await ask(tenant, crypto.randomUUID()),
        await ask(tenant, `${session}x`),
        await ask(tenant, ''),
      ];
      for (const answer of answers) {
        expect(answer.status).toBe(404);
        expect(await jsonOf(answer)).toEqual({
          jsonrpc: '2.0',
          ...(id === undefined ? {} : { id }),
          error: {
            code: -32000,
            message: expect.any(String),
            data: { code: 'unknown_session', trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) },
          },
        });
      }
      const own = await ask(tenant, session);
      expect(own.status).not.toBe(404);
      await own.body?.cancel();
    },
  );

  test('ends by DELETE, with its subscriptions', async () => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    expect(
      (await jsonOf(await tenant.rpc('resources/subscribe', { uri: A }, inSession(session)))).result,
    ).toEqual({});
    expect(await rowsOf(tenant, 'SELECT key FROM subscriptions')).toEqual([{ key: 'a' }]);
    expect((await del(tenant, inSession(session))).status).toBe(204);
    expect(await rowsOf(tenant, 'SELECT id FROM sessions')).toEqual([]);
    expect(await rowsOf(tenant, 'SELECT uri FROM subscriptions')).toEqual([]);
    expect((await tenant.post(listTools, inSession(session))).status).toBe(404);
  });

  test('that is idle for a day is gone; use or an open stream keeps it', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const tenant = await HttpTenant.create({ ttl_s: 30 * 86_400 });
    const [idle, used, streaming] = [
      await openSession(tenant),
      await openSession(tenant),
      await openSession(tenant),
    ];
    const stream = new EventReader(await getStream(tenant, '/mcp', inSession(streaming)));
    const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
    const alive = async (session: string) => (await tenant.post(listTools, inSession(session))).status;
    later(SESSION_IDLE_MS / 2);
    expect(await alive(used)).toBe(200);
    later(SESSION_IDLE_MS / 2);
    expect([await alive(idle), await alive(used), await alive(streaming)]).toEqual([404, 200, 200]);
    await stream.leave();
  });

  test('that is one too many ends the one that was idle for longest, but none that has a stream', async () => {
    const tenant = await HttpTenant.create();
    const streaming = await openSession(tenant);
    const stream = new EventReader(await getStream(tenant, '/mcp', inSession(streaming)));
    const oldest = await openSession(tenant);
    const others = MAX_SESSIONS - 2;
    await rowsOf(
      tenant,
      `INSERT INTO sessions (id, kind, principal, client, list_changed, rev, seen_at)
       SELECT 'filler-' || value, 'session', 'nobody', '{}', 1, 0, ? FROM generate_series(1, ?)`.replace(
        'generate_series(1, ?)',
        '(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT value FROM n)',
      ),
      Date.now() + 60_000,
      others,
    );
    await rowsOf(tenant, 'UPDATE sessions SET seen_at = 1 WHERE id = ?', streaming);
    const newest = await openSession(tenant);
    const status = async (session: string) => (await tenant.post(listTools, inSession(session))).status;
    expect([await status(oldest), await status(streaming), await status(newest)]).toEqual([404, 200, 200]);
    const [{ count } = {}] = await rowsOf(tenant, 'SELECT count(*) AS count FROM sessions');
    expect(count).toBe(MAX_SESSIONS);
    await stream.leave();
  });
});

describe('subscribing', () => {
  const subscribe = async (
    tenant: HttpTenant,
    session: string,
    uri: string,
    method = 'resources/subscribe',
  ) => jsonOf(await tenant.rpc(method, { uri }, inSession(session)));

  test('needs blackboard:read', async () => {
    const tenant = await HttpTenant.create({ scopes: ['blackboard:write', 'cache:read'] });
    const session = await openSession(tenant);
    for (const method of ['resources/subscribe', 'resources/unsubscribe']) {
      const response = await tenant.rpc(method, { uri: A }, inSession(session));
      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toContain(
        'scope="blackboard:read blackboard:write cache:read"',
      );
      await response.text();
    }
  });

  test.each([
    'file:///etc/passwd',
    'blackboard://default',
    'blackboard://default//a',
    'blackboard://default/%ff',
    '',
  ])('to %s, which is no cell, names it', async (uri) => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    expect((await subscribe(tenant, session, uri)).error).toMatchObject({ code: -32602, data: { uri } });
  });

  test('is bounded, and unsubscribing makes room', async () => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    const uri = (n: number) => `blackboard://default/k${n}`;
    for (let n = 0; n < MAX_SUBSCRIPTIONS; n++)
      expect((await subscribe(tenant, session, uri(n))).result).toEqual({});
    expect((await subscribe(tenant, session, uri(0))).result).toEqual({});
    expect((await subscribe(tenant, session, A)).error).toMatchObject({
      code: -32000,
      data: { code: 'too_large', limit: MAX_SUBSCRIPTIONS },
    });
    expect((await subscribe(tenant, session, uri(1), 'resources/unsubscribe')).result).toEqual({});
    expect((await subscribe(tenant, session, A)).result).toEqual({});
  });
});

test('no log line has the id of a session in clear', async () => {
  const tenant = await HttpTenant.create();
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const session = await openSession(tenant);
  await (await tenant.rpc('resources/subscribe', { uri: A }, inSession(session))).text();
  await (await tenant.rpc('tools/call', { name: 'tenant_limits' }, inSession(session))).text();
  const stream = new EventReader(await getStream(tenant, '/mcp', inSession(session)));
  await (await (await HttpTenant.create()).post(listTools, inSession(session))).text();
  await (await send(`/messages?sessionId=${session}`, { method: 'POST' })).text();
  await del(tenant, inSession(session));
  await stream.ended;
  const lines = printed.mock.calls.map((args) => args.join(' '));
  expect(lines.some((line) => line.includes('"session_listen"'))).toBe(true);
  for (const line of lines) expect(line).not.toContain(session);
});

test('an id that is too long to be kept is refused, of a request, in a batch and of 2024', async () => {
  const tenant = await HttpTenant.create();
  const long = { ...listTools, id: 'x'.repeat(257) };
  const refused = await tenant.post(long);
  expect([refused.status, (await jsonOf(refused)).error.message]).toEqual([
    400,
    'The id of a request is too long.',
  ]);
  expect((await tenant.post([listTools, long], { 'mcp-protocol-version': '2025-03-26' })).status).toBe(400);
  const posted = await send('/messages?sessionId=any', {
    method: 'POST',
    headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(long),
  });
  expect(posted.status).toBe(400);
  expect((await tenant.post({ ...listTools, id: 'x'.repeat(256) })).status).toBe(200);
});
