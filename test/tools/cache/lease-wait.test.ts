import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const question = { model: 'model-x', prompt: 'Why is the sky blue?' };
const get = (tenant: TestTenant, more: object = {}) => tenant.ok('cache_get', { ...question, ...more });
const set = (tenant: TestTenant, more: object) => tenant.ok('cache_set', { ...question, ...more });
const statuses = (answers: readonly Answer[]) => {
  const groups = Map.groupBy(answers, ({ status }) => String(status));
  return Object.fromEntries([...groups].map(([status, { length }]) => [status, length]));
};

describe('a hundred misses in parallel', () => {
  const hundred = (call: () => Promise<Answer>) => Array.from({ length: 100 }, call);

  test('one gets the lease, the others wait for its answer', async () => {
    const tenant = await openTenant();
    const calls = hundred(() => get(tenant, { lease_s: 60, wait_s: 25 }));
    const { status, key, lease_id } = await Promise.race(calls);
    expect(status).toBe('miss');
    await tenant.elapse(1000);
    const stored = { key, lease_id, response: 'Rayleigh', usage: { input_tokens: 3 } };
    expect(await tenant.ok('cache_set', stored)).toMatchObject({ status: 'stored' });
    const answers = await Promise.all(calls);
    expect(statuses(answers)).toEqual({ miss: 1, hit: 99 });
    expect(answers.filter(({ response }) => response === 'Rayleigh')).toHaveLength(99);
    expect(await tenant.ok('cache_stats')).toMatchObject({
      misses: 1,
      hits: 99,
      coalesced: 99,
      tokens_saved: 297,
    });
  });

  test('without wait_s the others get pending', async () => {
    const tenant = await openTenant();
    const answers = await Promise.all(hundred(() => get(tenant, { lease_s: 3 })));
    expect(statuses(answers)).toEqual({ miss: 1, pending: 99 });
    expect(answers.find(({ status }) => status === 'pending')).toEqual({
      status: 'pending',
      key: expect.any(String),
      retry_after_ms: 3000,
    });
    expect(await tenant.ok('cache_stats')).toMatchObject({ misses: 1, hits: 0, coalesced: 99, hit_rate: 0 });
  });
});

describe('a stale answer during its refresh', () => {
  async function stale() {
    const tenant = await openTenant();
    await set(tenant, { response: 'old', ttl_s: 10, stale_s: 100 });
    tenant.advance(10_000);
    return tenant;
  }

  test('the first caller gets the lease and the stale answer, the others only the answer, and none waits', async () => {
    const tenant = await stale();
    const answers = await Promise.all([1, 2, 3].map(() => get(tenant, { lease_s: 10, wait_s: 10 })));
    expect(statuses(answers)).toEqual({ stale: 3 });
    const [lease_id, ...more] = answers.flatMap((answer) => answer.lease_id ?? []);
    expect(more).toEqual([]);
    expect(await set(tenant, { response: 'new', lease_id })).toMatchObject({ status: 'replaced' });
    expect(await get(tenant)).toMatchObject({ status: 'hit', response: 'new' });
    const stats = await tenant.ok('cache_stats');
    expect(stats).toMatchObject({ stale: 3, misses: 0 });
    expect(stats).not.toHaveProperty('coalesced');
  });

  test('after the holder died another caller that asks for it gets the lease', async () => {
    const tenant = await stale();
    const first = await get(tenant, { lease_s: 10 });
    tenant.advance(9999);
    expect(await get(tenant, { lease_s: 10 })).not.toHaveProperty('lease_id');
    tenant.advance(1);
    expect(await get(tenant)).not.toHaveProperty('lease_id');
    const second = await get(tenant, { lease_s: 10 });
    expect(second).toMatchObject({ status: 'stale', lease_id: expect.any(String) });
    expect(second.lease_id).not.toBe(first.lease_id);
  });

  test('after the stale time callers get pending', async () => {
    const tenant = await stale();
    const { lease_id } = await get(tenant, { lease_s: 300 });
    tenant.advance(99_999);
    expect(await get(tenant, { lease_s: 10 })).toMatchObject({ status: 'stale' });
    tenant.advance(1);
    expect(await get(tenant, { lease_s: 10 })).toMatchObject({ status: 'pending' });
    expect(await set(tenant, { response: 'new', lease_id })).toMatchObject({ status: 'stored' });
  });

  test('an error leaves the stale answer and ends the lease', async () => {
    const tenant = await stale();
    const { lease_id } = await get(tenant, { lease_s: 10 });
    expect(await set(tenant, { error: 'down', lease_id })).toMatchObject({ reason: 'answered' });
    expect(await get(tenant, { lease_s: 10 })).toMatchObject({
      status: 'stale',
      response: 'old',
      lease_id: expect.any(String),
    });
  });
});
