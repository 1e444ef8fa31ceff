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
    { day: '2026-01-31', calls: 4, failed: 1, refused: 2, charged: 4 },
    { day: '2026-02-01', calls: 1, failed: 0, refused: 0, charged: 1, work: 1 },
  ]);
  // A large value costs more than a call.
  expect(days[0]?.work).toBeGreaterThan(4);
  expect(days[0]?.bytes_in).toBeGreaterThan(20_000);
  expect(days[0]?.bytes_out).toBeGreaterThan(100);
  expect(await tenant.usage('month')).toMatchObject([
    { month: '2026-01', calls: 4 },
    { month: '2026-02', calls: 1 },
  ]);
  expect(await tenant.usage('token')).toMatchObject([
    { token_id: tenant.principal, calls: 3, failed: 1, refused: 1 },
    { token_id: other.principal, label: 'test', calls: 2, failed: 0, refused: 1 },
  ]);
  expect(await tenant.usage('tool')).toMatchObject([
    { tool: 'blackboard_write', calls: 2, failed: 1, refused: 1 },
    { tool: 'blackboard_read', calls: 2 },
    { tool: 'tenant_limits', calls: 1, charged: 0 },
    { tool: 'unknown', calls: 0, refused: 1, charged: 1 },
  ]);
  expect(await tenant.usage('client')).toMatchObject([{ client: '', calls: 5, refused: 2 }]);
  expect(await tenant.usage('day', tenant.now - 1000)).toMatchObject([{ day: '2026-02-01' }]);

  await tenant.restart();
  expect(await tenant.usage('day')).toEqual(days);
});
