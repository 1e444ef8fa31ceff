import { expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../support/tenant.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Ten minutes before the end of January in a leap year, so that February has 29 days. */
const LAST_OF_JANUARY = Date.UTC(2028, 0, 31, 23, 50);

async function openAt(now: number): Promise<TestTenant> {
  const tenant = await openTenant();
  tenant.advance(now - tenant.now);
  return tenant;
}

async function callTimes(tenant: TestTenant, times: number): Promise<void> {
  for (let call = 0; call < times; call++) await tenant.ok('blackboard_list');
}

test('calls beyond the quota of a day are refused until the next day in UTC, which the error and tenant_limits tell', async () => {
  const tenant = await openAt(LAST_OF_JANUARY);
  await tenant.setCallQuotas({ day: 3 });
  await callTimes(tenant, 2);
  const midnight = '2028-02-01T00:00:00.000Z';
  expect((await tenant.ok('tenant_limits')).calls).toEqual([
    { period: 'day', remaining: 1, quota: 3, resets_at: midnight },
  ]);
  await tenant.ok('blackboard_write', { key: 'k', value: 1 });
  const refused = await tenant.error('blackboard_read', { key: 'k' });
  expect(refused).toMatchObject({
    code: 'quota_exceeded',
    retryable: true,
    limit: 3,
    retry_after_ms: 600_000,
    resets_at: midnight,
    message: expect.stringContaining(midnight),
  });
  // What is free is served, also to learn when the quota begins anew.
  expect((await tenant.ok('tenant_limits')).calls).toMatchObject([{ remaining: 0 }]);
  tenant.advance(refused.retry_after_ms ?? 0);
  await callTimes(tenant, 3);
  expect(await tenant.error('blackboard_list', {})).toMatchObject({ retry_after_ms: DAY_MS });
});

test('every way to a tool is bound: internal tools, names that no tool has, calls that fail, other tokens', async () => {
  const tenant = await openTenant();
  const other = await tenant.otherPrincipal();
  await tenant.setCallQuotas({ day: 4 });
  await tenant.error('blackboard_write', { key: 'k' });
  await tenant.outcome('no_such_tool', {});
  await tenant.outcome('resources_read', { uri: 'blackboard://default/none' });
  await other.ok('blackboard_list');
  for (const tool of ['blackboard_list', 'resources_read', 'resources_list', 'session_open', 'no_such_tool'])
    expect(await tenant.error(tool, {})).toMatchObject({ code: 'quota_exceeded' });
  expect(await other.error('blackboard_list', {})).toMatchObject({ code: 'quota_exceeded' });
});

test('a refused call counts against no quota, and one that waits counts once', async () => {
  const tenant = await openTenant({ rate: 1, burst: 2 });
  const narrow = await tenant.otherPrincipal(['cache:read']);
  await tenant.setCallQuotas({ month: 4 });
  for (let call = 0; call < 5; call++) await narrow.outcome('blackboard_list', {});
  await callTimes(tenant, 2);
  for (let call = 0; call < 5; call++)
    expect(await tenant.error('blackboard_list', {})).toMatchObject({ code: 'rate_limited' });
  expect((await tenant.ok('tenant_limits')).calls).toMatchObject([{ period: 'month', remaining: 2 }]);
  tenant.advance(10_000);
  const waiting = tenant.outcome('blackboard_claim', { key: 'later', wait_s: 5 });
  await tenant.elapse(6000);
  await waiting;
  expect((await tenant.ok('tenant_limits')).calls).toMatchObject([{ remaining: 1 }]);
});

test('of two quotas that are used up, the caller is told the one that begins anew later', async () => {
  const tenant = await openAt(Date.UTC(2028, 1, 27, 12));
  await tenant.setCallQuotas({ day: 2, month: 5 });
  await callTimes(tenant, 2);
  expect(await tenant.error('blackboard_list', {})).toMatchObject({ limit: 2, retry_after_ms: 12 * HOUR_MS });
  tenant.advance(DAY_MS);
  await callTimes(tenant, 2);
  tenant.advance(DAY_MS);
  // The 29th of a leap year's February.
  await callTimes(tenant, 1);
  expect(await tenant.error('blackboard_list', {})).toMatchObject({
    limit: 5,
    retry_after_ms: 12 * HOUR_MS,
    resets_at: '2028-03-01T00:00:00.000Z',
  });
  tenant.advance(12 * HOUR_MS);
  await callTimes(tenant, 2);
  expect(await tenant.error('blackboard_list', {})).toMatchObject({ limit: 2 });
});

test('a clock that steps goes on where it left the day, and a restart loses no count', async () => {
  const tenant = await openAt(LAST_OF_JANUARY);
  await tenant.setCallQuotas({ day: 3, month: 5 });
  await callTimes(tenant, 3);
  const steps = [HOUR_MS, -HOUR_MS, HOUR_MS, -HOUR_MS];
  for (const step of steps) {
    tenant.advance(step);
    const outcome = await tenant.outcome('blackboard_list', {});
    expect(outcome.kind).toBe(step > 0 ? 'answer' : 'error');
  }
  await tenant.ok('tenant_limits');
  await tenant.elapse(1000);
  await tenant.restart();
  expect(await tenant.error('blackboard_list', {})).toMatchObject({ code: 'quota_exceeded', limit: 3 });
  tenant.advance(HOUR_MS);
  await callTimes(tenant, 1);
  expect(await tenant.error('blackboard_list', {})).toMatchObject({ limit: 3 });
});

test('quotas are raised and removed at once, and count what was called before they were set', async () => {
  const tenant = await openTenant();
  await callTimes(tenant, 2);
  await tenant.setCallQuotas({ day: 2, month: 2 });
  expect(await tenant.error('blackboard_list', {})).toMatchObject({ code: 'quota_exceeded' });
  await tenant.setCallQuotas({ month: null });
  expect((await tenant.ok('tenant_limits')).calls).toMatchObject([{ period: 'day', remaining: 0 }]);
  await tenant.setCallQuotas({ day: 3 });
  await callTimes(tenant, 1);
  await tenant.error('blackboard_list', {});
  await tenant.setCallQuotas({ day: null });
  await callTimes(tenant, 3);
  expect((await tenant.ok('tenant_limits')).calls).toBeUndefined();
});
