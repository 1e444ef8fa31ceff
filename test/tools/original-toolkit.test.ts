import { expect, test } from 'vitest';
import { openTenant } from '#host';

test('the seven calls of the original toolkit are valid as they are', async () => {
  const tenant = await openTenant();
  const cell = { run_id: 'run-1', agent: 'researcher', key: 'findings' };
  const value = { sources: ['a', 'b'] };
  expect(await tenant.ok('blackboard_write', { ...cell, value })).toMatchObject({ status: 'created' });
  expect(await tenant.ok('blackboard_read', cell)).toMatchObject({ entries: [{ found: true, value }] });
  expect(await tenant.ok('blackboard_list', { run_id: 'run-1' })).toMatchObject({
    entries: [{ key: 'researcher/findings' }],
    total: 1,
  });

  const failure = { agent: 'researcher', error_type: 'TimeoutError', context: 'fetching the catalogue' };
  expect(await tenant.ok('scar_lookup', failure)).toMatchObject({ match: 'none', resolution: null });
  const resolution = 'retry with a longer timeout';
  expect(await tenant.ok('scar_record', { ...failure, resolution })).toMatchObject({ status: 'new' });
  expect(await tenant.ok('scar_lookup', failure)).toMatchObject({ match: 'exact', resolution });

  const messages = [{ role: 'user', content: 'Why is the sky blue?' }];
  expect(await tenant.ok('cache_get', { model: 'm', messages })).toMatchObject({ status: 'miss' });
  expect(await tenant.ok('cache_set', { model: 'm', messages, response: 'Rayleigh' })).toMatchObject({
    status: 'stored',
  });
  expect(await tenant.ok('cache_get', { model: 'm', messages })).toMatchObject({
    status: 'hit',
    response: 'Rayleigh',
  });
  expect(await tenant.ok('cache_set', { model: 'm', prompt: 'p', response: { text: 'r' } })).toMatchObject({
    status: 'stored',
  });
  expect(await tenant.ok('cache_get', { model: 'm', prompt: 'p' })).toMatchObject({
    status: 'hit',
    response: { text: 'r' },
  });
});
