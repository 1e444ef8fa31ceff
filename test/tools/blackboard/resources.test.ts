import { expect, test } from 'vitest';
import { openTenant } from '#host';

test('all unexpired cells are listed by board and key, in pages', async () => {
  const tenant = await openTenant();
  const at = new Date(tenant.now).toISOString();
  for (const [run_id, key] of [
    ['b', 'z'],
    ['b', 'a/1'],
    ['a', 'z'],
    ['ab', 'a'],
    ['c', 'é'],
  ])
    await tenant.ok('blackboard_write', { run_id, key, value: key });
  await tenant.ok('blackboard_write', { run_id: 'b', key: 'gone', value: 1, ttl_s: 1 });
  const names: string[] = [];
  let cursor: string | undefined;
  tenant.advance(999);
  expect((await tenant.ok('resources_list')).entries).toHaveLength(6);
  tenant.advance(1);
  do {
    const page = await tenant.ok('resources_list', { limit: 2, cursor });
    names.push(...page.entries.map(({ run_id, key }: Record<string, string>) => `${run_id} ${key}`));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  expect(names).toEqual(['a z', 'ab a', 'b a/1', 'b z', 'c é']);
  expect((await tenant.ok('resources_list', { limit: 1 })).entries).toEqual([
    { run_id: 'a', key: 'z', rev: 3, bytes: 3, updated_at: at },
  ]);
});

test('a cursor of another list or tenant, or an altered one, is refused', async () => {
  const tenant = await openTenant();
  const other = await openTenant();
  for (const key of ['a', 'b'])
    for (const one of [tenant, other]) await one.ok('blackboard_write', { key, value: 1 });
  const { next_cursor } = await tenant.ok('resources_list', { limit: 1 });
  const { next_cursor: foreign } = await other.ok('resources_list', { limit: 1 });
  const { next_cursor: listed } = await tenant.ok('blackboard_list', { run_id: 'default', limit: 1 });
  const flipped = `${next_cursor.slice(0, 20)}${next_cursor[20] === 'A' ? 'B' : 'A'}${next_cursor.slice(21)}`;
  for (const cursor of [foreign, listed, flipped, next_cursor.slice(1), `${next_cursor}A`])
    expect(await tenant.error('resources_list', { cursor })).toMatchObject({
      code: 'invalid_input',
      field: 'cursor',
    });
  expect((await tenant.ok('resources_list', { cursor: next_cursor })).entries).toHaveLength(1);
});

test('a cell is read whole until the millisecond it expires', async () => {
  const tenant = await openTenant();
  const at = new Date(tenant.now).toISOString();
  const value = 'é'.repeat(524_287);
  await tenant.ok('blackboard_write', { run_id: 'r', key: 'a/b', value, ttl_s: 1 });
  tenant.advance(999);
  expect(await tenant.ok('resources_read', { run_id: 'r', key: 'a/b' })).toEqual({
    found: true,
    json: JSON.stringify(value),
    rev: 1,
    updated_at: at,
  });
  expect(await tenant.ok('resources_read', { run_id: 'default', key: 'a/b' })).toEqual({ found: false });
  tenant.advance(1);
  expect(await tenant.ok('resources_read', { run_id: 'r', key: 'a/b' })).toEqual({ found: false });
});
