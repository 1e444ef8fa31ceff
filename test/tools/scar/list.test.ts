import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const DAY_MS = 24 * 3_600_000;
const types = (answer: Answer) => answer.scars.map((scar: { error_type: string }) => scar.error_type);
const list = (tenant: TestTenant, args: Record<string, unknown> = {}) => tenant.ok('scar_list', args);
const record = (tenant: TestTenant, error_type: string, args: Record<string, unknown> = {}) =>
  tenant.ok('scar_record', { error_type, error_message: `${error_type} happened`, ...args });

test('an empty memory', async () => {
  const tenant = await openTenant();
  expect(await list(tenant)).toEqual({ scars: [], total: 0 });
});

test('an entry says what failed, how often, by whom, and its rev', async () => {
  const tenant = await openTenant();
  const named = { project: 'p', tool: 't', target: 'x', error_code: '42', severity: 'high', tags: ['net'] };
  const { scar_id } = await record(tenant, 'A', { ...named, agent: 'ann', resolution: 'wait', cause: 'why' });
  tenant.advance(2000);
  expect((await list(tenant)).scars).toEqual([
    {
      scar_id,
      rev: expect.any(Number),
      state: 'open',
      ...named,
      error_type: 'A',
      summary: 'A happened',
      cause: 'why',
      occurrences: 1,
      fixes: 1,
      agent: 'ann',
      age_s: 2,
    },
  ]);
});

test('nothing is said that goes without saying: no tags, no class, no fix, and an author who is the reader', async () => {
  const tenant = await openTenant();
  await record(tenant, 'A');
  const [mine] = (await list(tenant)).scars;
  for (const field of ['tags', 'class', 'fixes', 'principal', 'agent'])
    expect(mine).not.toHaveProperty(field);
  const other = await tenant.otherPrincipal();
  const [theirs] = (await list(other)).scars;
  expect(theirs.principal).toBe(tenant.principal);
});

describe('order', () => {
  async function filled() {
    const tenant = await openTenant();
    await record(tenant, 'A', { severity: 'low' });
    tenant.advance(1);
    await record(tenant, 'B');
    tenant.advance(1);
    await record(tenant, 'C', { severity: 'critical' });
    tenant.advance(1);
    await record(tenant, 'B');
    return tenant;
  }

  test.each([
    [undefined, ['B', 'C', 'A']],
    ['recent', ['B', 'C', 'A']],
    ['frequent', ['B', 'C', 'A']],
    ['severe', ['C', 'A', 'B']],
  ])('%s', async (sort, expected) => {
    expect(types(await list(await filled(), { sort }))).toEqual(expected);
  });

  test('by relevance, age re-ranks and never hides', async () => {
    const tenant = await openTenant();
    await record(tenant, 'Old', { error_message: 'search index rejected shard' });
    tenant.advance(300 * DAY_MS);
    await record(tenant, 'New', { error_message: 'search index rejected shards' });
    expect(types(await list(tenant, { query: 'search index rejected' }))).toEqual(['New', 'Old']);
    tenant.advance(3000 * DAY_MS);
    expect(types(await list(tenant, { query: 'search index rejected' }))).toHaveLength(2);
    expect(types(await list(tenant, { query: 'search shard' }))[0]).toBe('Old');
  });
});

describe('filters', () => {
  async function filled() {
    const tenant = await openTenant();
    await record(tenant, 'A', { project: 'p', tool: 't', severity: 'low', tags: ['x', 'y'] });
    await record(tenant, 'B', { project: 'q', tool: 't', tags: ['x'] });
    await record(tenant, 'C', { project: 'p', tool: 'u', severity: 'high' });
    return tenant;
  }

  test.each([
    [{ project: 'p' }, ['C', 'A']],
    [{ tool: 't' }, ['B', 'A']],
    [{ error_type: 'B' }, ['B']],
    [{ severity: 'low' }, ['A']],
    [{ tags: ['x'] }, ['B', 'A']],
    [{ tags: ['x', 'y'] }, ['A']],
    [{ tags: ['z'] }, []],
    [{ project: 'p', tool: 't', tags: ['y', 'y'] }, ['A']],
    [{ status: 'open' }, ['C', 'B', 'A']],
    [{ status: 'resolved' }, []],
    [{ query: 'happened', project: 'q' }, ['B']],
  ])('%j', async (filter, expected) => {
    const found = await list(await filled(), filter);
    expect(types(found)).toEqual(expected);
    expect(found.total).toBe(expected.length);
  });

  test('muted and archived ones are hidden and counted, and shown when asked for', async () => {
    const tenant = await filled();
    const { scars } = await list(tenant, {});
    const id = (type: string) =>
      scars.find((scar: { error_type: string }) => scar.error_type === type).scar_id;
    await tenant.ok('scar_update', { scar_id: id('A'), status: 'muted' });
    await tenant.ok('scar_update', { scar_id: id('B'), status: 'archived' });
    expect(await list(tenant)).toMatchObject({ total: 1, hidden: { muted: 1, archived: 1 } });
    expect(await list(tenant, { project: 'p' })).toMatchObject({
      total: 1,
      hidden: { muted: 1, archived: 0 },
    });
    const muted = await list(tenant, { status: 'muted' });
    expect(muted).toMatchObject({ total: 1, hidden: { muted: 0, archived: 1 } });
    expect(types(muted)).toEqual(['A']);
  });
});

describe('a query', () => {
  async function filled() {
    const tenant = await openTenant();
    await record(tenant, 'TimeoutError', {
      error_message: 'upstream is slow',
      tool: 'psql',
      target: 'orders_db',
      cause: 'vacuum was running',
      tags: ['nightly'],
      action: 'copy rows',
      context: 'during export',
    });
    return tenant;
  }

  test.each([
    'upstream',
    'TIMEOUTERROR',
    'psql',
    'orders_db',
    'vacuum',
    'nightly',
    'copy',
    'export',
    'zzz slow',
    'timeouterr',
    'ightl',
  ])('%s', async (query) => {
    expect(await list(await filled(), { query })).toMatchObject({ total: 1 });
  });

  test.each(['nothing', '"', '*', 'tokens:upstream* AND', '-upstream NEAR', '数据库'])(
    'is words, and no expression: %s',
    async (query) => {
      const expected = query.includes('upstream') ? 1 : 0;
      expect(await list(await filled(), { query })).toMatchObject({ total: expected });
    },
  );

  test('finds what a scar was seen with later', async () => {
    const tenant = await filled();
    await record(tenant, 'TimeoutError', {
      error_message: 'upstream is slow',
      tool: 'psql',
      tags: ['weekly'],
    });
    expect((await list(tenant, { query: 'weekly nightly' })).total).toBe(1);
  });
});

describe('pages', () => {
  const COUNT = 7;
  async function filled() {
    const tenant = await openTenant();
    const severities = ['low', 'medium', 'high', 'critical'];
    for (let i = 0; i < COUNT; i++) {
      await record(tenant, `E${i}`, { severity: severities[i % 4], tags: [i % 2 === 0 ? 'even' : 'odd'] });
      if (i % 3 === 0) tenant.advance(1);
    }
    return tenant;
  }

  test.each([
    [{ sort: 'recent' }],
    [{ sort: 'frequent' }],
    [{ sort: 'severe' }],
    [{ query: 'happened' }],
    [{ query: 'appene' }],
    [{ query: 'happened', sort: 'severe' }],
  ])('of %j hold each scar once, in the order of the whole', async (args) => {
    const tenant = await filled();
    const whole = types(await list(tenant, args));
    const paged: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await list(tenant, { ...args, limit: 2, cursor });
      expect(page.total).toBe(COUNT);
      paged.push(...types(page));
      cursor = page.next_cursor;
      pages++;
      tenant.advance(DAY_MS);
    } while (cursor !== undefined && pages < 10);
    expect(whole).toHaveLength(COUNT);
    expect(paged).toEqual(whole);
    expect(pages).toBe(4);
  });

  test('the limit may change from page to page, the rest may not', async () => {
    const tenant = await filled();
    const other = await openTenant();
    const { next_cursor: cursor } = await list(tenant, { limit: 2, sort: 'recent' });
    expect((await list(tenant, { limit: 5, sort: 'recent', cursor })).scars).toHaveLength(5);
    const refused = { code: 'invalid_input', field: 'cursor' };
    for (const args of [{ sort: 'severe' }, { tags: ['even'] }, { status: 'open' }, { query: 'x' }]) {
      expect(await tenant.error('scar_list', { ...args, cursor })).toMatchObject(refused);
    }
    for (const bad of [`${cursor.slice(0, -1)}${cursor.endsWith('A') ? 'B' : 'A'}`, 'x', 'AAAA']) {
      expect(await tenant.error('scar_list', { cursor: bad })).toMatchObject(refused);
    }
    expect(await other.error('scar_list', { cursor })).toMatchObject(refused);
  });

  test('a list that fits has no next page', async () => {
    const tenant = await filled();
    expect(await list(tenant, { limit: COUNT })).not.toHaveProperty('next_cursor');
    expect(await list(tenant, { limit: COUNT - 1 })).toHaveProperty('next_cursor');
    for (const limit of [0, 101]) {
      expect(await tenant.error('scar_list', { limit })).toMatchObject({ field: 'limit' });
    }
  });
});
