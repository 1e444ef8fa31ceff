import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const question = { model: 'model-x', prompt: 'Why is the sky blue?' };
const LEASE_GRACE_MS = 600_000;
const get = (tenant: TestTenant, more: object = {}) => tenant.ok('cache_get', { ...question, ...more });
const set = (tenant: TestTenant, more: object) => tenant.ok('cache_set', { ...question, ...more });
const statuses = (answers: readonly Answer[]) => {
  const groups = Map.groupBy(answers, ({ status }) => String(status));
  return Object.fromEntries([...groups].map(([status, { length }]) => [status, length]));
};

describe('a lease', () => {
  test.each([
    ['lease_s', { lease_s: 0 }],
    ['lease_s', { lease_s: 601 }],
    ['wait_s', { wait_s: 26 }],
    ['wait_s', { wait_s: -1 }],
  ])('%s: %j is refused', async (field, more) => {
    const tenant = await openTenant();
    expect(await tenant.error('cache_get', { ...question, ...more })).toMatchObject({ field });
  });

  test.each(['lease-0', 'lease-', 'lease-01', '1', 'lease-1 '])(
    'lease_id %j is refused',
    async (lease_id) => {
      const tenant = await openTenant();
      expect(await tenant.error('cache_set', { ...question, response: 1, lease_id })).toMatchObject({
        code: 'invalid_input',
        field: 'lease_id',
      });
    },
  );

  test('is not granted if there is an answer, or without lease_s', async () => {
    const tenant = await openTenant();
    expect(await get(tenant)).toEqual({ status: 'miss', key: expect.any(String) });
    expect(await get(tenant)).toMatchObject({ status: 'miss' });
    await set(tenant, { response: 1 });
    expect(await get(tenant, { lease_s: 5, wait_s: 5 })).not.toHaveProperty('lease_id');
    await set(tenant, { response: 1 });
    const other = { prompt: 'fails' };
    await set(tenant, { ...other, error: 'down' });
    const negative = await get(tenant, { ...other, lease_s: 5, wait_s: 5 });
    expect(negative.status).toBe('negative');
    expect(negative).not.toHaveProperty('lease_id');
  });

  test('holds until its last millisecond, for every caller', async () => {
    const tenant = await openTenant();
    const first = await get(tenant, { lease_s: 10 });
    tenant.advance(1000);
    expect(await get(tenant)).toEqual({ status: 'pending', key: first.key, retry_after_ms: 5000 });
    tenant.advance(8999);
    expect(await get(tenant, { lease_s: 10 })).toMatchObject({ status: 'pending', retry_after_ms: 1 });
    expect(await (await tenant.otherPrincipal()).ok('cache_get', { key: first.key })).toMatchObject({
      status: 'pending',
    });
    tenant.advance(1);
    expect(await get(tenant)).toEqual({ status: 'miss', key: first.key });
    const second = await get(tenant, { lease_s: 10 });
    expect(second).toEqual({ status: 'miss', key: first.key, lease_id: expect.any(String) });
    expect(second.lease_id).not.toBe(first.lease_id);
    expect(await get(tenant, { lease_s: 10 })).toMatchObject({ status: 'pending' });
  });

  test('is for one key', async () => {
    const tenant = await openTenant();
    const one = await get(tenant, { lease_s: 10 });
    const two = await get(tenant, { prompt: 'other', lease_s: 10 });
    expect(two.status).toBe('miss');
    expect(await set(tenant, { response: 1, lease_id: two.lease_id })).toMatchObject({
      status: 'rejected',
      reason: 'lease_lost',
      bytes: 0,
    });
    expect(await set(tenant, { response: 1, lease_id: one.lease_id })).toMatchObject({ status: 'stored' });
  });

  test('with a key alone', async () => {
    const tenant = await openTenant();
    const key = 'ab'.repeat(32);
    const { lease_id } = await tenant.ok('cache_get', { key, lease_s: 10 });
    expect(await tenant.ok('cache_get', { key, lease_s: 10 })).toMatchObject({ status: 'pending' });
    const stored = { key, model: 'model-x', lease_id, response: 1 };
    expect(await tenant.ok('cache_set', stored)).toMatchObject({ status: 'stored' });
    expect(await tenant.ok('cache_get', { key, lease_s: 10 })).toMatchObject({ status: 'hit' });
  });

  test('has the model and namespace of its key', async () => {
    const tenant = await openTenant();
    const { key } = await get(tenant, { namespace: 'n', lease_s: 10 });
    for (const [field, wrong] of [
      ['model', { key, model: 'model-y' }],
      ['namespace', { key, namespace: 'default' }],
    ] as const) {
      expect(await tenant.error('cache_get', wrong)).toMatchObject({ code: 'invalid_input', field });
    }
    expect(await tenant.ok('cache_get', { key, namespace: 'n', model: 'model-x' })).toMatchObject({
      status: 'pending',
    });
  });

  test('ends when any caller stores an answer', async () => {
    const tenant = await openTenant();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    expect(await set(tenant, { response: 'theirs' })).toMatchObject({ status: 'stored' });
    expect(await set(tenant, { response: 'mine', lease_id })).toMatchObject({ reason: 'lease_lost' });
    expect(await get(tenant)).toMatchObject({ status: 'hit', response: 'theirs' });
    expect(await tenant.ok('cache_stats')).toMatchObject({ rejected: 1, entries: 1 });
  });

  test('ends when an error is stored, which the others get', async () => {
    const tenant = await openTenant();
    const calls = [get(tenant, { lease_s: 10 }), get(tenant, { lease_s: 10, wait_s: 10 })] as const;
    const { lease_id } = await calls[0];
    await set(tenant, { error: 'overloaded', lease_id });
    expect(await calls[1]).toMatchObject({ status: 'negative', failure: 'overloaded' });
    expect(await tenant.ok('cache_stats')).toMatchObject({ negative: 1, coalesced: 1, misses: 1 });
  });

  test.each([
    ['empty', { response: '' }],
    ['truncated', { response: 'half', finish_reason: 'length' }],
  ])('ends when an answer is rejected as %s, and a waiting caller takes over', async (reason, answer) => {
    const tenant = await openTenant();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    const waiting = [1, 2, 3].map(() => get(tenant, { lease_s: 10, wait_s: 10 }));
    expect(await set(tenant, { ...answer, lease_id })).toMatchObject({ status: 'rejected', reason });
    const next = await Promise.race(waiting);
    expect(next).toMatchObject({ status: 'miss', lease_id: expect.any(String) });
    await set(tenant, { response: 'whole', lease_id: next.lease_id });
    expect(statuses(await Promise.all(waiting))).toEqual({ miss: 1, hit: 2 });
  });

  test('stays if an answer of a caller without the lease is rejected', async () => {
    const tenant = await openTenant();
    await get(tenant, { lease_s: 10 });
    await set(tenant, { response: '' });
    expect(await get(tenant)).toMatchObject({ status: 'pending' });
  });

  test('lets its holder repeat the call that stored the answer, and no other', async () => {
    const tenant = await openTenant();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    const mine = { response: 'mine', lease_id, ttl_s: 60 };
    expect(await set(tenant, mine)).toMatchObject({ status: 'stored' });
    expect(await set(tenant, mine)).toMatchObject({ status: 'replaced' });
    tenant.advance(60_000);
    expect(await set(tenant, mine)).toMatchObject({ status: 'rejected', reason: 'lease_lost' });
  });
});

describe('a late holder', () => {
  test('can still store if no one has taken over', async () => {
    const tenant = await openTenant();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    tenant.advance(10_000 + LEASE_GRACE_MS - 1);
    expect(await get(tenant)).toMatchObject({ status: 'miss' });
    expect(await set(tenant, { response: 'late', lease_id })).toMatchObject({ status: 'stored' });
  });

  test('cannot store after the grace period', async () => {
    const tenant = await openTenant();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    tenant.advance(10_000 + LEASE_GRACE_MS);
    expect(await set(tenant, { response: 'late', lease_id })).toMatchObject({ reason: 'lease_lost' });
  });

  test('cannot store once a successor has a lease, has stored, or has let its lease expire', async () => {
    const tenant = await openTenant();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    const late = { response: 'late', lease_id };
    tenant.advance(10_000);
    const successor = await get(tenant, { lease_s: 10 });
    expect(await set(tenant, late)).toMatchObject({ status: 'rejected', reason: 'lease_lost' });
    expect(await get(tenant)).toMatchObject({ status: 'pending' });
    tenant.advance(10_000);
    expect(await set(tenant, late)).toMatchObject({ reason: 'lease_lost' });
    expect(await set(tenant, { response: 'newer', lease_id: successor.lease_id, ttl_s: 1 })).toMatchObject({
      status: 'stored',
    });
    expect(await set(tenant, late)).toMatchObject({ reason: 'lease_lost' });
    tenant.advance(1000);
    expect(await set(tenant, late)).toMatchObject({ reason: 'lease_lost' });
  });
});
