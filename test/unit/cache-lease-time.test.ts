import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../support/tenant.ts';

const question = { model: 'model-x', prompt: 'Why is the sky blue?' };
const get = (tenant: TestTenant, more: object = {}) => tenant.ok('cache_get', { ...question, ...more });
const set = (tenant: TestTenant, more: object) => tenant.ok('cache_set', { ...question, ...more });
const statuses = (answers: readonly Answer[]) => {
  const groups = Map.groupBy(answers, ({ status }) => String(status));
  return Object.fromEntries([...groups].map(([status, { length }]) => [status, length]));
};

// In these tests waiting ends by a timer. Only the Node host lets tests inject timers.

test('a holder that dies has one successor, and no caller waits forever', async () => {
  const tenant = await openTenant();
  const calls = Array.from({ length: 100 }, () => get(tenant, { lease_s: 10, wait_s: 25 }));
  const first = await Promise.race(calls);
  const others = calls.slice(1);
  let over = 0;
  for (const call of others) void call.then(() => over++);
  await tenant.elapse(9999);
  expect(over).toBe(0);
  await tenant.elapse(1);
  const successor = await Promise.race(others);
  expect(successor).toMatchObject({ status: 'miss', lease_id: expect.any(String) });
  expect(successor.lease_id).not.toBe(first.lease_id);
  await tenant.elapse(9999);
  await set(tenant, { response: 'late', lease_id: successor.lease_id });
  expect(statuses(await Promise.all(calls))).toEqual({ miss: 2, hit: 98 });
});

describe('waiting', () => {
  test('ends with pending if wait_s passes before the lease expires', async () => {
    const tenant = await openTenant();
    await get(tenant, { lease_s: 60 });
    const waiting = get(tenant, { lease_s: 60, wait_s: 5 });
    await tenant.elapse(5000);
    expect(await waiting).toMatchObject({ status: 'pending', retry_after_ms: 5000 });
  });

  test('takes over if both end in the same millisecond', async () => {
    const tenant = await openTenant();
    await get(tenant, { lease_s: 5 });
    const waiting = get(tenant, { lease_s: 5, wait_s: 5 });
    await tenant.elapse(5000);
    expect(await waiting).toMatchObject({ status: 'miss', lease_id: expect.any(String) });
  });

  test('ends with a miss without a lease for a caller that asked for none', async () => {
    const tenant = await openTenant();
    const { key } = await get(tenant, { lease_s: 5 });
    const waiting = get(tenant, { wait_s: 25 });
    await tenant.elapse(5000);
    expect(await waiting).toEqual({ status: 'miss', key });
  });

  test('continues for the successor of the successor', async () => {
    const tenant = await openTenant();
    await get(tenant, { lease_s: 5 });
    const waiting = [1, 2, 3].map(() => get(tenant, { lease_s: 5, wait_s: 20 }));
    await tenant.elapse(10_000);
    const last = (await tenant.ok('cache_stats')).misses;
    expect(last).toBe(3);
    await set(tenant, { response: 'at last' });
    expect(statuses(await Promise.all(waiting))).toEqual({ miss: 2, hit: 1 });
  });

  test('also happens for a caller whose max_age_s excludes the stored answer', async () => {
    const tenant = await openTenant();
    await set(tenant, { response: 'old' });
    tenant.advance(10_000);
    const young = { max_age_s: 5, lease_s: 10 };
    const { lease_id } = await get(tenant, young);
    const waiting = get(tenant, { ...young, wait_s: 10 });
    expect(await get(tenant, { lease_s: 10 })).toMatchObject({ status: 'hit', response: 'old' });
    expect(await set(tenant, { response: 'new', lease_id })).toMatchObject({ status: 'replaced' });
    expect(await waiting).toMatchObject({ status: 'hit', response: 'new', age_s: 0 });
  });
});
