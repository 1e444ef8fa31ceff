import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const write = (tenant: TestTenant, key: string, value: unknown, more = {}) =>
  tenant.ok('blackboard_write', { key, value, ...more });

const keys = async (tenant: TestTenant, args: object): Promise<string[]> =>
  (await tenant.ok('blackboard_list', args)).entries.map(({ key }: { key: string }) => key);

describe('boards', () => {
  test('are listed without arguments, with the number of their cells and their age', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 1, { run_id: 'r2' });
    tenant.advance(5_000);
    await write(tenant, 'b', 1, { run_id: 'r2' });
    await write(tenant, 'a', 1);
    await write(tenant, 'a', 1, { run_id: 'gone', ttl_s: 1 });
    tenant.advance(2_000);
    expect(await tenant.ok('blackboard_list', {})).toEqual({
      boards: [
        { run_id: 'default', cells: 1, age_s: 2 },
        { run_id: 'r2', cells: 2, age_s: 2 },
      ],
      total: 2,
    });
  });

  test('are paged', async () => {
    const tenant = await openTenant();
    for (const run_id of ['c', 'a', 'b']) await write(tenant, 'k', 1, { run_id });
    const first = await tenant.ok('blackboard_list', { limit: 2 });
    expect(first).toMatchObject({ total: 3, boards: [{ run_id: 'a' }, { run_id: 'b' }] });
    const second = await tenant.ok('blackboard_list', { limit: 2, cursor: first.next_cursor });
    expect(second).toEqual({ boards: [{ run_id: 'c', cells: 1, age_s: 0 }], total: 3 });
  });
});

describe('cells', () => {
  test('are listed by key, without their values', async () => {
    const tenant = await openTenant();
    await write(tenant, 'b', 'x'.repeat(500), { by: 'me', tags: ['t'], ttl_s: 60 });
    await write(tenant, 'a', { n: 1 });
    const { entries, total } = await tenant.ok('blackboard_list', { run_id: 'default' });
    expect(total).toBe(2);
    expect(entries[0]).toEqual({
      key: 'a',
      rev: 2,
      age_s: 0,
      bytes: 7,
      preview: '{"n":1}',
    });
    expect(entries[1]).toMatchObject({ by: 'me', tags: ['t'], expires_in_s: 60, bytes: 502 });
    expect(entries[1].preview).toBe(`"${'x'.repeat(118)}…`);
  });

  test('are filtered by prefix and agent on the default board', async () => {
    const tenant = await openTenant();
    for (const key of ['a', 'a/1', 'a/2', 'ab', 'a0', 'b/1', 'A/1']) await write(tenant, key, 1);
    expect(await keys(tenant, { agent: 'a' })).toEqual(['a/1', 'a/2']);
    expect(await keys(tenant, { agent: 'a', prefix: '2' })).toEqual(['a/2']);
    expect(await keys(tenant, { prefix: 'a' })).toEqual(['a', 'a/1', 'a/2', 'a0', 'ab']);
    expect(await keys(tenant, { prefix: '%' })).toEqual([]);
  });

  test('are filtered by tags, all of which must match', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 1, { tags: ['x', 'y'] });
    await write(tenant, 'b', 1, { tags: ['x'] });
    await write(tenant, 'c', 1);
    expect(await keys(tenant, { tags: ['x'] })).toEqual(['a', 'b']);
    expect(await keys(tenant, { tags: ['y', 'x', 'x'] })).toEqual(['a']);
    expect(await keys(tenant, { tags: ['x', 'z'] })).toEqual([]);
    await write(tenant, 'a', 1, { tags: ['z'] });
    await write(tenant, 'b', 2);
    expect(await keys(tenant, { tags: ['x'] })).toEqual(['b']);
    expect(await keys(tenant, { tags: ['z'] })).toEqual(['a']);
  });

  test('are paged without repeating or skipping cells while others are added and deleted', async () => {
    const tenant = await openTenant();
    for (const key of ['a', 'b', 'c', 'd']) await write(tenant, key, 1);
    const first = await tenant.ok('blackboard_list', { run_id: 'default', limit: 2 });
    expect(first.total).toBe(4);
    await tenant.ok('blackboard_delete', { keys: ['b'] });
    await write(tenant, 'aa', 1);
    const rest = { run_id: 'default', limit: 2, cursor: first.next_cursor };
    const second = await tenant.ok('blackboard_list', rest);
    expect(second.entries.map(({ key }: { key: string }) => key)).toEqual(['c', 'd']);
    expect(second).not.toHaveProperty('next_cursor');
    expect(await keys(tenant, { ...rest, limit: 1 })).toEqual(['c']);
  });

  test('with the longest keys can be paged', async () => {
    const tenant = await openTenant();
    const long = ['a', 'b'].map((end) => '🛶'.repeat(255) + end);
    for (const key of long) await write(tenant, key, 1);
    const { next_cursor } = await tenant.ok('blackboard_list', { run_id: 'default', limit: 1 });
    expect(await keys(tenant, { run_id: 'default', cursor: next_cursor })).toEqual([long[1]]);
  });
});

describe('a cursor', () => {
  test('made for other arguments, or forged, is refused', async () => {
    const tenant = await openTenant();
    for (const key of ['a', 'b', 'c']) await write(tenant, key, 'word', { tags: ['t'] });
    const { next_cursor: cursor } = await tenant.ok('blackboard_list', { run_id: 'default', limit: 1 });
    for (const args of [
      { run_id: 'other', cursor },
      { prefix: 'a', cursor },
      { tags: ['t'], cursor },
      { query: 'word', cursor },
      { run_id: 'default', claimed: 'free', cursor },
      { cursor },
      { run_id: 'default', cursor: `${cursor}A` },
      { run_id: 'default', cursor: cursor.slice(0, -1) },
      { run_id: 'default', cursor: '../../other' },
      { run_id: 'default', cursor: Buffer.from('0123456789abcdef.a').toString('base64url') },
    ])
      expect(await tenant.error('blackboard_list', args)).toMatchObject({
        code: 'invalid_input',
        field: 'cursor',
      });
  });
});

test("another tenant's cursor is refused, even for the same list", async () => {
  const [mine, theirs] = [await openTenant(), await openTenant()];
  for (const tenant of [mine, theirs]) for (const key of ['a', 'b']) await write(tenant, key, 1);
  const { next_cursor: cursor } = await theirs.ok('blackboard_list', { run_id: 'default', limit: 1 });
  expect(await keys(theirs, { run_id: 'default', cursor })).toEqual(['b']);
  expect(await mine.error('blackboard_list', { run_id: 'default', cursor })).toMatchObject({
    code: 'invalid_input',
    field: 'cursor',
  });
});

describe('query', () => {
  test('finds words of keys, tags and values, the best match first', async () => {
    const tenant = await openTenant();
    await write(tenant, 'notes/payment', 'all fine');
    await write(tenant, 'x', { text: 'the payment of the customer is late\nreminder sent' });
    await write(tenant, 'y', 'nothing', { tags: ['reminder'] });
    await write(tenant, 'z', 'repayments');
    const { entries, total } = await tenant.ok('blackboard_list', { query: 'PAYMENT?' });
    expect(entries.map(({ key }: { key: string }) => key)).toEqual(['notes/payment', 'x']);
    expect(total).toBe(2);
    expect(entries[0].score).toBeGreaterThan(entries[1].score);
    expect((await keys(tenant, { query: 'reminder' })).sort()).toEqual(['x', 'y']);
    expect((await keys(tenant, { query: 'nothing payment', prefix: 'y' })).sort()).toEqual(['y']);
    expect(await keys(tenant, { query: 'reminder', tags: ['reminder'] })).toEqual(['y']);
  });

  test('finds parts of identifiers and paths', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 'see src/tools/handlers/workflowRunner.ts');
    await write(tenant, 'b', { code: 'ERR_SOCKET_TIMEOUT', id: 'c0ffee42' });
    await write(tenant, 'reports/quarterly', 1);
    for (const [query, key] of [
      ['flowrunn', 'a'],
      ['handler', 'a'],
      ['socket_time', 'b'],
      ['ffee4', 'b'],
      ['quarter', 'reports/quarterly'],
      ['src/tools/handlers', 'a'],
    ])
      expect(await keys(tenant, { query }), query).toEqual([key]);
  });

  test('finds text in scripts without spaces, even a single character', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', '今日は東京で会議をします');
    await write(tenant, '計画/草案', 1);
    await write(tenant, 'th', 'การประชุมวันนี้');
    for (const [query, key] of [
      ['東京', 'a'],
      ['会', 'a'],
      ['会議を', 'a'],
      ['計画', '計画/草案'],
      ['ประชุม', 'th'],
    ])
      expect(await keys(tenant, { query }), query).toEqual([key]);
  });

  test('finds accented words with and without accents, and short words', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 'le café à l’été, go');
    for (const query of ['cafe', 'CAFÉ', 'été', 'go']) expect(await keys(tenant, { query })).toEqual(['a']);
  });

  test('is never interpreted as FTS5 syntax', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 'alpha');
    for (const query of ['"', '*', 'NEAR(', ')(', '--', "';", '^', '{}:', '🛶', ' '])
      expect(await tenant.ok('blackboard_list', { query })).toEqual({ entries: [], total: 0 });
    for (const query of ['alpha"', 'alpha*', 'alpha AND nothing', 'NOT alpha', 'board:alpha', '-alpha'])
      expect(await keys(tenant, { query }), query).toEqual(['a']);
  });

  test('follows every change of a cell', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 'first thing_one');
    await write(tenant, 'a', 'second thing_two');
    for (const query of ['first', 'ing_one']) expect(await keys(tenant, { query }), query).toEqual([]);
    for (const query of ['second', 'ing_two']) expect(await keys(tenant, { query }), query).toEqual(['a']);
    await write(tenant, 'a', 'second thing_two', { tags: ['third'] });
    expect(await keys(tenant, { query: 'third' })).toEqual(['a']);
    await tenant.ok('blackboard_delete', { keys: ['a'] });
    expect(await keys(tenant, { query: 'second third' })).toEqual([]);
  });

  test('stays on its board', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', 'alpha', { run_id: 'r1' });
    await write(tenant, 'b', 'alpha', { run_id: 'r2' });
    expect(await keys(tenant, { run_id: 'r1', query: 'alpha' })).toEqual(['a']);
    expect(await keys(tenant, { query: 'alpha' })).toEqual([]);
  });

  test('is paged', async () => {
    const tenant = await openTenant();
    for (let i = 0; i < 5; i++) await write(tenant, `k${i}`, 'alpha '.repeat(i + 1));
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await tenant.ok('blackboard_list', { query: 'alpha', limit: 2, cursor });
      expect(page.total).toBe(5);
      found.push(...page.entries.map(({ key }: { key: string }) => key));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    expect(found.sort()).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
  });

  test('searches the first 2 KiB of a value', async () => {
    const tenant = await openTenant();
    await write(tenant, 'a', `${'x '.repeat(1_000)}within ${'y '.repeat(100)}beyond`);
    expect(await keys(tenant, { query: 'within' })).toEqual(['a']);
    expect(await keys(tenant, { query: 'beyond' })).toEqual([]);
  });
});
