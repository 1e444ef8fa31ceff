import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLocal, TemporaryDirectory, type TestLocal } from '../support/local.ts';

/** Keys with a part that is `.` or `..`, which a client that normalises URIs would take for others. */

let directory: TemporaryDirectory;
let local: TestLocal;
beforeEach(() => {
  directory = new TemporaryDirectory();
  local = openLocal(directory.file);
});
afterEach(() => {
  local.tenant.close();
  directory.remove();
});

test.each([
  [{ key: 'a/../b' }, 'key'],
  [{ key: '..' }, 'key'],
  [{ key: './a' }, 'key'],
  [{ key: 'a/.' }, 'key'],
  [{ agent: '..', key: 'a' }, 'key'],
  [{ key: '.', mode: 'append' }, 'key'],
])('a new cell cannot be %j', async (named, field) => {
  expect(await local.call('blackboard_write', { ...named, value: 1 })).toMatchObject({
    kind: 'error',
    error: { code: 'invalid_input', field },
  });
});

test('a batch with such a key stores nothing, and names the entry', async () => {
  const entries = ['good', 'a/./b'].map((key) => ({ key, value: 1 }));
  const outcome = await local.call('blackboard_write', { entries });
  expect(outcome).toMatchObject({ error: { code: 'invalid_input', field: 'entries[1].key' } });
  expect(await local.answer('blackboard_list')).toMatchObject({ total: 0 });
});

test('names that only contain dots among others are as good as any', async () => {
  for (const key of ['.env', 'v1..v2', 'a/...', '.../b', 'a/.b/c.'])
    expect(await local.answer('blackboard_write', { key, value: 1 })).toMatchObject({ status: 'created' });
});

test('a cell that an older release stored is read, written, claimed, listed and deleted as before', async () => {
  const key = 'a/../b';
  await local.answer('blackboard_write', { key: 'a/x', value: 1 });
  local.db.exec('UPDATE board_cells SET key = ?', key);
  expect(await local.answer('blackboard_read', { key })).toMatchObject({ entries: [{ key, value: 1 }] });
  expect(await local.answer('blackboard_write', { key, value: 2 })).toMatchObject({ status: 'updated' });
  expect(await local.answer('blackboard_list', { prefix: 'a/' })).toMatchObject({ entries: [{ key }] });
  const { claim_id } = await local.answer('blackboard_claim', { key, by: 'w' });
  expect(await local.answer('blackboard_release', { claim_id, value: 3 })).toMatchObject({
    status: 'released',
    key,
  });
  expect(await local.answer('blackboard_delete', { keys: [key] })).toMatchObject({ deleted: 1 });
  expect(await local.call('blackboard_write', { key, value: 4 })).toMatchObject({ kind: 'error' });
});
