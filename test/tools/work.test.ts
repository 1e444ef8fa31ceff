import { expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../support/tenant.ts';

/** The price of a call follows its work: what it receives, reads, writes and answers. */

const LIMIT = { rate: 1, burst: 60 };
const KIB = 1024;
const text = (kib: number) => 'x'.repeat(kib * KIB);

/** What is missing in a tool's bucket. */
async function taken(tenant: TestTenant, tool: string): Promise<number> {
  const { limits } = await tenant.ok('tenant_limits');
  const buckets = limits as { tool?: string; remaining: number; capacity: number }[];
  // A full bucket is not listed.
  const { capacity, remaining } = buckets.find((bucket) => bucket.tool === tool) ?? {
    capacity: 0,
    remaining: 0,
  };
  return capacity - remaining;
}

/** What one call takes from its tool's bucket. */
async function priceOf(tenant: TestTenant, tool: string, args: object): Promise<number> {
  const before = await taken(tenant, tool);
  await tenant.ok(tool, args);
  return (await taken(tenant, tool)) - before;
}

test('a call of up to 4 KiB costs what it costs by count', async () => {
  const tenant = await openTenant(LIMIT);
  expect(await priceOf(tenant, 'blackboard_write', { key: 'a', value: text(4) })).toBe(1);
  expect(await priceOf(tenant, 'blackboard_write', { key: 'a', value: { text: text(4) } })).toBe(1);
  expect(await priceOf(tenant, 'blackboard_read', { key: 'a' })).toBe(1);
  const usage = { model: 'm', messages: [{ role: 'user', content: text(2) }], response: text(2) };
  expect(await priceOf(tenant, 'cache_set', { ...usage, finish_reason: 'stop' })).toBe(1);
});

test('a larger one costs more the more it writes, reads and answers', async () => {
  const tenant = await openTenant({ rate: 1, burst: 1000 });
  const write = (kib: number) => priceOf(tenant, 'blackboard_write', { key: `k${kib}`, value: text(kib) });
  const [small, medium, large] = [await write(64), await write(256), await write(1000)];
  expect(small).toBeGreaterThan(4);
  expect(medium).toBeGreaterThan(3 * small);
  expect(large).toBeGreaterThan(3 * medium);
  const read = (kib: number) => priceOf(tenant, 'blackboard_read', { key: `k${kib}`, max_bytes: 1024 * KIB });
  expect(await read(1000)).toBeGreaterThan(3 * (await read(256)));
});

test('a call that costs more than the bucket holds passes on a full one and leaves a debt', async () => {
  const tenant = await openTenant(LIMIT);
  await tenant.ok('blackboard_write', { key: 'a', value: text(1000) });
  expect(await taken(tenant, 'blackboard_write')).toBe(LIMIT.burst);
  const { retry_after_ms } = await tenant.error('blackboard_write', { key: 'b', value: 1 });
  expect(retry_after_ms).toBeGreaterThan(60_000);
  tenant.advance(Number(retry_after_ms));
  await tenant.ok('blackboard_write', { key: 'b', value: 1 });
});

test('a failing call is charged for the work that it did', async () => {
  const tenant = await openTenant({ rate: 1, burst: 1000 });
  await tenant.ok('blackboard_write', { key: 'a', value: text(1000) });
  const before = await taken(tenant, 'blackboard_write');
  const error = await tenant.error('blackboard_write', { key: 'a', mode: 'increment', value: 1 });
  expect(error.code).toBe('invalid_input');
  expect((await taken(tenant, 'blackboard_write')) - before).toBeGreaterThan(50);
});

test('one call does not read and write without a bound, and changes nothing then', async () => {
  const tenant = await openTenant();
  const keys = [...Array(10).keys()].map((n) => `k${n}`);
  for (const key of keys) await tenant.ok('blackboard_write', { key, value: { text: text(512) } });
  const entries = keys.map((key) => ({ key, value: { seen: true } }));
  const error = await tenant.error('blackboard_write', { entries, mode: 'merge' });
  expect(error).toMatchObject({ code: 'too_large', retryable: false, limit: expect.any(Number) });
  expect(error.message).toMatch(/Split it into several calls\.$/);
  for (const key of keys) {
    const { entries: after } = await tenant.ok('blackboard_read', { key, path: '/seen' });
    expect((after as { value?: unknown }[]).map(({ value }) => value)).toEqual([undefined]);
  }
  await tenant.ok('blackboard_write', { entries: entries.slice(0, 3), mode: 'merge' });
});

test('a call that would write too much ends as soon as that is known, before it has worked on the rest', async () => {
  const tenant = await openTenant({ rate: 1, burst: 10_000 });
  const keys = [...Array(8).keys()].map((n) => `k${n}`);
  for (const key of keys) await tenant.ok('blackboard_write', { key, value: { text: text(512) } });
  const before = await taken(tenant, 'blackboard_write');
  const entries = keys.map((key) => ({ key, value: { seen: true }, mode: 'merge' }));
  expect(await tenant.error('blackboard_write', { entries })).toMatchObject({ code: 'too_large' });
  // Four of the cells were read: the fourth is one too many. All eight would cost 256.
  expect((await taken(tenant, 'blackboard_write')) - before).toBeLessThan(150);
});

test('a value that is replaced is neither read nor charged, however large it is', async () => {
  const tenant = await openTenant({ rate: 1, burst: 10_000 });
  const keys = [...Array(8).keys()].map((n) => `k${n}`);
  for (const key of keys) await tenant.ok('blackboard_write', { key, value: text(1000) });
  const write = (args: object) => tenant.ok('blackboard_write', args);
  expect(await priceOf(tenant, 'blackboard_write', { key: 'k0', value: 1 })).toBe(1);
  const conflicts = keys.slice(1).map((key) => ({ key, value: 1, if_rev: 0 }));
  const refused = await write({ entries: conflicts });
  expect(refused).toMatchObject({ status: 'conflict' });
  expect(refused.entries[6].current).toMatchObject({ truncated: true, bytes: 1000 * KIB + 2 });
  expect(await write({ key: 'k1', value: text(1000) })).toMatchObject({ status: 'unchanged', rev: 2 });
  expect(await write({ key: 'k1', value: `${text(999)}${'y'.repeat(KIB)}` })).toMatchObject({
    status: 'updated',
  });
  const entries = keys.map((key) => ({ key, value: 2 }));
  expect(await write({ entries })).toMatchObject({ status: 'written' });
});

test('an answer has a bound', async () => {
  const tenant = await openTenant();
  const keys = [...Array(8).keys()].map((n) => `k${n}`);
  for (const key of keys) await tenant.ok('blackboard_write', { key, value: text(1000) });
  const error = await tenant.error('blackboard_read', { keys, max_bytes: 1024 * KIB });
  expect(error.code).toBe('too_large');
  await tenant.ok('blackboard_read', { keys: keys.slice(0, 4), max_bytes: 1024 * KIB });
});
