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
  expect(found.fingerprint).toMatch(/^v1:/);
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
        fixes: 0,
        principal: tenant.principal,
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

describe('the ladder', () => {
  const recorded = {
    error_type: 'IndexError',
    error_message: 'the search index rejected shard allocation on node alpha',
    resolution: 'free disk space',
  };
  const ask = (tenant: TestTenant, args: Record<string, unknown>) =>
    tenant.ok('scar_lookup', { error_type: 'IndexError', ...args });

  test('same tool and target, when there are no words to compare', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...recorded, tool: 'deploy', target: 'shop' });
    const found = await ask(tenant, { tool: 'deploy', target: 'shop' });
    expect(found).toMatchObject({ match: 'similar', resolution: 'free disk space' });
    expect(found.scars[0].matched_by).toBe('tool_target');
    expect(await ask(tenant, { tool: 'deploy', target: 'other' })).toMatchObject(NONE);
    expect(await ask(tenant, { tool: 'deploy' })).toMatchObject(NONE);
    expect(await ask(tenant, { tool: 'deploy', target: 'shop', error_type: 'Other' })).toMatchObject(NONE);
    const unlike = { tool: 'deploy', target: 'shop', error_message: 'certificate expired yesterday' };
    expect(await ask(tenant, unlike)).toMatchObject(NONE);
  });

  test('shared words', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', recorded);
    const found = await ask(tenant, { context: 'shard allocation was rejected again' });
    expect(found).toMatchObject({ match: 'similar', resolution: 'free disk space' });
    expect(found.scars[0].matched_by).toBe('words');
  });

  test('one shared word is not enough, nor are many common ones', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', recorded);
    expect(await ask(tenant, { context: 'shard' })).toMatchObject(NONE);
    expect(await ask(tenant, { context: 'shard colours differ' })).toMatchObject(NONE);
    expect(await ask(tenant, { context: 'the error was on the call and it failed' })).toMatchObject(NONE);
  });

  test('two words shared by accident in long texts are not enough', async () => {
    const tenant = await openTenant();
    const ours = 'apple bridge candle dragon ember falcon garden hammer island jungle kettle lantern';
    const theirs = 'marble needle orchid pepper quartz ribbon saddle timber umbrella velvet window yellow';
    await tenant.ok('scar_record', { error_type: 'IndexError', context: `${ours} shard allocation` });
    expect(await ask(tenant, { context: `${theirs} shard allocation` })).toMatchObject(NONE);
    expect((await ask(tenant, { context: `${theirs} shard allocation apple bridge` })).match).toBe('similar');
  });

  test('another type of error needs nearly the same words', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', recorded);
    const near = { error_type: 'Other', context: 'search index rejected shard allocation on node' };
    expect((await ask(tenant, near)).match).toBe('similar');
    expect((await ask(tenant, { error_type: 'Other', context: 'shard allocation' })).match).toBe('none');
    expect((await ask(tenant, { error_type: 'index_error', context: 'shard allocation' })).match).toBe(
      'similar',
    );
  });

  test('misspelt and compound words', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', {
      error_type: 'IndexError',
      context: 'shardAllocationRejected connectionPoolExhausted',
    });
    const compound = await ask(tenant, { context: 'allocation exhausted' });
    expect(compound).toMatchObject({ match: 'similar' });
    expect(compound.scars[0].matched_by).toBe('trigrams');
    const misspelt = await ask(tenant, { context: 'shardAlocationRejected conectionPoolExausted' });
    expect(misspelt).toMatchObject({ match: 'similar' });
    expect(await ask(tenant, { context: 'location pools' })).toMatchObject(NONE);
  });

  test('scripts without spaces', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', {
      error_type: 'IndexError',
      context: '数据库连接超时',
      resolution: '重启',
    });
    const found = await ask(tenant, { context: '生产环境的数据库连接失败' });
    expect(found).toMatchObject({ match: 'similar', resolution: '重启' });
    expect(await ask(tenant, { context: '磁盘空间不足' })).toMatchObject(NONE);
  });

  test('another code is another failure, however alike the words', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', {
      error_type: 'HTTPError',
      error_message: 'HTTP 429 from search upstream',
    });
    const http = (args: Record<string, unknown>) => ask(tenant, { error_type: 'HTTPError', ...args });
    expect((await http({ error_message: 'HTTP 404 from search upstream' })).match).toBe('none');
    expect((await http({ error_message: 'search upstream said HTTP 429' })).match).toBe('similar');
    await tenant.ok('scar_record', { ...recorded, error_code: 'E1' });
    expect((await ask(tenant, { error_code: 'E2', context: recorded.error_message })).match).toBe('none');
    expect((await ask(tenant, { context: recorded.error_message })).match).toBe('similar');
  });

  test('a project sees its own and those of none; without a project all are seen', async () => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', { ...recorded, project: 'a' });
    const context = 'search index rejected shard allocation';
    expect((await ask(tenant, { context, project: 'a' })).match).toBe('similar');
    expect((await ask(tenant, { context, project: 'b' })).match).toBe('none');
    expect((await ask(tenant, { context })).match).toBe('similar');
    await tenant.ok('scar_record', recorded);
    expect((await ask(tenant, { context, project: 'b' })).match).toBe('similar');
  });

  test.each([
    ['"', 'none'],
    ['*', 'none'],
    ["'; DROP TABLE scars; --", 'none'],
    ['" OR "shard" OR "allocation', 'none'],
    ['shard* OR allocation', 'similar'],
    ['NEAR(shard allocation, 2)', 'similar'],
    ['words : shard - allocation', 'similar'],
    ['^shard AND NOT allocation', 'similar'],
    ['{tokens} : (shard) + "x" allocation', 'similar'],
    ['shard\u0000allocation', 'similar'],
  ])('text that looks like a query is text: %j', async (context, match) => {
    const tenant = await openTenant();
    await tenant.ok('scar_record', recorded);
    expect((await ask(tenant, { context })).match).toBe(match);
    await tenant.ok('scar_record', { error_type: 'IndexError', context, resolution: context, tags: ['x'] });
    const found = await ask(tenant, { context });
    expect(found).toMatchObject({ match: 'exact', resolution: context });
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
