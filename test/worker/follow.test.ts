import { describe, expect, test, vi } from 'vitest';
import { followRecords } from '../../src/edge/tenant-client/record-follower.ts';
import { MAX_TOKEN_WATCHERS } from '../../src/tenant/streams/listeners.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { eventsOf } from '../support/call-events.ts';
import { HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { isWithin } from '../support/within.ts';

/** A token of a tenant follows the calls of its tenant over plain HTTP. */

const READING: Scope[] = [...SCOPES, 'records:read'];

const follow = ({ token }: HttpTenant, query = '', headers: Record<string, string> = {}) =>
  send(`/v1/records${query}`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers },
  });

async function nextOf(events: AsyncGenerator<{ event: string; id: string; data: unknown }>) {
  const { value } = await events.next();
  if (value === undefined) throw new Error('the stream has ended');
  return value;
}

describe('GET /v1/records as a stream', () => {
  test('continues a list without a gap, sends what matches when it has ended, and resumes after the last one', async () => {
    const tenant = await HttpTenant.create({ scopes: READING });
    const listed = await jsonOf(
      await send('/v1/records', { headers: { authorization: `Bearer ${tenant.token}` } }),
    );
    await tenant.call('blackboard_write', { key: 'between', value: 1 });
    const newest = { 'last-event-id': String(listed.newest) };
    const events = eventsOf(await follow(tenant, '?tool=blackboard_write', newest));
    expect((await nextOf(events)).data).toMatchObject({ tool: 'blackboard_write', args: { key: 'between' } });
    await tenant.call('blackboard_list');
    await tenant.call('blackboard_write', { key: 'k', value: 1 });
    const last = await nextOf(events);
    expect(last).toMatchObject({ event: 'call', data: { args: { key: 'k' } } });
    await events.return(undefined);
    await tenant.call('blackboard_write', { key: 'meanwhile', value: 1 });
    const resumed = eventsOf(
      await follow(tenant, '?follow&tool=blackboard_write', { 'last-event-id': last.id }),
    );
    expect((await nextOf(resumed)).data).toMatchObject({ args: { key: 'meanwhile' } });
    await resumed.return(undefined);
  });

  test('a client that accepts JSON as well, as clients of MCP do, gets the list', async () => {
    const tenant = await HttpTenant.create({ scopes: READING });
    const both = { accept: 'application/json, text/event-stream' };
    const listed = await follow(tenant, '', both);
    expect(listed.headers.get('content-type')).toBe('application/json');
    expect((await jsonOf(listed)).calls).toBeInstanceOf(Array);
    const asked = await follow(tenant, '?follow', both);
    expect(asked.headers.get('content-type')).toBe('text/event-stream');
    await asked.body?.cancel();
  });

  test('each of many calls is sent once and in order, by whatever streams, and reading makes no record', async () => {
    const tenant = await HttpTenant.create({ scopes: READING });
    const streams = await Promise.all([follow(tenant), follow(tenant)]);
    for (let key = 0; key < 60; key++) await tenant.call('blackboard_write', { key: `k${key}`, value: 1 });
    for (const stream of streams) {
      const events = eventsOf(stream);
      const ids: number[] = [];
      while (ids.length < 60) ids.push(Number((await nextOf(events)).id));
      expect(ids).toEqual(Array.from({ length: 60 }, (_, index) => (ids[0] ?? 0) + index));
      await events.return(undefined);
    }
    const all = await operate('GET', `/tenants/${tenant.id}/calls?internal=true&tool=records_follow`);
    expect(all.calls).toHaveLength(2);
  });

  test.each([
    ['revoked', (id: string, token: string) => operate('DELETE', `/tenants/${id}/tokens/${token}`)],
    ['suspended', (id: string) => operate('POST', `/tenants/${id}/suspend`)],
    [
      'revoked',
      (id: string, token: string) =>
        operate('PATCH', `/tenants/${id}/tokens/${token}`, { remove: ['records:read'] }),
    ],
  ])('ends with the reason within a second: %s', async (reason, act) => {
    const tenant = await HttpTenant.create({ scopes: READING });
    const events = eventsOf(await follow(tenant));
    await tenant.call('blackboard_list');
    await nextOf(events);
    await act(tenant.id, tenant.tokenId);
    const end = nextOf(events);
    const done = end.then(() => events.next());
    expect(await isWithin(1000, done)).toBe(true);
    expect(await end).toMatchObject({ event: 'end', data: { reason } });
    expect((await done).done).toBe(true);
  });

  test('ends when the token expires', async () => {
    const [socket, tenant] = Object.values(new WebSocketPair());
    if (socket === undefined || tenant === undefined) throw new Error('a WebSocket has two ends');
    tenant.accept();
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    followRecords({
      socket,
      after: 0,
      expiresAt: Date.now() + 20,
      read: () => Promise.reject(new Error('nothing was announced')),
      page: () => {},
      ended: resolve,
    });
    expect(await promise).toBe('expired');
  });

  test('needs the scope of the records, and arguments that are valid', async () => {
    const without = await HttpTenant.create();
    const refused = await follow(without);
    expect([refused.status, (await jsonOf(refused)).code]).toEqual([403, 'insufficient_scope']);
    const tenant = await HttpTenant.issue(without.id, { scopes: READING });
    for (const [query, headers, field] of [
      ['?outcome=wrong', {}, 'outcome'],
      ['?nonsense=1', {}, 'nonsense'],
      ['', { 'last-event-id': 'x' }, 'Last-Event-ID'],
    ] as const) {
      const wrong = await follow(tenant, query, headers);
      expect([wrong.status, JSON.stringify(await jsonOf(wrong))]).toEqual([
        400,
        expect.stringContaining(field),
      ]);
    }
  });

  test('is bounded for each token, and another token still follows', async () => {
    const tenant = await HttpTenant.create({ scopes: READING });
    const open = [];
    for (let stream = 0; stream < MAX_TOKEN_WATCHERS; stream++) open.push(await follow(tenant));
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const refused = await follow(tenant);
    const lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
    printed.mockRestore();
    expect(lines.map(({ event, code }) => [event, code])).toEqual([
      ['tool.call', undefined],
      ['request.refused', 'too_many_streams'],
    ]);
    expect([refused.status, (await jsonOf(refused)).code]).toEqual([429, 'too_many_streams']);
    expect(refused.headers.get('retry-after')).toBe('3');
    const other = await follow(await HttpTenant.issue(tenant.id, { scopes: READING }));
    expect(other.status).toBe(200);
    for (const stream of [...open, other]) await stream.body?.cancel();
  });
});
