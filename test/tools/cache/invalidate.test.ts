import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const ask = (n: number | string, more: object = {}) => ({
  model: 'model-x',
  prompt: `question ${n}`,
  ...more,
});

async function status(tenant: TestTenant, question: object): Promise<string> {
  return (await tenant.ok('cache_get', question)).status;
}

describe('the target', () => {
  /** Three entries with different namespaces, models and tags. */
  async function filled() {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...ask(1), response: 1, tags: ['a'] });
    await tenant.ok('cache_set', { ...ask(2, { namespace: 'n' }), response: 2, tags: ['a', 'b'] });
    await tenant.ok('cache_set', { ...ask(3, { namespace: 'n', model: 'model-y' }), response: 3 });
    const left = async () =>
      [
        (await status(tenant, ask(1))) === 'hit' ? 1 : 0,
        (await status(tenant, ask(2, { namespace: 'n' }))) === 'hit' ? 2 : 0,
        (await status(tenant, ask(3, { namespace: 'n', model: 'model-y' }))) === 'hit' ? 3 : 0,
      ].filter((n) => n > 0);
    return { tenant, left };
  }

  test.each<[object, number, number[]]>([
    [{ all: true }, 3, []],
    [{ all: true, namespace: 'n' }, 2, [1]],
    [{ all: true, namespace: 'default' }, 1, [2, 3]],
    [{ all: true, namespace: 'other' }, 0, [1, 2, 3]],
    [{ model: 'model-x' }, 2, [3]],
    [{ model: 'model-x', namespace: 'n' }, 1, [1, 3]],
    [{ model: 'model-z' }, 0, [1, 2, 3]],
    [{ tag: 'a' }, 2, [3]],
    [{ tag: 'b' }, 1, [1, 3]],
    [{ tag: 'a', namespace: 'default' }, 1, [2, 3]],
    [{ tag: 'model-x' }, 0, [1, 2, 3]],
  ])('%j', async (target, invalidated, left) => {
    const { tenant, left: remaining } = await filled();
    const dry = await tenant.ok('cache_invalidate', { ...target, dry_run: true });
    expect(dry.invalidated).toBe(invalidated);
    expect(await remaining()).toEqual([1, 2, 3]);
    const { rev } = await tenant.ok('cache_invalidate', target);
    expect(rev).toBeGreaterThan(dry.rev);
    expect(await remaining()).toEqual(left);
    expect(await tenant.ok('cache_invalidate', target)).toMatchObject({ invalidated: 0 });
  });

  test('keys, within a namespace if one is given', async () => {
    const { tenant, left } = await filled();
    const keys: string[] = [];
    for (const question of [ask(1), ask(2, { namespace: 'n' })]) {
      keys.push((await tenant.ok('cache_get', question)).key);
    }
    keys.push('0'.repeat(64));
    expect(await tenant.ok('cache_invalidate', { keys, dry_run: true })).toMatchObject({ invalidated: 2 });
    expect(await tenant.ok('cache_invalidate', { keys, namespace: 'n' })).toMatchObject({ invalidated: 1 });
    expect(await left()).toEqual([1, 3]);
    expect(await tenant.ok('cache_invalidate', { keys })).toMatchObject({ invalidated: 1 });
    expect(await left()).toEqual([3]);
  });

  test.each<[object, string]>([
    [{}, 'keys'],
    [{ namespace: 'n' }, 'keys'],
    [{ all: false }, 'keys'],
    [{ tag: 'a', model: 'm' }, 'model'],
    [{ tag: 'a', all: true }, 'all'],
    [{ keys: [] }, 'keys'],
    [{ keys: ['x'] }, 'keys[0]'],
    [{ keys: Array.from({ length: 51 }, (_, n) => n.toString(16).padStart(64, '0')) }, 'keys'],
    [{ tags: ['a'] }, 'tags'],
  ])('%j is refused', async (target, field) => {
    const { tenant, left } = await filled();
    expect(await tenant.error('cache_invalidate', target)).toMatchObject({ code: 'invalid_input', field });
    expect(await left()).toEqual([1, 2, 3]);
  });
});

test('only entries that can still be served are counted', async () => {
  const tenant = await openTenant();
  await tenant.ok('cache_set', { ...ask('expired'), response: 1, ttl_s: 1, tags: ['t'] });
  await tenant.ok('cache_set', { ...ask('stale'), response: 1, ttl_s: 1, stale_s: 60, tags: ['t'] });
  await tenant.ok('cache_set', { ...ask('error'), error: 1, tags: ['t'] });
  tenant.advance(1000);
  const { key } = await tenant.ok('cache_get', ask('expired'));
  expect(await tenant.ok('cache_invalidate', { tag: 't', dry_run: true })).toMatchObject({ invalidated: 2 });
  expect(await tenant.ok('cache_invalidate', { keys: [key] })).toMatchObject({ invalidated: 0 });
  expect(await tenant.ok('cache_invalidate', { tag: 't' })).toMatchObject({ invalidated: 2 });
});

test('an answer stored after an invalidation is served, even in the same millisecond', async () => {
  const tenant = await openTenant();
  await tenant.ok('cache_set', { ...ask(1), response: 'old', tags: ['t'] });
  for (const target of [{ all: true }, { model: 'model-x' }, { tag: 't' }]) {
    await tenant.ok('cache_invalidate', target);
    expect(await status(tenant, ask(1))).toBe('miss');
    await tenant.ok('cache_set', { ...ask(1), response: 'new', tags: ['t'] });
    expect(await status(tenant, ask(1))).toBe('hit');
  }
});

describe('with more entries than one call deletes', () => {
  const COUNT = 90;

  test('all of them are absent at once, and stay absent until they are deleted', async () => {
    const tenant = await openTenant();
    for (let n = 0; n < COUNT; n++) await tenant.ok('cache_set', { ...ask(n), response: n, tags: ['t'] });
    await tenant.ok('cache_set', { ...ask('other', { model: 'model-y' }), response: 'kept' });
    expect(await tenant.ok('cache_invalidate', { tag: 't' })).toMatchObject({ invalidated: COUNT });
    expect(await tenant.ok('cache_stats')).toMatchObject({ entries: 1 });
    for (const n of [0, 45, COUNT - 1]) expect(await status(tenant, ask(n))).toBe('miss');
    expect(await tenant.ok('cache_invalidate', { model: 'model-x' })).toMatchObject({ invalidated: 0 });
    await tenant.ok('cache_set', { ...ask(COUNT - 1), response: 'new', tags: ['t'] });
    for (let n = 0; n < 30; n++) await tenant.ok('cache_set', { ...ask('filler'), response: n });
    expect(await status(tenant, ask(COUNT - 1))).toBe('hit');
    expect(await status(tenant, ask(COUNT - 2))).toBe('miss');
    expect(await status(tenant, ask('other', { model: 'model-y' }))).toBe('hit');
    expect(await tenant.ok('cache_stats')).toMatchObject({ entries: 3 });
  }, 30_000);
});
