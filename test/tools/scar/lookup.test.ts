import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const DAY_MS = 24 * 3_600_000;
const NONE = { match: 'none', resolution: null, fixes: [], avoid: [], scars: [] };

test('the calls of the original toolkit: record with a resolution, then look it up', async () => {
  const tenant = await openTenant();
  await tenant.ok('scar_record', {
    agent: 'researcher',
    error_type: 'RateLimitError',
    context: 'Calling the search API in a tight loop',
    resolution: 'Back off for 30 s and batch the queries',
  });
  for (const agent of ['writer', undefined]) {
    const found = await tenant.ok('scar_lookup', {
      agent,
      error_type: 'RateLimitError',
      context: 'Calling the search API in a tight loop',
    });
    expect(found).toMatchObject({ match: 'exact', resolution: 'Back off for 30 s and batch the queries' });
  }
});

test('an empty memory knows nothing', async () => {
  const tenant = await openTenant();
  const found = await tenant.ok('scar_lookup', { error_type: 'E', context: 'search index shard' });
  expect(found).toMatchObject(NONE);
  expect(found.fingerprint).toMatch(/^v2:/);
});

test('a found scar says what failed, when, how often and by whom', async () => {
  const tenant = await openTenant();
  const failure = {
    error_type: 'HTTPError',
    error_code: '429',
    error_message: `line one\n${'long '.repeat(100)}`,
    tool: 'search',
    project: 'shop',
  };
  const recorded = await tenant.ok('scar_record', {
    ...failure,
    agent: 'alice',
    target: 'api.example.com',
    cause: 'c'.repeat(400),
    class: 'transient',
    severity: 'high',
    tags: ['net'],
  });
  tenant.advance(61_000);
  const found = await tenant.ok('scar_lookup', failure);
  expect(found).toEqual({
    match: 'exact',
    fingerprint: recorded.fingerprint,
    resolution: null,
    fixes: [],
    avoid: [],
    scars: [
      {
        scar_id: recorded.scar_id,
        state: 'open',
        matched_by: 'fingerprint',
        project: 'shop',
        tool: 'search',
        target: 'api.example.com',
        error_type: 'HTTPError',
        error_code: '429',
        summary: expect.stringMatching(/^line one long .{100,106}…$/),
        cause: `${'c'.repeat(300)}…`,
        class: 'transient',
        severity: 'high',
        tags: ['net'],
        occurrences: 1,
        agent: 'alice',
        age_s: 61,
      },
    ],
    left_out: { scars: 0, fixes: 0 },
  });
});

describe('which resolution', () => {
  const failure = { error_type: 'E', context: 'deploying the shop' };
  const resolutionAfter = async (tenant: TestTenant, ...reports: [string, string][]) => {
    const { scar_id } = await tenant.ok('scar_record', failure);
    for (const [resolution, outcomes] of reports) {
      await tenant.ok('scar_record', { ...failure, resolution });
      for (const outcome of outcomes) {
        const report = { scar_id, resolution, outcome: outcome === '+' ? 'worked' : 'failed' };
        await tenant.ok('scar_resolve', report);
      }
    }
    return tenant.ok('scar_lookup', failure);
  };

  test('the one of the highest confidence', async () => {
    const tenant = await openTenant();
    const found = await resolutionAfter(tenant, ['twice', '++'], ['once', '+'], ['newest', '']);
    expect(found.resolution).toBe('twice');
    expect(found.fixes.map((fix: { resolution: string }) => fix.resolution)).toEqual([
      'twice',
      'once',
      'newest',
    ]);
  });

  test('one report is enough for a fix to be the best', async () => {
    const tenant = await openTenant();
    expect((await resolutionAfter(tenant, ['once', '+'], ['newest', ''])).resolution).toBe('once');
  });

  test('without a proven one the newest that did not fail', async () => {
    const tenant = await openTenant();
    const found = await resolutionAfter(tenant, ['old', ''], ['new', ''], ['mixed', '+-'], ['bad', '-']);
    expect(found.resolution).toBe('new');
    expect(found.fixes.map((fix: { resolution: string }) => fix.resolution)).toEqual(['new', 'old']);
    expect(found.avoid.map((fix: { resolution: string }) => fix.resolution)).toEqual(['mixed', 'bad']);
  });

  test('none when all have failed', async () => {
    const tenant = await openTenant();
    const found = await resolutionAfter(tenant, ['bad', '-'], ['worse', '--']);
    expect(found).toMatchObject({ match: 'exact', resolution: null, fixes: [] });
    expect(found.avoid).toHaveLength(2);
  });

  test('a long one is whole, and cut among the fixes', async () => {
    const tenant = await openTenant();
    const found = await resolutionAfter(tenant, ['x'.repeat(4096), '']);
    expect(found.resolution).toBe('x'.repeat(4096));
    expect(found.fixes[0].resolution).toBe(`${'x'.repeat(1000)}…`);
  });
});

describe('order', () => {
  const similar = { error_type: 'E', error_message: 'search index rejected shard allocation' };
  const ids = (scars: { scar_id: string }[]) => scars.map((scar) => scar.scar_id);
  const record = async (tenant: TestTenant, tool: string) =>
    (await tenant.ok('scar_record', { ...similar, tool })).scar_id;

  test('age re-ranks and removes nothing', async () => {
    const tenant = await openTenant();
    const old = await record(tenant, 'a');
    tenant.advance(365 * DAY_MS);
    const recent = await record(tenant, 'b');
    expect(ids((await tenant.ok('scar_lookup', similar)).scars)).toEqual([recent, old]);
    await record(tenant, 'a');
    tenant.advance(60 * DAY_MS);
    await record(tenant, 'a');
    expect(ids((await tenant.ok('scar_lookup', similar)).scars)).toEqual([old, recent]);
  });

  test('a wrong match sinks', async () => {
    const tenant = await openTenant();
    const first = await record(tenant, 'a');
    const second = await record(tenant, 'b');
    expect(ids((await tenant.ok('scar_lookup', similar)).scars)).toEqual([second, first]);
    await tenant.ok('scar_resolve', { scar_id: second, outcome: 'wrong_match' });
    expect(ids((await tenant.ok('scar_lookup', similar)).scars)).toEqual([first, second]);
  });

  test('limit cuts, and says how many were left out', async () => {
    const tenant = await openTenant();
    for (let i = 0; i < 12; i++) await record(tenant, `tool ${i}`);
    expect((await tenant.ok('scar_lookup', similar)).scars).toHaveLength(3);
    expect(await tenant.ok('scar_lookup', { ...similar, limit: 10 })).toMatchObject({
      left_out: { scars: 2, fixes: 0 },
    });
    for (const limit of [0, 11, 1.5]) {
      expect(await tenant.error('scar_lookup', { ...similar, limit })).toMatchObject({ field: 'limit' });
    }
  });

  test('the resolution is of the best match that has one', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...similar, tool: 'a', resolution: 'free disk space' });
    const bare = await record(tenant, 'b');
    const found = await tenant.ok('scar_lookup', similar);
    expect(found.scars[0].scar_id).toBe(bare);
    expect(found.resolution).toBe('free disk space');
  });
});

test('a text over its limit is refused before anything is searched', async () => {
  const tenant = await openTenant();
  const asked = { error_type: 'E', error_message: 'x'.repeat(8193) };
  expect(await tenant.error('scar_lookup', asked)).toMatchObject({
    code: 'too_large',
    field: 'error_message',
    limit: 8192,
  });
});

test('a lookup changes nothing', async () => {
  const tenant = await openTenant();
  const failure = { error_type: 'E', context: 'search index shard', resolution: 'x' };
  await tenant.ok('scar_record', failure);
  const asked = { error_type: 'E', context: 'search index shard' };
  const first = await tenant.ok('scar_lookup', asked);
  expect(await tenant.ok('scar_lookup', asked)).toEqual(first);
});
