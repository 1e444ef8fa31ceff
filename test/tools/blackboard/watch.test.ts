import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const DAY = 86_400_000;
const write = (tenant: TestTenant, key: string, value: unknown, more = {}) =>
  tenant.ok('blackboard_write', { key, value, ...more });
const watch = (tenant: TestTenant, since_rev: number, more = {}) =>
  tenant.ok('blackboard_watch', { since_rev, ...more });
const brief = ({ events }: Answer) => events.map(({ rev, op, key }: Answer) => `${rev} ${op} ${key}`);

describe('a watch', () => {
  test('returns every kind of event in order, with author, time and preview', async () => {
    const tenant = await openTenant();
    const at = new Date(tenant.now).toISOString();
    await write(tenant, 'k', [1], { by: 'w' });
    await write(tenant, 'k', 'x'.repeat(200), { mode: 'append' });
    await write(tenant, 'k', [1], { run_id: 'other' });
    const { claim_id } = await tenant.ok('blackboard_claim', { key: 'k', by: 'c' });
    await tenant.ok('blackboard_release', { claim_id, value: 3 });
    await tenant.ok('blackboard_delete', { keys: ['k'] });
    const answer = await watch(tenant, 0);
    expect(brief(answer)).toEqual([
      '1 set k',
      '2 append k',
      '4 claim k',
      '5 set k',
      '6 release k',
      '7 delete k',
    ]);
    expect(answer.events[0]).toEqual({ rev: 1, op: 'set', key: 'k', by: 'w', at, preview: '[1]' });
    expect(answer.events[1].preview).toHaveLength(120);
    expect(answer.events[2]).toEqual({ rev: 4, op: 'claim', key: 'k', by: 'c', at });
    expect(answer.events[5]).toEqual({ rev: 7, op: 'delete', key: 'k', at });
    expect(answer).toMatchObject({ next_rev: 7, head_rev: 7, more: false, reset: false });
  });

  test('continues where the previous one ended, by prefix and in pages', async () => {
    const tenant = await openTenant();
    for (const key of ['a/1', 'b/1', 'a/2', 'a%', 'a/3']) await write(tenant, key, 1);
    expect(await watch(tenant, 5)).toEqual({
      events: [],
      next_rev: 5,
      head_rev: 5,
      more: false,
      reset: false,
    });
    const first = await watch(tenant, 0, { prefix: 'a/', limit: 2 });
    expect(brief(first)).toEqual(['1 set a/1', '3 set a/2']);
    expect(first).toMatchObject({ next_rev: 3, head_rev: 5, more: true });
    const second = await watch(tenant, first.next_rev, { prefix: 'a/', limit: 2 });
    expect(brief(second)).toEqual(['5 set a/3']);
    expect(second).toMatchObject({ next_rev: 5, more: false });
  });

  test('returns no event for a write that is refused or changes nothing', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    await write(tenant, 'k', 1);
    await write(tenant, 'k', 2, { if_rev: 7 });
    await tenant.ok('blackboard_write', {
      entries: [
        { key: 'l', value: 1 },
        { key: 'k', value: 2, if_rev: 0 },
      ],
    });
    expect(brief(await watch(tenant, 0))).toEqual(['1 set k']);
  });

  test('shows no value whose time to live has passed', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 'secret', { ttl_s: 1 });
    tenant.advance(999);
    expect((await watch(tenant, 0)).events[0].preview).toBe('"secret"');
    tenant.advance(1);
    expect((await watch(tenant, 0)).events[0]).not.toHaveProperty('preview');
  });

  test.each([
    ['since_rev', {}],
    ['since_rev', { since_rev: -1 }],
    ['wait_s', { since_rev: 0, wait_s: 26 }],
    ['limit', { since_rev: 0, limit: 201 }],
  ])('with a wrong %s is refused', async (field, args) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_watch', args)).toMatchObject({ code: 'invalid_input', field });
  });
});

describe('reset', () => {
  test('is true if versions of a watched key were deleted since', async () => {
    const tenant = await openTenant();
    await write(tenant, 'quiet', 1);
    for (let i = 1; i <= 31; i++) await write(tenant, 'hot/n', i);
    expect(await watch(tenant, 0, { limit: 200 })).toMatchObject({ reset: false, next_rev: 32 });
    await write(tenant, 'hot/n', 32);
    // Surplus versions are deleted when a search, or every 64th revision, completes the lists of events.
    await tenant.ok('blackboard_list', { run_id: 'default', query: 'n' });
    const answer = await watch(tenant, 0, { limit: 200 });
    expect(answer).toMatchObject({ reset: true, next_rev: 33, more: false });
    expect(brief(answer)).toHaveLength(21);
    const oldest = answer.events[1].rev;
    expect((await watch(tenant, oldest - 1)).reset).toBe(false);
    expect((await watch(tenant, oldest - 2)).reset).toBe(true);
    expect((await watch(tenant, 0, { prefix: 'quiet' })).reset).toBe(false);
    expect((await watch(tenant, 0, { run_id: 'other' })).reset).toBe(false);
  });

  test('is true from the millisecond events are older than 7 days, swept or not', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    await write(tenant, 'gone', 1);
    await tenant.ok('blackboard_delete', { keys: ['gone'] });
    tenant.advance(7 * DAY - 1);
    expect(await watch(tenant, 1)).toMatchObject({ reset: false, events: [{ rev: 2 }, { rev: 3 }] });
    tenant.advance(1);
    const check = async () => {
      expect(await watch(tenant, 1)).toMatchObject({ reset: true });
      expect(await watch(tenant, 0)).toMatchObject({ reset: true });
      expect(await watch(tenant, 0, { prefix: 'gone' })).toMatchObject({ reset: false, events: [] });
      expect(await watch(tenant, 3)).toMatchObject({ reset: false });
    };
    await check();
    for (let i = 0; i < 62; i++) await write(tenant, 'other', i, { run_id: 'other' });
    await check();
  });

  test('is true for a rev that was never assigned', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    expect(await watch(tenant, 2, { wait_s: 25 })).toEqual({
      events: [],
      next_rev: 1,
      head_rev: 1,
      more: false,
      reset: true,
    });
  });
});

describe('waiting', () => {
  const wake: [string, (tenant: TestTenant, claim_id: string) => Promise<unknown>][] = [
    ['write', (tenant) => write(tenant, 'new', 1)],
    ['delete', (tenant) => tenant.ok('blackboard_delete', { keys: ['k'] })],
    ['claim', (tenant) => tenant.ok('blackboard_claim', { key: 'k', by: 'a' })],
    ['release', (tenant, claim_id) => tenant.ok('blackboard_release', { claim_id })],
  ];

  test.each(wake)('ends with a %s', async (op, act) => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    await write(tenant, 'held', 1);
    const { claim_id, fence } = await tenant.ok('blackboard_claim', { key: 'held', by: 'a' });
    const waiting = watch(tenant, fence, { wait_s: 25 });
    await write(tenant, 'elsewhere', 1, { run_id: 'other' });
    await act(tenant, claim_id);
    const { events, next_rev } = await waiting;
    expect(events).toMatchObject([{ op: op === 'write' ? 'set' : op }]);
    expect(next_rev).toBe(events[0].rev);
  });

  test('continues to wait if an event does not match its prefix', async () => {
    const tenant = await openTenant();
    const waiting = watch(tenant, 0, { wait_s: 25, prefix: 'mine/' });
    await write(tenant, 'yours/1', 1);
    await write(tenant, 'mine/1', 1);
    expect(brief(await waiting)).toEqual(['2 set mine/1']);
  });
});
