import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { MAX_SUBSCRIPTIONS } from '../../src/transport-tools/session-room.ts';
import { MAX_STREAMS } from '../../src/transport-tools/session-store.ts';
import { HttpTenant, jsonOf, operate } from '../support/http.ts';
import { write } from '../support/resources.ts';
import { eventually, soon } from '../support/streams-heard.ts';
import {
  EventReader,
  getStream,
  inSession,
  modern,
  OPENERS,
  openSession,
  rowsOf,
} from '../support/streams-worker.ts';

const A = 'blackboard://default/a';
const END = 'blackboard://default/end';

const openStreams = async (tenant: HttpTenant): Promise<number> =>
  (await operate('GET', `/tenants/${tenant.id}`)).clients.open_streams;
const untilOpen = (tenant: HttpTenant, count: number) =>
  eventually(
    () => openStreams(tenant),
    (open) => open === count,
  );
const listen = (tenant: HttpTenant, notifications: object) => {
  const { body, headers } = modern('subscriptions/listen', { notifications });
  return tenant.post(body, headers);
};

describe.each(OPENERS)('a stream of %s', (era, open) => {
  test('tells of cells and of the list, once and in order', async () => {
    const tenant = await HttpTenant.create();
    const stream = await open(tenant, [A, END]);
    await write(tenant, 'a', 1);
    await write(tenant, 'a', 2);
    await write(tenant, 'b', 1);
    await write(tenant, 'end', 1);
    await stream.untilTold(END);
    expect(stream.told.slice(0, 5)).toEqual([A, 'list', A, 'list', END]);
    await stream.leave();
  });

  test('tells a client that reads of all of a burst', async () => {
    const tenant = await HttpTenant.create();
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    const stream = await open(tenant, [...keys.map((key) => `blackboard://default/${key}`), END]);
    const round = (n: number) =>
      tenant.call('blackboard_write', { entries: keys.map((key) => ({ key, value: n })) });
    await Promise.all(Array.from({ length: 30 }, (_, n) => round(n)));
    await write(tenant, 'end', 1);
    await stream.untilTold(END);
    expect(stream.told.filter((item) => item !== 'list')).toHaveLength(30 * keys.length + 1);
    await stream.leave();
  });

  test('continues by itself when its tenant’s object is evicted before it was notified', async () => {
    const tenant = await HttpTenant.create();
    const streams = await Promise.all(Array.from({ length: 3 }, () => open(tenant, [A])));
    const object = env.TENANTS.getByName(tenant.id);
    for (let round = 1; round <= 5; round++) {
      await write(tenant, 'a', round);
      await evictDurableObject(object, { webSockets: 'hibernate' });
      // The alarm of the next sweep loads the object, and nothing else does.
      expect(await runDurableObjectAlarm(object)).toBe(true);
      for (const stream of streams)
        await stream.events.until(() => stream.told.filter((item) => item === A).length >= round);
    }
    for (const stream of streams) {
      expect(stream.told.filter((item) => item !== 'list')).toEqual(Array(5).fill(A));
      await stream.leave();
    }
  });

  test('that loses its tenant’s object is told of everything all the same, and of nothing twice', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'a', 0);
    await write(tenant, 'end', 0);
    const stream = await open(tenant, [A, END]);
    const object = env.TENANTS.getByName(tenant.id);
    // Lost before anything was told, and again after something was.
    for (let round = 0; round < 4; round++) {
      await evictDurableObject(object, { webSockets: 'close' });
      await write(tenant, 'a', `round ${round}`);
      await write(tenant, 'a', `again ${round}`);
    }
    await untilOpen(tenant, 1);
    await write(tenant, 'end', 1);
    await stream.untilTold(END);
    expect(stream.told).toEqual([...Array(8).fill(A), END]);
    await stream.leave();
  });

  test('that is left is closed, and nothing of it is left that is its own', async () => {
    const tenant = await HttpTenant.create();
    const stream = await open(tenant, [A]);
    await untilOpen(tenant, 1);
    await stream.leave();
    await untilOpen(tenant, 0);
    const rows = await rowsOf(tenant, 'SELECT kind, attached FROM sessions');
    expect(rows).toEqual(era === '2025' ? [{ kind: 'session', attached: 0 }] : []);
    expect(await rowsOf(tenant, 'SELECT uri FROM subscriptions')).toHaveLength(era === '2025' ? 1 : 0);
  });

  test('is refused to a token that is not good, and to a tenant that is suspended', async () => {
    const tenant = await HttpTenant.create();
    const other = await HttpTenant.issue(tenant.id);
    const session = await openSession(other);
    const ask = async (asker: HttpTenant) => {
      if (era === '2024') return getStream(asker, '/sse');
      if (era === '2025') return getStream(asker, '/mcp', inSession(session));
      return listen(asker, { resourceSubscriptions: [A] });
    };
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const suspended = await ask(other);
    expect([suspended.status, (await jsonOf(suspended)).error.data.code]).toEqual([403, 'suspended']);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${other.tokenId}`);
    const revoked = await ask(other);
    expect([revoked.status, (await jsonOf(revoked)).error.data.code]).toEqual([401, 'invalid_token']);
    expect(revoked.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(await openStreams(tenant)).toBe(0);
  });

  test('is ended when its token is revoked', async () => {
    const tenant = await HttpTenant.create();
    const stream = await open(tenant, [A]);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${tenant.tokenId}`);
    await soon(stream.ended, 'the end of the stream');
    await untilOpen(tenant, 0);
  });

  test('is charged and limited', async () => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    const tool = { 2024: 'session_open', 2025: 'session_listen', 2026: 'stream_open' }[era];
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool, rate: 0.01, burst: 1 });
    const ask = () => {
      if (era === '2024') return getStream(tenant, '/sse');
      if (era === '2025') return getStream(tenant, '/mcp', inSession(session));
      return listen(tenant, { resourceSubscriptions: [A] });
    };
    const first = await ask();
    expect(first.status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1);
    expect((await jsonOf(refused)).error.data.code).toBe('rate_limited');
    await first.body?.cancel();
  });
});

describe('what a token may read decides what its streams tell', () => {
  const blind = () => HttpTenant.create({ scopes: ['blackboard:write', 'cache:read'] });

  test.each(OPENERS.slice(0, 2))(
    '%s: without blackboard:read the list is not told of',
    async (_era, open) => {
      const tenant = await blind();
      const seeing = await HttpTenant.issue(tenant.id);
      const [stream, other] = [await open(tenant), await open(seeing, [END])];
      await write(tenant, 'a', 1);
      await write(tenant, 'end', 1);
      await other.untilTold(END, 'list');
      expect(stream.told).toEqual([]);
      await stream.leave();
      await other.leave();
    },
  );

  test('2026: without blackboard:read there is no stream', async () => {
    const tenant = await blind();
    const response = await listen(tenant, { resourcesListChanged: true });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain(
      'scope="blackboard:read blackboard:write cache:read"',
    );
    await response.text();
  });
});

describe('a session', () => {
  test('that subscribes under many URIs is notified once, and unsubscribes under any of them', async () => {
    const tenant = await HttpTenant.create();
    const session = inSession(await openSession(tenant));
    const ask = async (method: string, uri: string) =>
      expect((await jsonOf(await tenant.rpc(method, { uri }, session))).result).toEqual({});
    for (const uri of ['blackboard://default/%61', A, 'BLACKBOARD://default/a', END])
      await ask('resources/subscribe', uri);
    const stream = new EventReader(await getStream(tenant, '/mcp', session));
    await write(tenant, 'a', 1);
    await stream.untilTold('blackboard://default/%61');
    await ask('resources/unsubscribe', A);
    await write(tenant, 'a', 2);
    await write(tenant, 'end', 1);
    await stream.untilTold(END);
    expect(stream.told.filter((item) => item !== 'list')).toEqual(['blackboard://default/%61', END]);
    await stream.leave();
  });
});

describe('subscriptions/listen', () => {
  test('is told of the list only if it asked', async () => {
    const tenant = await HttpTenant.create();
    const stream = new EventReader(await listen(tenant, { resourceSubscriptions: [END] }));
    await write(tenant, 'a', 1);
    await write(tenant, 'end', 1);
    await stream.untilTold(END);
    expect(stream.told).toEqual([END]);
    await stream.leave();
  });

  test('of one cell under many URIs is honored for the first, and notified once', async () => {
    const tenant = await HttpTenant.create();
    const uris = ['blackboard://default/%61', A, 'BLACKBOARD://default/a', 'file:///etc/passwd', END];
    const stream = new EventReader(await listen(tenant, { resourceSubscriptions: uris }));
    await write(tenant, 'a', 1);
    await write(tenant, 'end', 1);
    await stream.untilTold(END);
    expect(stream.messages[0]).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { resourceSubscriptions: ['blackboard://default/%61', END] } },
    });
    expect(stream.told).toEqual(['blackboard://default/%61', END]);
    await stream.leave();
  });

  test.each([
    ['nothing', {}],
    ['what there is not', { toolsListChanged: true, promptsListChanged: true }],
    [
      'too many cells',
      { resourceSubscriptions: [...Array(MAX_SUBSCRIPTIONS + 1).keys()].map((n) => `${A}${n}`) },
    ],
    ['what is no list', { resourceSubscriptions: 'a' }],
  ])('for %s holds no stream open', async (_name, notifications) => {
    const tenant = await HttpTenant.create();
    const response = await listen(tenant, notifications);
    if (response.headers.get('content-type')?.startsWith('text/event-stream'))
      await soon(new EventReader(response).ended, 'the end of the stream');
    else expect((await jsonOf(response)).error.code).toBeLessThan(0);
    expect(await openStreams(tenant)).toBe(0);
    expect(await rowsOf(tenant, 'SELECT id FROM sessions')).toEqual([]);
  });
});

describe('as many streams as a tenant can have', () => {
  const fill = (tenant: HttpTenant, attached: number) =>
    rowsOf(
      tenant,
      `INSERT INTO sessions (id, kind, principal, client, list_changed, rev, seen_at, attached)
       SELECT 'filler-' || value, 'stream', 'nobody', '{}', 1, 0, 1, ? FROM
         (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT value FROM n)`,
      attached,
      MAX_STREAMS,
    );

  test.each(OPENERS.filter(([era]) => era !== '2025'))('%s: one more is refused', async (era, open) => {
    const tenant = await HttpTenant.create();
    await fill(tenant, 1);
    const response =
      era === '2024' ? await getStream(tenant, '/sse') : await listen(tenant, { resourceSubscriptions: [A] });
    expect(response.status).toBe(507);
    expect((await jsonOf(response)).error).toMatchObject({ data: { code: 'quota_exceeded' } });
    await rowsOf(tenant, "UPDATE sessions SET attached = 0 WHERE id = 'filler-7'");
    const stream = await open(tenant);
    expect(await rowsOf(tenant, "SELECT id FROM sessions WHERE id = 'filler-7'")).toEqual([]);
    await stream.leave();
  });
});

describe('GET /mcp', () => {
  test.each([
    ['of another media type', { accept: 'application/json' }, 406],
    ['of a revision that there is not', { 'mcp-protocol-version': '1999-01-01' }, 400],
    ['without a session', { 'mcp-session-id': undefined }, 405],
  ])('%s is refused', async (_name, headers, status) => {
    const tenant = await HttpTenant.create();
    const session = await openSession(tenant);
    const response = await getStream(tenant, '/mcp', { ...inSession(session), ...headers });
    expect(response.status).toBe(status);
    expect((await jsonOf(response)).error.message).toBeTruthy();
  });

  test.each(['', 'x', '-1', '1.2.3', '99999999999999999999', '1e3', '999999999999'])(
    'with the Last-Event-ID “%s”, which is none of ours, is a stream that tells what comes',
    async (id) => {
      const tenant = await HttpTenant.create();
      const session = await openSession(tenant);
      await (await tenant.rpc('resources/subscribe', { uri: END }, inSession(session))).text();
      const stream = new EventReader(
        await getStream(tenant, '/mcp', { ...inSession(session), 'last-event-id': id }),
      );
      await write(tenant, 'end', 1);
      await stream.untilTold(END);
      await stream.leave();
    },
  );
});
