import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const slow = { error_type: 'TimeoutError', error_message: 'upstream search timed out' };
const gone = { error_type: 'GoneError', error_message: 'peer vanished while streaming' };
const merge = (tenant: TestTenant, scar_id: string, merge_into: string, args = {}) =>
  tenant.ok('scar_update', { scar_id, merge_into, ...args });
const record = async (tenant: TestTenant, args: object): Promise<string> =>
  (await tenant.ok('scar_record', { ...args })).scar_id;
const resolutions = (fixes: { resolution: string }[]) => fixes.map((fix) => fix.resolution);

async function two(tenant: TestTenant, ofFrom: object = {}, ofInto: object = {}) {
  const from = await record(tenant, { ...gone, ...ofFrom });
  const into = await record(tenant, { ...slow, ...ofInto });
  return { from, into };
}

test('both fingerprints lead to the one that is left, with the counts of both', async () => {
  const tenant = await openTenant();
  const { from, into } = await two(
    tenant,
    { severity: 'critical', tags: ['a'], cause: 'why' },
    { tags: ['b'] },
  );
  await record(tenant, gone);
  const merged = await merge(tenant, from, into);
  expect(merged).toEqual({ status: 'merged', scar_id: into, rev: expect.any(Number) });
  for (const failure of [slow, gone]) {
    const found = await tenant.ok('scar_lookup', failure);
    expect(found).toMatchObject({ match: 'exact', scars: [{ scar_id: into, occurrences: 3 }] });
  }
  expect(await tenant.ok('scar_record', gone)).toMatchObject({
    status: 'seen',
    scar_id: into,
    occurrences: 4,
  });
  const { scars } = await tenant.ok('scar_list', {});
  expect(scars).toHaveLength(1);
  expect(scars[0]).toMatchObject({ severity: 'critical', tags: ['b', 'a'], cause: 'why' });
  const worded = { error_type: 'TimeoutError', context: 'peer vanished streaming' };
  expect((await tenant.ok('scar_lookup', worded)).match).toBe('similar');
});

test('fixes go along: the same text becomes one, with the reports of both', async () => {
  const tenant = await openTenant();
  const other = await tenant.otherPrincipal();
  const { from, into } = await two(tenant, { resolution: 'Retry  later' }, { resolution: 'retry later' });
  await tenant.ok('scar_record', { ...gone, resolution: 'use the cache' });
  await other.ok('scar_resolve', { scar_id: into, outcome: 'worked' });
  const { fixes } = await tenant.ok('scar_lookup', gone);
  const fixOf = (text: string) =>
    fixes.find((fix: { resolution: string }) => fix.resolution === text)?.fix_id;
  const twin = fixOf('Retry  later');
  await other.ok('scar_resolve', { scar_id: from, fix_id: twin, outcome: 'worked' });
  await merge(tenant, from, into);
  const found = await tenant.ok('scar_lookup', gone);
  expect(resolutions(found.fixes)).toEqual(['retry later', 'use the cache']);
  expect(found.fixes[0]).toMatchObject({ worked: 2, failed: 0, verified: true });
  const report = { scar_id: from, fix_id: fixOf('use the cache'), outcome: 'worked' };
  expect(await tenant.ok('scar_resolve', report)).toMatchObject({ scar_id: into, worked: 1 });
});

test('the reports that a reporter has left on a fix are not renewed by a merge', async () => {
  const tenant = await openTenant();
  const { from, into } = await two(tenant, { resolution: 'wait' }, { resolution: 'wait' });
  for (let i = 0; i < 5; i++) await tenant.ok('scar_resolve', { scar_id: from, outcome: 'worked' });
  await merge(tenant, from, into);
  expect((await tenant.ok('scar_resolve', { scar_id: into, outcome: 'worked' })).worked).toBe(5);
});

test('of more fixes than a scar can have, those that stand lowest go', async () => {
  const tenant = await openTenant();
  const { from, into } = await two(tenant);
  for (let i = 0; i < 8; i++) {
    await tenant.ok('scar_record', { ...gone, resolution: `from ${i}` });
    await tenant.ok('scar_record', { ...slow, resolution: `into ${i}` });
  }
  await tenant.ok('scar_resolve', { scar_id: from, resolution: 'from 0', outcome: 'worked' });
  await merge(tenant, from, into);
  const { fixes, scars } = await tenant.ok('scar_lookup', slow);
  expect(scars[0].fixes).toBe(10);
  expect(fixes[0].resolution).toBe('from 0');
});

test('what a run hit and was shown counts on', async () => {
  const tenant = await openTenant();
  const { from, into } = await two(tenant, { run_id: 'r', tool: 't' }, { run_id: 'r', tool: 't' });
  const ask = { action: 'peer vanished while streaming', tool: 't', run_id: 'r' };
  expect((await tenant.ok('scar_check', ask)).verdict).toBe('caution');
  await merge(tenant, from, into);
  expect(await tenant.ok('scar_check', ask)).toMatchObject({
    verdict: 'stop',
    reason: 'repeated_in_run',
    scars: [],
    suppressed: 1,
  });
  expect(await tenant.ok('scar_record', { ...gone, tool: 't', run_id: 'r' })).toMatchObject({
    occurrences_in_run: 3,
  });
});

test.each([
  ['open', 'resolved', 'regressed'],
  ['resolved', 'open', 'open'],
  ['resolved', 'resolved', 'resolved'],
  ['muted', 'resolved', 'resolved'],
  ['muted', 'open', 'open'],
])('a scar that is %s, merged into one that is %s, makes it %s', async (ofFrom, ofInto, expected) => {
  const tenant = await openTenant();
  const { from, into } = await two(tenant, { resolution: 'a' }, { resolution: 'b' });
  for (const [scar_id, state] of [
    [from, ofFrom],
    [into, ofInto],
  ]) {
    if (state === 'resolved') await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' });
    if (state === 'muted') await tenant.ok('scar_update', { scar_id, status: 'muted' });
  }
  await merge(tenant, from, into);
  expect((await tenant.ok('scar_list', {})).scars).toMatchObject([{ scar_id: into, state: expected }]);
});

describe('the id of a merged scar', () => {
  test('leads to what it is part of, through several merges', async () => {
    const tenant = await openTenant();
    const { from, into } = await two(tenant);
    const last = await record(tenant, { error_type: 'Third', error_message: 'third of them' });
    await merge(tenant, from, into);
    await merge(tenant, into, last);
    for (const scar_id of [from, into]) {
      const resolved = await tenant.ok('scar_resolve', { scar_id, outcome: 'worked', resolution: 'wait' });
      expect(resolved.scar_id).toBe(last);
      expect(await tenant.ok('scar_update', { scar_id, cause: 'slow' })).toMatchObject({ scar_id: last });
    }
  });

  test('merged once more into the same: unchanged; into another: refused', async () => {
    const tenant = await openTenant();
    const { from, into } = await two(tenant);
    const other = await record(tenant, { error_type: 'Third', error_message: 'third of them' });
    const { rev } = await merge(tenant, from, into);
    expect(await merge(tenant, from, into)).toEqual({ status: 'unchanged', scar_id: into, rev });
    expect(await tenant.error('scar_update', { scar_id: from, merge_into: other })).toMatchObject({
      code: 'invalid_input',
      field: 'scar_id',
      hint: expect.stringContaining(into),
    });
  });
});

describe('refused', () => {
  const cases: [string, object, object][] = [
    ['into itself', { merge_into: 'from' }, { code: 'invalid_input', field: 'merge_into' }],
    ['into an unknown scar', { merge_into: 'scar_999' }, { code: 'unknown_handle', field: 'merge_into' }],
    ['together with another change', { merge_into: 'into', cause: 'x' }, { field: 'cause' }],
    ['together with a status', { merge_into: 'into', status: 'muted' }, { field: 'status' }],
  ];
  test.each(cases)('%s', async (_name, args, error) => {
    const tenant = await openTenant();
    const ids: Record<string, string> = await two(tenant);
    const named = Object.entries(args).map(([field, value]) => [field, ids[value] ?? value]);
    const call = { scar_id: ids.from, ...Object.fromEntries(named) };
    expect(await tenant.error('scar_update', call)).toMatchObject(error);
    expect((await tenant.ok('scar_list', {})).total).toBe(2);
  });

  test.each(['muted', 'archived'])(
    'into a scar that is %s, so that no failure falls silent',
    async (status) => {
      const tenant = await openTenant();
      const { from, into } = await two(tenant);
      await tenant.ok('scar_update', { scar_id: into, status });
      expect(await tenant.error('scar_update', { scar_id: from, merge_into: into })).toMatchObject({
        code: 'invalid_input',
        field: 'merge_into',
      });
      expect((await tenant.ok('scar_lookup', gone)).scars[0].scar_id).toBe(from);
    },
  );

  test('with an if_rev that does not hold', async () => {
    const tenant = await openTenant();
    const { from, into } = await two(tenant);
    const { scars } = await tenant.ok('scar_list', { error_type: gone.error_type });
    const rev = scars[0].rev;
    expect(await merge(tenant, from, into, { if_rev: rev + 1 })).toEqual({
      status: 'conflict',
      scar_id: from,
      rev,
    });
    expect((await merge(tenant, from, into, { if_rev: rev })).status).toBe('merged');
  });
});
