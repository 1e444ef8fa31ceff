import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const DAY = 86_400_000;

const one = async (tenant: TestTenant, args: object) => (await tenant.ok('blackboard_read', args)).entries[0];

describe('several keys', () => {
  test('are returned in the order of the request, each once', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { agent: 'a', key: 'x', value: 1 });
    const { entries } = await tenant.ok('blackboard_read', { agent: 'a', keys: ['nope', 'x', 'x'] });
    expect(entries).toMatchObject([
      { key: 'a/nope', found: false },
      { key: 'a/x', found: true, value: 1 },
    ]);
  });

  test.each([
    [{}],
    [{ key: 'a', keys: ['b'] }],
    [{ keys: [] }],
    [{ keys: Array.from({ length: 21 }, (_, i) => `k${i}`) }],
    [{ keys: ['a/'] }],
    [{ key: 'a', max_bytes: 0 }],
    [{ key: 'a', max_bytes: 1_048_577 }],
    [{ key: 'a', at_rev: 1, if_newer_than: 1 }],
  ])('or arguments like %j are refused', async (args) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_read', args)).toMatchObject({ code: 'invalid_input' });
  });

  test('boards do not share cells', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { run_id: 'r1', key: 'k', value: 1 });
    expect(await one(tenant, { run_id: 'r2', key: 'k' })).toEqual({
      key: 'k',
      found: false,
      reason: 'absent',
      rev: 0,
    });
  });
});

describe('path', () => {
  test('returns a part of the value', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: { a: [{ 'b/c': null }], '': 2 } });
    expect(await one(tenant, { key: 'k', path: '/a/0/b~1c' })).toMatchObject({ found: true, value: null });
    expect(await one(tenant, { key: 'k', path: '/' })).toMatchObject({ value: 2 });
    expect(await one(tenant, { key: 'k', path: '' })).toMatchObject({ value: { '': 2 } });
    expect(await one(tenant, { key: 'k', path: '/a/1' })).toMatchObject({
      found: false,
      reason: 'path_not_found',
      rev: 1,
    });
  });

  test('applies max_bytes to the part and not to the whole value', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: { long: 'x'.repeat(20_000), short: [1] } });
    expect(await one(tenant, { key: 'k', path: '/short' })).toMatchObject({ value: [1] });
    expect(await one(tenant, { key: 'k', path: '/long', max_bytes: 3 })).toMatchObject({
      value: '"xx',
      truncated: true,
      bytes: 20_002,
    });
  });

  test.each([['a'], ['/~'], ['/a~2'], ['#/a']])('%j is no JSON Pointer', async (path) => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: {} });
    expect(await tenant.error('blackboard_read', { key: 'k', path })).toMatchObject({
      code: 'invalid_input',
      field: 'path',
    });
  });
});

describe('size', () => {
  test('a value of 8 KiB is returned whole, a longer one is cut and its size reported', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'fits', value: 'x'.repeat(8_190) });
    await tenant.ok('blackboard_write', { key: 'long', value: 'x'.repeat(8_191) });
    expect(await one(tenant, { key: 'fits' })).not.toHaveProperty('truncated');
    const cut = await one(tenant, { key: 'long' });
    expect(cut).toMatchObject({ truncated: true, bytes: 8_193 });
    expect(cut.value).toBe(`"${'x'.repeat(8_191)}`);
    expect((await one(tenant, { key: 'long', max_bytes: 8_193 })).value).toBe('x'.repeat(8_191));
  });

  test('a value is never cut inside a character', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: '🛶é🛶' });
    const cuts = [];
    for (let max_bytes = 1; max_bytes <= 12; max_bytes++)
      cuts.push((await one(tenant, { key: 'k', max_bytes })).value);
    expect(cuts).toEqual([
      '"',
      '"',
      '"',
      '"',
      '"🛶',
      '"🛶',
      '"🛶é',
      '"🛶é',
      '"🛶é',
      '"🛶é',
      '"🛶é🛶',
      '🛶é🛶',
    ]);
  });
});

test('if_newer_than omits a value that is not newer', async () => {
  const tenant = await openTenant();
  const { rev } = await tenant.ok('blackboard_write', { key: 'k', value: 'v' });
  const same = await one(tenant, { key: 'k', if_newer_than: rev });
  expect(same).toMatchObject({ found: true, unchanged: true, rev });
  expect(same).not.toHaveProperty('value');
  expect(await one(tenant, { key: 'k', if_newer_than: rev - 1 })).toMatchObject({ value: 'v' });
});

describe('did_you_mean', () => {
  test('suggests similar keys of the board: first of another agent, then misspelt ones', async () => {
    const tenant = await openTenant();
    for (const key of ['researcher/brief', 'writer/brief', 'breif', 'unrelated'])
      await tenant.ok('blackboard_write', { key, value: 1 });
    await tenant.ok('blackboard_write', { run_id: 'other', key: 'briefs', value: 1 });
    await tenant.ok('blackboard_write', { key: 'brief_', value: 1, ttl_s: 1 });
    tenant.advance(1_000);
    const { did_you_mean } = await tenant.ok('blackboard_read', { key: 'brief' });
    expect(did_you_mean.sort()).toEqual(['breif', 'researcher/brief', 'writer/brief']);
  });

  test('is omitted if no key is similar or none is absent', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'something', value: {} });
    for (const args of [{ key: 'zzz' }, { key: 'something' }, { key: 'something', path: '/somethin' }])
      expect(await tenant.ok('blackboard_read', args)).not.toHaveProperty('did_you_mean');
  });

  test('stays cheap with long keys and many cells', async () => {
    const tenant = await openTenant();
    for (let i = 0; i < 5; i++)
      await tenant.ok('blackboard_write', {
        entries: Array.from({ length: 20 }, (_, j) => ({ key: `${i}-${j}-`.padEnd(256, 'x'), value: 1 })),
      });
    expect(await tenant.ok('blackboard_read', { key: 'x'.repeat(256) })).not.toHaveProperty('did_you_mean');
  });
});

describe('history', () => {
  test('lists the versions, newest first, including deletions', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 1, by: 'a' });
    tenant.advance(1_000);
    await tenant.ok('blackboard_write', { key: 'k', value: 1, mode: 'increment', by: 'b' });
    await tenant.ok('blackboard_delete', { keys: ['k'] });
    expect(await one(tenant, { key: 'k', history: true })).toEqual({
      key: 'k',
      found: false,
      reason: 'absent',
      rev: 0,
      versions: [
        { rev: 3, op: 'delete', age_s: 0 },
        { rev: 2, op: 'increment', by: 'b', age_s: 0, bytes: 1 },
        { rev: 1, op: 'set', by: 'a', age_s: 1, bytes: 1 },
      ],
    });
  });

  test('at_rev returns the value as of that rev', async () => {
    const tenant = await openTenant();
    for (const value of ['one', 'two']) {
      await tenant.ok('blackboard_write', { key: 'k', value, by: value });
      await tenant.ok('blackboard_write', { key: 'between', value });
    }
    await tenant.ok('blackboard_delete', { keys: ['k'] });
    await tenant.ok('blackboard_write', { key: 'k', value: { three: 3 } });
    const at = (at_rev: number, more = {}) => one(tenant, { key: 'k', at_rev, ...more });
    expect(await at(0)).toEqual({ key: 'k', found: false, reason: 'version_not_kept', rev: 0 });
    expect(await at(1)).toMatchObject({ found: true, value: 'one', rev: 1, by: 'one' });
    expect(await at(2)).toMatchObject({ value: 'one', rev: 1 });
    expect(await at(4, { max_bytes: 2 })).toMatchObject({ value: '"t', rev: 3, truncated: true, bytes: 5 });
    expect(await at(5)).toEqual({ key: 'k', found: false, reason: 'deleted', rev: 5 });
    expect(await at(6, { path: '/three' })).toMatchObject({ value: 3, rev: 6 });
    expect(await one(tenant, { key: 'never', at_rev: 3 })).toMatchObject({ found: false, reason: 'absent' });
  });

  test('stores 20 versions of a key, across writes and deletions', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'other', value: 0 });
    for (let i = 1; i <= 70; i++) {
      await tenant.ok('blackboard_write', { key: 'k', value: i });
      if (i % 10 === 0 && i < 70) await tenant.ok('blackboard_delete', { keys: ['k'] });
    }
    const { versions, rev } = await one(tenant, { key: 'k', history: true });
    expect(versions).toHaveLength(20);
    expect(versions[0].rev).toBe(rev);
    const oldest = versions[19].rev;
    expect(await one(tenant, { key: 'k', at_rev: oldest })).toMatchObject({ found: true, rev: oldest });
    expect(await one(tenant, { key: 'k', at_rev: oldest - 1 })).toMatchObject({
      found: false,
      reason: 'version_not_kept',
    });
    expect((await one(tenant, { key: 'other', history: true })).versions).toHaveLength(1);
  });

  test('stores a version for 7 days, and the current one as long as the cell exists', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 1 });
    tenant.advance(1_000);
    await tenant.ok('blackboard_write', { key: 'k', value: 2 });
    tenant.advance(7 * DAY - 1_001);
    expect(await one(tenant, { key: 'k', at_rev: 1 })).toMatchObject({ value: 1 });
    tenant.advance(1);
    expect(await one(tenant, { key: 'k', at_rev: 1 })).toMatchObject({ reason: 'version_not_kept' });
    tenant.advance(1_000);
    expect(await one(tenant, { key: 'k', at_rev: 2, history: true })).toMatchObject({
      value: 2,
      versions: [{ rev: 2 }],
    });
  });

  test('does not show a value whose time to live has passed', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 'secret', ttl_s: 1 });
    await tenant.ok('blackboard_write', { key: 'k', value: 'public' });
    tenant.advance(999);
    expect(await one(tenant, { key: 'k', at_rev: 1 })).toMatchObject({ value: 'secret', expires_in_s: 1 });
    tenant.advance(1);
    expect(await one(tenant, { key: 'k', at_rev: 1 })).toEqual({
      key: 'k',
      found: false,
      reason: 'expired',
      rev: 1,
    });
  });
});
