import { afterAll, beforeAll, expect, test } from 'vitest';
import { Checkout, cli, freePort, type Started } from '../support/node-cli.ts';

let checkout: Checkout;
let server: Started;
beforeAll(async () => {
  checkout = new Checkout();
  server = await checkout.start(await freePort());
});
afterAll(() => checkout.remove());

async function tenant(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return checkout.run(cli('tenant', ...args));
}

async function document(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await tenant(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('an operator sees what takes the room, drops history, and sets a quota for one tenant', async () => {
  expect(server.stdout).toContain('Token');
  await document('create', 'acme');
  expect(await document('storage', 'acme')).toMatchObject({
    id: 'acme',
    storage: { quota_bytes: 1_073_741_824, own_quota: false },
    data: { cells: { rows: 0 }, history: { rows: 0 }, scars: { rows: 0 }, cache: { rows: 0 } },
    bookkeeping: { idempotency: { rows: 0, bytes: 0 }, sessions: { rows: 0 }, records: { rows: 1 } },
  });
  expect((await tenant('storage', 'acme')).stdout).toMatch(
    /DATA +ROWS +SIZE\n(.*\n)*cells +0 .*\n(.*\n)*OUTSIDE THE QUOTA/,
  );
  expect(await document('compact', 'acme')).toMatchObject({
    dropped: { history: 0, expired: 0 },
    more: false,
  });

  const own = { storage: { quota_bytes: 200_000_000, own_quota: true } };
  expect(await document('limits', 'acme', '--set', 'storage=200MB', 'rate=7')).toMatchObject({
    ...own,
    limits: { tenant: { rate: 7 } },
  });
  expect(await document('show', 'acme')).toMatchObject(own);
  // The limits of calls and the quota do not touch each other.
  expect(await document('limits', 'acme', '--unset')).toMatchObject(own);
  expect(await document('limits', 'acme', '--unset', 'storage')).toMatchObject({
    storage: { quota_bytes: 1_073_741_824, own_quota: false },
  });
});

test.each([
  [['--set', 'storage=lots'], /storage must be a whole number with a unit/],
  [['--tool', 'cache_get', '--set', 'storage=2MB'], /not per tool/],
  [['--tool', 'cache_get', '--unset', 'storage'], /not per tool/],
])('limits ID %j is refused in one sentence', async (args, message) => {
  const { code, stderr } = await tenant('limits', 'acme', ...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test('a quota outside the range is refused by the server', async () => {
  const { code, stderr } = await tenant('limits', 'acme', '--set', 'storage=1');
  expect(code).toBe(1);
  expect(stderr).toContain('storage');
});
