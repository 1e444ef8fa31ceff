import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const NONE = { match: 'none', resolution: null, fixes: [], avoid: [], scars: [] };

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
