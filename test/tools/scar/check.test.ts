import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;

const failure = {
  error_type: 'ExitError',
  error_message: 'peer dependency conflict in checkout widget',
  tool: 'shell',
  target: 'shop',
  action: 'npm install --force',
};
const attempt = { action: 'npm install --force', tool: 'shell', target: 'shop' };
const check = (tenant: TestTenant, args: Record<string, unknown> = {}) =>
  tenant.ok('scar_check', { ...attempt, ...args });
const CLEAR = { verdict: 'clear', reason: 'no_match', scars: [], suppressed: 0, left_out: 0 };

test('nothing is known of an action that never failed', async () => {
  const tenant = await openTenant();
  expect(await check(tenant)).toEqual(CLEAR);
  await tenant.ok('scar_record', failure);
  expect(await check(tenant, { action: 'git push origin', target: 'shop' })).toEqual(CLEAR);
});

test('an action that failed before is warned of, with what helped', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', { ...failure, resolution: 'pin the widget' });
  tenant.advance(5000);
  const found = await check(tenant);
  expect(found).toMatchObject({ verdict: 'caution', reason: 'known_failure', decided_by: scar_id });
  expect(found.scars).toHaveLength(1);
  expect(found.scars[0]).toMatchObject({
    scar_id,
    matched_by: 'tool_target',
    summary: failure.error_message,
    age_s: 5,
    known_fix: { resolution: 'pin the widget', confidence: 0 },
  });
});

describe('which scars speak about an action', () => {
  const matchedBy = async (tenant: TestTenant, args: Record<string, unknown>) =>
    (await check(tenant, args)).scars[0]?.matched_by;

  test('of the same tool and target: those with a like action, or with none', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', failure);
    expect(await matchedBy(tenant, { action: 'npm install left-pad' })).toBe('tool_target');
    expect(await matchedBy(tenant, { action: 'npm test' })).toBeUndefined();
    const { action: _, ...silent } = failure;
    await tenant.ok('scar_record', { ...silent, target: 'api', error_message: 'host is down' });
    expect(await matchedBy(tenant, { action: 'npm test', target: 'api' })).toBe('tool_target');
  });

  test('an action of one word must be the same word', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...failure, action: 'deploy' });
    expect(await matchedBy(tenant, { action: 'deploy' })).toBe('tool_target');
    expect(await matchedBy(tenant, { action: 'rollback' })).toBeUndefined();
  });

  test('elsewhere: those that share enough words, unless their tool is another', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', failure);
    const elsewhere = { target: undefined };
    expect(await matchedBy(tenant, elsewhere)).toBe('words');
    expect(await matchedBy(tenant, { ...elsewhere, tool: undefined })).toBe('words');
    expect(await matchedBy(tenant, { ...elsewhere, tool: 'SHELL' })).toBe('words');
    expect(await matchedBy(tenant, { ...elsewhere, tool: 'browser' })).toBeUndefined();
    expect(await matchedBy(tenant, { ...elsewhere, action: 'npm install' })).toBe('words');
    expect(await matchedBy(tenant, { ...elsewhere, action: 'npm' })).toBeUndefined();
    expect(await matchedBy(tenant, { ...elsewhere, action: 'npm audit fix all' })).toBeUndefined();
  });

  test('compound words by their trigrams', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...failure, action: 'reindexSearchShards rebuildCatalogue' });
    const found = await matchedBy(tenant, { action: 'reindexSearch rebuildCatalog', target: undefined });
    expect(found).toBe('trigrams');
  });

  test('an action that became known later counts too', async () => {
    const tenant = await openTenant();
    const { action, ...silent } = failure;
    await tenant.ok('scar_record', silent);
    expect(await matchedBy(tenant, { target: 'other' })).toBeUndefined();
    await tenant.ok('scar_record', { ...silent, action });
    expect(await matchedBy(tenant, { target: 'other' })).toBe('words');
  });

  test('of a project, its own and those of none', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...failure, project: 'a' });
    expect((await check(tenant, { project: 'a' })).verdict).toBe('caution');
    expect((await check(tenant, { project: 'b' })).verdict).toBe('clear');
    expect((await check(tenant)).verdict).toBe('caution');
  });

  test('neither muted nor archived ones', async () => {
    const tenant = await openTenant();
    const { scar_id } = await tenant.ok('scar_record', failure);
    for (const status of ['muted', 'archived']) {
      await tenant.ok('scar_update', { scar_id, status });
      expect(await check(tenant)).toEqual(CLEAR);
    }
    await tenant.ok('scar_update', { scar_id, status: 'open' });
    expect((await check(tenant)).verdict).toBe('caution');
  });
});

describe('the verdict', () => {
  const record = async (tenant: TestTenant, times: number, args: Record<string, unknown> = {}) => {
    for (let i = 0; i < times; i++) await tenant.ok('scar_record', { ...failure, ...args });
  };

  test('is stop when the run hit the same failure twice, for that run', async () => {
    const tenant = await openTenant();
    await record(tenant, 1, { run_id: 'r' });
    expect(await check(tenant, { run_id: 'r' })).toMatchObject({ verdict: 'caution' });
    await record(tenant, 1, { run_id: 'r' });
    expect(await check(tenant, { run_id: 'r' })).toMatchObject({
      verdict: 'stop',
      reason: 'repeated_in_run',
    });
    expect(await check(tenant, { run_id: 's' })).toMatchObject({ verdict: 'caution' });
    expect(await check(tenant)).toMatchObject({ verdict: 'caution' });
  });

  test('forgets what a run hit a week ago, to the millisecond', async () => {
    const tenant = await openTenant();
    await record(tenant, 2, { run_id: 'r' });
    tenant.advance(WEEK_MS - 1);
    expect((await check(tenant, { run_id: 'r' })).verdict).toBe('stop');
    tenant.advance(1);
    expect((await check(tenant, { run_id: 'r' })).verdict).toBe('caution');
  });

  test('is stop when a deterministic failure was seen three times and no fix stands', async () => {
    const tenant = await openTenant();
    const other = await tenant.otherPrincipal();
    await record(tenant, 2, { class: 'deterministic', resolution: 'pin the widget' });
    expect((await check(tenant)).verdict).toBe('caution');
    await record(tenant, 1);
    const stop = { verdict: 'stop', reason: 'deterministic_without_fix' };
    const { decided_by: scar_id } = await check(tenant);
    for (let i = 0; i < 3; i++) await other.ok('scar_resolve', { scar_id, outcome: 'worked' });
    expect(await check(tenant)).toMatchObject(stop);
    await other.ok('scar_resolve', { scar_id, outcome: 'worked' });
    expect(await check(tenant)).toMatchObject({ verdict: 'caution', reason: 'known_failure' });
  });

  test('is never stop for an environmental failure', async () => {
    const tenant = await openTenant();
    await record(tenant, 5, { class: 'environmental', run_id: 'r' });
    const found = await check(tenant, { run_id: 'r' });
    expect(found).toMatchObject({ verdict: 'caution', reason: 'environmental' });
  });

  test('is clear 24 h after a transient failure, which is still shown', async () => {
    const tenant = await openTenant();
    await record(tenant, 2, { class: 'transient', run_id: 'r' });
    tenant.advance(DAY_MS - 1);
    expect(await check(tenant, { run_id: 'r' })).toMatchObject({ verdict: 'stop' });
    tenant.advance(1);
    const found = await check(tenant, { run_id: 's' });
    expect(found).toMatchObject({ verdict: 'clear', reason: 'transient_expired' });
    expect(found.scars).toHaveLength(1);
  });

  test('is that of the strongest of several matches, which comes first', async () => {
    const tenant = await openTenant();
    await record(tenant, 3, { class: 'deterministic' });
    tenant.advance(HOUR_MS);
    for (const word of ['alpha', 'bravo', 'delta']) {
      await record(tenant, 1, { error_message: `registry said ${word} ${word}ness` });
    }
    const found = await check(tenant, { limit: 2 });
    expect(found).toMatchObject({ verdict: 'stop', decided_by: found.scars[0].scar_id, left_out: 2 });
    expect(found.scars).toHaveLength(2);
    expect(found.scars[0].occurrences).toBe(3);
  });
});

describe('a run', () => {
  test('is shown a scar once, and the verdict still counts it', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', failure);
    const first = await check(tenant, { run_id: 'r' });
    expect(first).toMatchObject({ verdict: 'caution', suppressed: 0 });
    expect(first.scars).toHaveLength(1);
    const again = await check(tenant, { run_id: 'r' });
    expect(again).toEqual({ ...first, scars: [], suppressed: 1 });
    expect((await check(tenant, { run_id: 's' })).scars).toHaveLength(1);
    for (let i = 0; i < 2; i++) expect((await check(tenant)).scars).toHaveLength(1);
  });

  test('is shown in the next answer what the limit left out', async () => {
    const tenant = await openTenant();
    for (const word of ['alpha', 'bravo', 'delta', 'gamma', 'omega']) {
      await tenant.ok('scar_record', { ...failure, error_message: `registry said ${word} ${word}ness` });
    }
    const pages = [];
    for (let i = 0; i < 3; i++) pages.push(await check(tenant, { run_id: 'r' }));
    expect(pages.map(({ scars, suppressed, left_out }) => [scars.length, suppressed, left_out])).toEqual([
      [3, 0, 2],
      [2, 3, 0],
      [0, 5, 0],
    ]);
    const ids = pages.flatMap(({ scars }) => scars.map(({ scar_id }: { scar_id: string }) => scar_id));
    expect(new Set(ids).size).toBe(5);
  });

  test('is shown it again after a week, to the millisecond', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', failure);
    await check(tenant, { run_id: 'r' });
    tenant.advance(WEEK_MS - 1);
    expect((await check(tenant, { run_id: 'r' })).suppressed).toBe(1);
    tenant.advance(1);
    expect((await check(tenant, { run_id: 'r' })).scars).toHaveLength(1);
    tenant.advance(WEEK_MS - 1);
    expect((await check(tenant, { run_id: 'r' })).suppressed).toBe(1);
  });
});

test('a check changes nothing of what the memory holds', async () => {
  const tenant = await openTenant();
  await tenant.ok('scar_record', failure);
  const before = await tenant.ok('scar_list', {});
  await check(tenant, { run_id: 'r' });
  expect(await tenant.ok('scar_list', {})).toEqual(before);
});

test('refuses what does not fit', async () => {
  const tenant = await openTenant();
  for (const [field, value] of [
    ['action', undefined],
    ['action', ''],
    ['limit', 0],
    ['limit', 4],
    ['run_id', ''],
  ] as const) {
    expect(await tenant.error('scar_check', { ...attempt, [field]: value })).toMatchObject({ field });
  }
  expect(await tenant.error('scar_check', { action: 'x'.repeat(2049) })).toMatchObject({
    code: 'too_large',
    field: 'action',
    limit: 2048,
  });
});
