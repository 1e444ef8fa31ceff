import { expect, test } from 'vitest';
import { openTenant } from '#host';

const DAY_MS = 86_400_000;
const QUOTA_BYTES = 268_435_456;
const question = { model: 'model-x', prompt: 'p' };

/** Of the counters, those that are never left out. */
const nothing = { hits: 0, misses: 0, hit_rate: 0 };

test('an unused cache shows no counter beside hits and misses', async () => {
  const tenant = await openTenant();
  expect(await tenant.ok('cache_stats')).toEqual({
    ...nothing,
    entries: 0,
    bytes: 0,
    quota_bytes: QUOTA_BYTES,
    by_model: [],
  });
});

test('every lookup is counted by its outcome, and savings in whole micro-dollars', async () => {
  const tenant = await openTenant();
  await tenant.ok('cache_get', question);
  await tenant.ok('cache_set', {
    ...question,
    response: 'r',
    ttl_s: 10,
    stale_s: 10,
    usage: { input_tokens: 10, output_tokens: 5, cost_usd: 0.1 },
  });
  for (let n = 0; n < 3; n++) await tenant.ok('cache_get', question);
  tenant.advance(10_000);
  await tenant.ok('cache_get', question);
  await tenant.ok('cache_set', { ...question, response: '' });
  const other = { model: 'model-y', prompt: 'p', namespace: 'n' };
  await tenant.ok('cache_set', { ...other, error: 'down' });
  await tenant.ok('cache_get', other);
  const ofX = {
    ...nothing,
    hits: 3,
    misses: 1,
    stale: 1,
    rejected: 1,
    hit_rate: 0.8,
    tokens_saved: 45,
    usd_saved: 0.3,
  };
  const ofY = { ...nothing, negative: 1, hit_rate: 1 };
  expect(await tenant.ok('cache_stats')).toMatchObject({
    ...ofX,
    negative: 1,
    hit_rate: 0.8333,
    entries: 2,
    bytes: '"r"p"down"p'.length,
    by_model: [
      { model: 'model-x', ...ofX },
      { model: 'model-y', ...ofY },
    ],
  });
  expect(await tenant.ok('cache_stats', { namespace: 'n' })).toMatchObject({
    ...ofY,
    entries: 1,
    bytes: '"down"p'.length,
    by_model: [{ model: 'model-y', ...ofY }],
  });
  expect(await tenant.ok('cache_stats', { namespace: 'none' })).toMatchObject({
    ...nothing,
    entries: 0,
    by_model: [],
  });
});

test('expired and invalidated entries are not counted as stored', async () => {
  const tenant = await openTenant();
  await tenant.ok('cache_set', { ...question, response: 1, ttl_s: 1, stale_s: 1 });
  tenant.advance(1999);
  expect(await tenant.ok('cache_stats')).toMatchObject({ entries: 1 });
  tenant.advance(1);
  expect(await tenant.ok('cache_stats')).toMatchObject({ entries: 0, bytes: 0 });
});

test('days are UTC days, including today', async () => {
  const tenant = await openTenant();
  await tenant.ok('cache_get', question);
  tenant.advance(DAY_MS - 1);
  expect(await tenant.ok('cache_stats', { days: 1 })).toMatchObject({ misses: 1 });
  tenant.advance(1);
  expect(await tenant.ok('cache_stats', { days: 1 })).toMatchObject({ misses: 0 });
  expect(await tenant.ok('cache_stats', { days: 2 })).toMatchObject({ misses: 1 });
  tenant.advance(5 * DAY_MS);
  expect(await tenant.ok('cache_stats')).toMatchObject({ misses: 1 });
  tenant.advance(DAY_MS);
  expect(await tenant.ok('cache_stats')).toMatchObject({ misses: 0 });
  expect(await tenant.ok('cache_stats', { days: 30 })).toMatchObject({ misses: 1 });
  expect(await tenant.error('cache_stats', { days: 31 })).toMatchObject({
    code: 'invalid_input',
    field: 'days',
  });
});

test('rows per day are bounded, and further pairs are counted together', async () => {
  const tenant = await openTenant();
  for (let n = 0; n < 210; n++) {
    const model = `model-${String(n).padStart(3, '0')}`;
    await tenant.ok('cache_get', { model, prompt: 'p' });
    if (n === 209 || n === 0) await tenant.ok('cache_get', { model, prompt: 'p' });
  }
  const stats = await tenant.ok('cache_stats');
  expect(stats.misses).toBe(212);
  expect(stats.by_model).toHaveLength(21);
  expect(stats.by_model[0]).toMatchObject({ model: 'model-000', misses: 2 });
  expect(stats.by_model[19]).toMatchObject({ model: 'model-019', misses: 1 });
  expect(stats.by_model[20]).toMatchObject({ model: '(other)', misses: 191 });
});
