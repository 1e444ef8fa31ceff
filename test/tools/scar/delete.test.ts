import { expect, test } from 'vitest';
import { openTenant } from '#host';

const failure = { error_type: 'TimeoutError', error_message: 'upstream search timed out', run_id: 'r' };
const NONE = { status: 'none', deleted: { scar: 0, fixes: 0 } };

test('deletes a scar with all that belongs to it; the next such failure is new', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', { ...failure, resolution: 'wait' });
  await tenant.ok('scar_record', { ...failure, resolution: 'retry' });
  await tenant.ok('scar_resolve', { scar_id, outcome: 'worked', resolution: 'wait' });
  await tenant.ok('scar_check', { action: failure.error_message, run_id: 'r' });
  const all = { scar: 1, fixes: 2 };
  expect(await tenant.ok('scar_delete', { scar_id, dry_run: true })).toEqual({
    status: 'would_delete',
    deleted: all,
  });
  expect((await tenant.ok('scar_list', {})).total).toBe(1);
  expect(await tenant.ok('scar_delete', { scar_id })).toEqual({ status: 'deleted', deleted: all });
  for (const dry_run of [true, false]) {
    expect(await tenant.ok('scar_delete', { scar_id, dry_run })).toEqual(NONE);
  }
  expect((await tenant.ok('scar_list', { query: 'upstream' })).total).toBe(0);
  const { run_id, ...asked } = failure;
  expect((await tenant.ok('scar_lookup', asked)).match).toBe('none');
  expect(await tenant.ok('scar_check', { action: failure.error_message, run_id })).toMatchObject({
    verdict: 'clear',
    suppressed: 0,
  });
  const again = await tenant.ok('scar_record', failure);
  expect(again).toMatchObject({ status: 'new', occurrences_in_run: 1 });
  expect(again).not.toHaveProperty('known_fix');
  expect(again.scar_id).not.toBe(scar_id);
});

test('a scar that took others in goes with their fingerprints; the id of a merged one deletes nothing', async () => {
  const tenant = await openTenant();
  const other = { error_type: 'Other', error_message: 'peer vanished' };
  const { scar_id: from } = await tenant.ok('scar_record', other);
  const { scar_id: into } = await tenant.ok('scar_record', failure);
  await tenant.ok('scar_update', { scar_id: from, merge_into: into });
  expect(await tenant.ok('scar_delete', { scar_id: from })).toEqual(NONE);
  expect((await tenant.ok('scar_lookup', other)).match).toBe('exact');
  expect((await tenant.ok('scar_delete', { scar_id: into })).status).toBe('deleted');
  expect((await tenant.ok('scar_lookup', other)).match).toBe('none');
  expect(await tenant.error('scar_resolve', { scar_id: from, outcome: 'wrong_match' })).toMatchObject({
    code: 'unknown_handle',
  });
});

test.each(['scar_999', 'scar_0', 'x', "scar_1' OR 1=1"])('there is no %s', async (scar_id) => {
  const tenant = await openTenant();
  await tenant.ok('scar_record', failure);
  expect(await tenant.ok('scar_delete', { scar_id })).toEqual(NONE);
  expect((await tenant.ok('scar_list', {})).total).toBe(1);
});
