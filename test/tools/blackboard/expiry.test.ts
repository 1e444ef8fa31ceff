import { expect, test } from 'vitest';
import { openTenant } from '#host';
import { claim, read, write } from '../../support/board.ts';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const watch = (tenant: TestTenant, args: object = {}) =>
  tenant.ok('blackboard_watch', { since_rev: 0, ...args });
const shown = (events: Answer[]) => events.map(({ rev, op, key, by }) => [rev, op, key, by]);

test('the expiry of a cell and of a claim is told once, in order of rev, with the time at which it happened', async () => {
  const tenant = await openTenant();
  await write(tenant, 'short', 1, { ttl_s: 3, by: 'me' });
  await write(tenant, 'item', 1, { by: 'me' });
  await claim(tenant, { key: 'item', by: 'worker', ttl_s: 2 });
  const start = tenant.now;
  tenant.advance(60_000);
  const { events, next_rev } = await watch(tenant, { since_rev: 3 });
  expect(shown(events)).toEqual([
    [4, 'claim_expired', 'item', 'worker'],
    [5, 'expired', 'short', 'me'],
  ]);
  expect(events.map(({ at }: Answer) => Date.parse(at) - start)).toEqual([2_000, 3_000]);
  expect(next_rev).toBe(5);
  expect((await watch(tenant, { since_rev: next_rev })).events).toEqual([]);
  expect(shown((await watch(tenant, { since_rev: 3 })).events)).toEqual(shown(events));
});

test('a watcher that waits is told at the time of the expiry', async () => {
  const tenant = await openTenant();
  await write(tenant, 'short', 1, { ttl_s: 3 });
  await write(tenant, 'item', 1);
  await claim(tenant, { key: 'item', ttl_s: 2 });
  const first = watch(tenant, { since_rev: 3, wait_s: 25 });
  await tenant.elapse(2_000);
  expect((await first).events).toMatchObject([{ op: 'claim_expired', key: 'item' }]);
  const second = watch(tenant, { since_rev: 4, wait_s: 25, prefix: 'sh' });
  await tenant.elapse(1_000);
  expect((await second).events).toMatchObject([{ op: 'expired', key: 'short' }]);
});

test('an expiry is told before what replaces the cell or the claim', async () => {
  const tenant = await openTenant();
  await write(tenant, 'k', 1, { ttl_s: 1 });
  tenant.advance(1_000);
  await write(tenant, 'k', 2);
  await claim(tenant, { key: 'k', by: 'a', ttl_s: 1 });
  tenant.advance(1_000);
  await claim(tenant, { key: 'k', by: 'b' });
  expect((await watch(tenant)).events.map(({ op }: Answer) => op)).toEqual([
    'set',
    'expired',
    'set',
    'claim',
    'claim_expired',
    'claim',
  ]);
});

test('a claim that ends with its cell, or is deleted or taken over with it, is no expiry', async () => {
  const tenant = await openTenant();
  await write(tenant, 'a', 1, { ttl_s: 1 });
  await claim(tenant, { key: 'a' });
  await write(tenant, 'b', 1);
  await claim(tenant, { key: 'b' });
  await claim(tenant, { key: 'b', take_over: true });
  await tenant.ok('blackboard_delete', { keys: ['b'] });
  tenant.advance(1_000);
  expect((await watch(tenant)).events.map(({ op, key }: Answer) => `${op} ${key}`)).toEqual([
    'set a',
    'claim a',
    'set b',
    'claim b',
    'claim b',
    'delete b',
    'expired a',
  ]);
});

test('the versions of a key show its expiry', async () => {
  const tenant = await openTenant();
  await write(tenant, 'k', 1, { ttl_s: 1 });
  tenant.advance(1_000);
  await write(tenant, 'k', 2);
  const { entries } = await tenant.ok('blackboard_read', { key: 'k', history: true });
  expect(entries[0].versions.map(({ op }: Answer) => op)).toEqual(['set', 'expired', 'set']);
  const { entries: then } = await tenant.ok('blackboard_read', { key: 'k', at_rev: 2 });
  expect(then).toEqual([{ key: 'k', found: false, reason: 'expired', rev: 2 }]);
  expect((await read(tenant, 'k')).value).toBe(2);
});
