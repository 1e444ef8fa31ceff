import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const fill = async (tenant: TestTenant, keys: readonly string[]) => {
  for (let i = 0; i < keys.length; i += 20)
    await tenant.ok('blackboard_write', {
      entries: keys.slice(i, i + 20).map((key) => ({ key, value: 'word', tags: ['t'] })),
    });
};

test('cells are deleted by key, and the index and the tags with them', async () => {
  const tenant = await openTenant();
  await fill(tenant, ['a', 'b', 'c']);
  expect(await tenant.ok('blackboard_delete', { keys: ['a', 'c', 'c', 'nope'] })).toEqual({
    status: 'deleted',
    matched: 2,
    deleted: 2,
    keys: ['a', 'c'],
  });
  for (const filter of [{ tags: ['t'] }, { query: 'word' }, { run_id: 'default' }])
    expect(await tenant.ok('blackboard_list', filter)).toMatchObject({ total: 1, entries: [{ key: 'b' }] });
  expect(await tenant.ok('blackboard_delete', { keys: ['a'] })).toEqual({
    status: 'none',
    matched: 0,
    deleted: 0,
    keys: [],
  });
});

test('a prefix is text, not a pattern, and stays on its board', async () => {
  const tenant = await openTenant();
  await fill(tenant, ['a%/x', 'a%/y', 'ab/x', 'a%']);
  await tenant.ok('blackboard_write', { run_id: 'other', key: 'a%/x', value: 1 });
  expect(await tenant.ok('blackboard_delete', { prefix: 'a%/' })).toMatchObject({
    deleted: 2,
    keys: ['a%/x', 'a%/y'],
  });
  expect(await tenant.ok('blackboard_list', { run_id: 'other' })).toMatchObject({ total: 1 });
});

test('each deletion is an event of its own', async () => {
  const tenant = await openTenant();
  await fill(tenant, ['a', 'b']);
  await tenant.ok('blackboard_delete', { prefix: 'a' });
  await tenant.ok('blackboard_delete', { keys: ['b'] });
  const { entries } = await tenant.ok('blackboard_read', { keys: ['a', 'b'], history: true });
  expect(entries).toMatchObject([
    { versions: [{ rev: 3, op: 'delete' }, { rev: 1 }] },
    { versions: [{ rev: 4, op: 'delete' }, { rev: 2 }] },
  ]);
});

describe('guards', () => {
  test('dry_run deletes nothing and reports what it would delete', async () => {
    const tenant = await openTenant();
    await fill(tenant, ['a', 'b']);
    expect(await tenant.ok('blackboard_delete', { keys: ['a', 'b'], dry_run: true })).toEqual({
      status: 'would_delete',
      matched: 2,
      deleted: 0,
      keys: ['a', 'b'],
    });
    expect((await tenant.ok('blackboard_list', { run_id: 'default' })).total).toBe(2);
  });

  test('a wrong expect_count deletes nothing', async () => {
    const tenant = await openTenant();
    await fill(tenant, ['a/1', 'a/2']);
    for (const expect_count of [0, 1, 3])
      expect(await tenant.ok('blackboard_delete', { prefix: 'a/', expect_count })).toMatchObject({
        status: 'mismatch',
        matched: 2,
        deleted: 0,
      });
    expect(await tenant.ok('blackboard_delete', { prefix: 'a/', expect_count: 2 })).toMatchObject({
      status: 'deleted',
    });
    expect(await tenant.ok('blackboard_delete', { prefix: 'a/', expect_count: 0 })).toMatchObject({
      status: 'none',
    });
  });

  test('a wrong if_rev deletes nothing', async () => {
    const tenant = await openTenant();
    await fill(tenant, ['a']);
    const { rev } = await tenant.ok('blackboard_write', { key: 'a', value: 2 });
    expect(await tenant.ok('blackboard_delete', { keys: ['a'], if_rev: 1 })).toMatchObject({
      status: 'conflict',
      rev,
      deleted: 0,
    });
    expect(await tenant.ok('blackboard_delete', { keys: ['a'], if_rev: rev })).toMatchObject({ deleted: 1 });
    expect(await tenant.ok('blackboard_delete', { keys: ['a'], if_rev: rev })).toMatchObject({
      status: 'conflict',
      rev: 0,
    });
    expect(await tenant.ok('blackboard_delete', { keys: ['a'], if_rev: 0 })).toMatchObject({
      status: 'none',
    });
  });

  test.each([
    ['keys', {}],
    ['prefix', { keys: ['a'], prefix: 'b' }],
    ['if_rev', { prefix: 'a', if_rev: 1 }],
    ['if_rev', { keys: ['a', 'b'], if_rev: 1 }],
    ['keys', { keys: Array.from({ length: 51 }, (_, i) => `k${i}`) }],
    ['keys', { keys: [] }],
    ['prefix', { prefix: '' }],
  ])('and a wrong %s is refused', async (field, args) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_delete', args)).toMatchObject({ code: 'invalid_input', field });
  });
});

test('one call deletes up to 500 cells and reports that more remain', async () => {
  const tenant = await openTenant();
  await fill(
    tenant,
    Array.from({ length: 501 }, (_, i) => `k/${String(i).padStart(4, '0')}`),
  );
  const first = await tenant.ok('blackboard_delete', { prefix: 'k/', expect_count: 501 });
  expect(first).toMatchObject({ status: 'deleted', matched: 501, deleted: 500, more: true });
  expect(first.keys).toHaveLength(20);
  expect(await tenant.ok('blackboard_delete', { prefix: 'k/' })).toEqual({
    status: 'deleted',
    matched: 1,
    deleted: 1,
    keys: ['k/0500'],
  });
});
