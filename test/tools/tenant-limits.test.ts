import { expect, test } from 'vitest';
import { openTenant } from '#host';

test('tenant_limits tells the buckets that are not full, the storage and the token, and takes nothing', async () => {
  const tenant = await openTenant();
  expect((await tenant.ok('tenant_limits')).limits).toEqual([]);
  await tenant.ok('blackboard_list');
  const first = await tenant.ok('tenant_limits');
  const bucket = { remaining: 999_999, capacity: 1_000_000, refill_per_s: 100_000, resets_in_ms: 1 };
  expect(first.limits).toEqual([
    { scope: 'tenant', ...bucket },
    { scope: 'tool', tool: 'blackboard_list', ...bucket },
  ]);
  expect(first.storage.bytes).toBeGreaterThan(0);
  expect(first.token.scopes).toContain('blackboard:read');
  expect(await tenant.ok('tenant_limits')).toMatchObject({ limits: first.limits });
});

test('an argument of tenant_limits is refused by name', async () => {
  const tenant = await openTenant();
  expect(await tenant.error('tenant_limits', { tenant: 'other' })).toMatchObject({
    code: 'invalid_input',
    field: 'tenant',
    message: expect.stringContaining('tenant'),
  });
});
