import { expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../support/tenant.ts';

/** What `completion/complete` is answered from. */

const boards = (tenant: TestTenant, prefix: string) => tenant.ok('completion_boards', { prefix });
const keys = (tenant: TestTenant, prefix: string, more: object = {}) =>
  tenant.ok('completion_keys', { prefix, ...more });
const write = (tenant: TestTenant, run_id: string, key: string, more: object = {}) =>
  tenant.ok('blackboard_write', { run_id, key, value: 1, ...more });

test('boards are those whose name begins with the text, without what has expired', async () => {
  const tenant = await openTenant();
  for (const run_id of ['sprint 12', 'sprint 7', 'spring', 'Sprint', 'été']) await write(tenant, run_id, 'a');
  await write(tenant, 'sprint 1', 'a', { ttl_s: 1 });
  expect(await boards(tenant, 'sprint')).toEqual({
    values: ['sprint 1', 'sprint 12', 'sprint 7'],
    more: false,
  });
  tenant.advance(1000);
  expect((await boards(tenant, 'sprint')).values).toEqual(['sprint 12', 'sprint 7']);
  expect((await boards(tenant, '')).values).toEqual(['Sprint', 'spring', 'sprint 12', 'sprint 7', 'été']);
  expect((await boards(tenant, 'e\u0301')).values).toEqual(['été']);
  expect((await boards(tenant, 'sprint%')).values).toEqual([]);
});

test('keys are those of one board, the board "default" if none is named', async () => {
  const tenant = await openTenant();
  for (const key of ['notes/a', 'notes/b', 'not', 'other']) await write(tenant, 'r', key);
  await write(tenant, 'default', 'note');
  await write(tenant, 'r', 'notes/gone', { ttl_s: 1 });
  tenant.advance(1000);
  expect(await keys(tenant, 'not', { run_id: 'r' })).toEqual({
    values: ['not', 'notes/a', 'notes/b'],
    more: false,
  });
  expect((await keys(tenant, 'notes/a', { run_id: 'r' })).values).toEqual(['notes/a']);
  expect((await keys(tenant, '')).values).toEqual(['note']);
  expect((await keys(tenant, '', { run_id: 'nobody' })).values).toEqual([]);
});

test('folders are those of the keys, inner ones too, each with its last slash', async () => {
  const tenant = await openTenant();
  for (const key of ['todo/1', 'todo/2', 'todo/late/1', 'done/1', 'plan'])
    await write(tenant, 'default', key);
  const folders = async (prefix: string) => (await keys(tenant, prefix, { folders: true })).values;
  expect(await folders('')).toEqual(['done/', 'todo/', 'todo/late/']);
  expect(await folders('to')).toEqual(['todo/', 'todo/late/']);
  expect(await folders('todo/')).toEqual(['todo/', 'todo/late/']);
  expect(await folders('todo/l')).toEqual(['todo/late/']);
  expect(await folders('todo/1')).toEqual([]);
});

test('an answer has at most 100 values, and says that there are more', async () => {
  const tenant = await openTenant();
  for (let start = 0; start < 220; start += 20) {
    const entries = Array.from({ length: 20 }, (_, n) => ({
      key: `k/${String(start + n).padStart(3, '0')}`,
      value: 1,
      ...(start < 120 ? { ttl_s: 60 } : {}),
    }));
    await tenant.ok('blackboard_write', { entries });
  }
  const full = await keys(tenant, 'k/');
  expect([full.values.length, full.values[0], full.values.at(-1), full.more]).toEqual([
    100,
    'k/000',
    'k/099',
    true,
  ]);
  tenant.advance(60_000);
  // 120 expired ones may not be swept yet: what was examined of them is no value.
  const rest = await keys(tenant, 'k/');
  expect(rest.values[0]).toBe('k/120');
  expect((await keys(tenant, 'k/2')).values).toHaveLength(20);
  expect(await keys(tenant, 'k/', { folders: true })).toEqual({ values: ['k/'], more: false });
});

test('tools and projects are those of the failures that were seen last, in any case', async () => {
  const tenant = await openTenant();
  for (const [tool, project] of [
    ['pytest', 'web'],
    ['Pyright', 'web'],
    ['pip', undefined],
    [undefined, 'api'],
  ]) {
    tenant.advance(1000);
    await tenant.ok('scar_record', { error_type: 'E', error_message: `it failed in ${tool}`, tool, project });
  }
  const names = async (of: string, prefix: string) => await tenant.ok('completion_scars', { of, prefix });
  expect(await names('tool', 'PY')).toEqual({ values: ['Pyright', 'pytest'], more: false });
  expect((await names('tool', '')).values).toEqual(['pip', 'Pyright', 'pytest']);
  expect((await names('project', '')).values).toEqual(['api', 'web']);
  expect((await names('project', 'x')).values).toEqual([]);
});
