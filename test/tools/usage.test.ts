import { expect, test } from 'vitest';
import { openTenant } from '#host';

const DAY_MS = 86_400_000;

test('usage tells calls, failures, refusals and what they cost, by day, month, token, tool and client', async () => {
  const tenant = await openTenant();
  const other = await tenant.otherPrincipal(['blackboard:read']);
  // The last day of a month.
  tenant.advance(Date.UTC(2026, 0, 31, 12) - tenant.now);
  await tenant.ok('blackboard_write', { key: 'k', value: 'x'.repeat(20_000) });
  await tenant.error('blackboard_write', { key: 'k' });
  await tenant.outcome('no_such_tool', {});
  await tenant.ok('tenant_limits');
  await other.ok('blackboard_read', { key: 'k' });
  await other.outcome('blackboard_write', { key: 'k', value: 1 });
  tenant.advance(DAY_MS);
  await other.ok('blackboard_read', { key: 'k' });

  const days = await tenant.usage('day');
  expect(days).toMatchObject([
    { name: '2026-01-31', used: { calls: 4, failed: 1, refused: 2, charged: 4 } },
    { name: '2026-02-01', used: { calls: 1, failed: 0, refused: 0, charged: 1, work: 1 } },
  ]);
  // A large value costs more than a call.
  expect(days[0]?.used.work).toBeGreaterThan(4);
  expect(days[0]?.used.bytes_in).toBeGreaterThan(20_000);
  expect(days[0]?.used.bytes_out).toBeGreaterThan(100);
  expect(await tenant.usage('month')).toMatchObject([
    { name: '2026-01', used: { calls: 4 } },
    { name: '2026-02', used: { calls: 1 } },
  ]);
  expect(await tenant.usage('token')).toMatchObject([
    { name: tenant.principal, used: { calls: 3, failed: 1, refused: 1 } },
    { name: other.principal, used: { calls: 2, failed: 0, refused: 1 } },
  ]);
  expect(await tenant.usage('tool')).toMatchObject([
    { name: 'blackboard_write', used: { calls: 2, failed: 1, refused: 1 } },
    { name: 'blackboard_read', used: { calls: 2 } },
    { name: 'tenant_limits', used: { calls: 1, charged: 0 } },
    { name: 'unknown', used: { calls: 0, refused: 1, charged: 1 } },
  ]);
  expect(await tenant.usage('client')).toMatchObject([{ name: null, used: { calls: 5, refused: 2 } }]);
  expect(await tenant.usage('day', tenant.now - 1000)).toMatchObject([{ name: '2026-02-01' }]);

  await tenant.restart();
  expect(await tenant.usage('day')).toEqual(days);
});
