import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';

const question = { model: 'model-x', prompt: 'Why is the sky blue?', namespace: 'n' };
const tagged = { response: 'old', tags: ['t', 'u'] };

async function leased(more: object = {}) {
  const tenant = await openTenant();
  const { key, lease_id } = await tenant.ok('cache_get', { ...question, lease_s: 60, ...more });
  const answered = (answer: object = tagged) => tenant.ok('cache_set', { key, lease_id, ...answer });
  return { tenant, key, answered };
}

describe('while a lease exists', () => {
  test.each<[object]>([
    [{ all: true }],
    [{ all: true, namespace: 'n' }],
    [{ model: 'model-x' }],
    [{ model: 'model-x', namespace: 'n' }],
    [{ tag: 't' }],
    [{ tag: 'u', namespace: 'n' }],
  ])('an invalidation of %j rejects the old answer', async (target) => {
    const { tenant, answered } = await leased();
    await tenant.ok('cache_invalidate', target);
    expect(await answered()).toMatchObject({ status: 'rejected', reason: 'lease_lost' });
    expect(await tenant.ok('cache_get', question)).not.toHaveProperty('response');
    const again = await leased();
    expect(await again.answered()).toMatchObject({ status: 'stored' });
  });

  test.each<[object]>([
    [{ all: true, namespace: 'default' }],
    [{ model: 'model-y' }],
    [{ model: 'model-x', namespace: 'default' }],
    [{ tag: 'other' }],
    [{ tag: 't', namespace: 'default' }],
    [{ all: true, dry_run: true }],
    [{ tag: 't', dry_run: true }],
    [{ keys: ['0'.repeat(64)] }],
  ])('one of %j does not', async (target) => {
    const { tenant, answered } = await leased();
    await tenant.ok('cache_invalidate', target);
    expect(await answered()).toMatchObject({ status: 'stored' });
  });

  test('invalidating its key in its namespace rejects the answer', async () => {
    const { tenant, key, answered } = await leased();
    await tenant.ok('cache_invalidate', { keys: [key], namespace: 'default' });
    await tenant.ok('cache_invalidate', { keys: [key], dry_run: true });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'pending' });
    await tenant.ok('cache_invalidate', { keys: [key], namespace: 'n' });
    expect(await answered()).toMatchObject({ reason: 'lease_lost' });
  });

  test('a lease granted afterwards is not affected', async () => {
    const tenant = await openTenant();
    for (const target of [{ all: true }, { model: 'model-x' }, { tag: 't' }]) {
      const before = await tenant.ok('cache_get', { ...question, lease_s: 600 });
      await tenant.ok('cache_invalidate', target);
      await tenant.ok('cache_set', { ...question, response: 'any' });
      await tenant.ok('cache_invalidate', { keys: [before.key] });
      const after = await tenant.ok('cache_get', { ...question, lease_s: 60 });
      expect(
        await tenant.ok('cache_set', { ...question, ...tagged, lease_id: before.lease_id }),
      ).toMatchObject({ reason: 'lease_lost' });
      const stored = await tenant.ok('cache_set', { ...question, ...tagged, lease_id: after.lease_id });
      expect(stored).toMatchObject({ status: 'stored' });
      await tenant.ok('cache_invalidate', { keys: [before.key] });
    }
  });

  test('only a tag that the answer has rejects it', async () => {
    const { tenant, answered } = await leased();
    await tenant.ok('cache_invalidate', { tag: 't' });
    expect(await answered({ response: 1, tags: ['u'] })).toMatchObject({ status: 'stored' });
  });

  test('for a tag invalidated several times the last invalidation counts', async () => {
    const tenant = await openTenant();
    const old = await tenant.ok('cache_get', { ...question, prompt: 'other', lease_s: 600 });
    await tenant.ok('cache_invalidate', { tag: 't' });
    const { key, lease_id } = await tenant.ok('cache_get', { ...question, lease_s: 60 });
    await tenant.ok('cache_invalidate', { tag: 't' });
    const answer = { ...tagged, lease_id };
    expect(await tenant.ok('cache_set', { key, ...answer })).toMatchObject({ reason: 'lease_lost' });
    expect(await tenant.ok('cache_set', { key: old.key, ...tagged, lease_id: old.lease_id })).toMatchObject({
      reason: 'lease_lost',
    });
  });

  test('a lease of a key with unknown model may be covered, so it is lost', async () => {
    for (const target of [{ all: true, namespace: 'other' }, { model: 'model-y' }]) {
      const tenant = await openTenant();
      const key = 'ab'.repeat(32);
      const { lease_id } = await tenant.ok('cache_get', { key, lease_s: 60 });
      await tenant.ok('cache_invalidate', target);
      const stored = { key, lease_id, model: 'model-x', response: 1 };
      expect(await tenant.ok('cache_set', stored)).toMatchObject({ reason: 'lease_lost' });
    }
  });

  test('a waiting caller takes over at once', async () => {
    for (const target of [{ all: true }, { model: 'model-x' }]) {
      const { tenant, answered } = await leased();
      const waiting = [1, 2].map(() => tenant.ok('cache_get', { ...question, lease_s: 60, wait_s: 20 }));
      await tenant.elapse(1);
      await tenant.ok('cache_invalidate', target);
      const next = await Promise.race(waiting);
      expect(next).toMatchObject({ status: 'miss', lease_id: expect.any(String) });
      expect(await answered()).toMatchObject({ reason: 'lease_lost' });
      await tenant.ok('cache_set', { ...question, response: 'new', lease_id: next.lease_id });
      expect((await Promise.all(waiting)).map(({ status }) => status).sort()).toEqual(['hit', 'miss']);
    }
  });

  test('a refresh of a stale answer is rejected if the answer is invalidated', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, ...tagged, ttl_s: 1, stale_s: 60 });
    tenant.advance(1000);
    const { status, lease_id } = await tenant.ok('cache_get', { ...question, lease_s: 60 });
    expect(status).toBe('stale');
    await tenant.ok('cache_invalidate', { tag: 'u' });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'pending' });
    expect(await tenant.ok('cache_set', { ...question, ...tagged, lease_id })).toMatchObject({
      reason: 'lease_lost',
    });
  });
});
