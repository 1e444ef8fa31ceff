import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const failure = { error_type: 'TimeoutError', error_message: 'upstream search timed out slowly' };
const update = (tenant: TestTenant, args: Record<string, unknown>) => tenant.ok('scar_update', args);
const entry = async (tenant: TestTenant, scar_id: string, status?: string) => {
  const { scars } = await tenant.ok('scar_list', { status });
  return scars.find((scar: { scar_id: string }) => scar.scar_id === scar_id);
};

test('changes what is given and nothing else, under a new rev', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', { ...failure, tags: ['a'], cause: 'old' });
  const before = await entry(tenant, scar_id);
  const changes = { cause: 'the index is cold', severity: 'high', class: 'transient', tags: ['b', 'b'] };
  const updated = await update(tenant, { scar_id, ...changes });
  expect(updated).toEqual({ status: 'updated', scar_id, rev: expect.any(Number) });
  expect(updated.rev).toBeGreaterThan(before.rev);
  expect(await entry(tenant, scar_id)).toEqual({ ...before, ...changes, tags: ['b'], rev: updated.rev });
  expect(await update(tenant, { scar_id, ...changes })).toEqual({ ...updated, status: 'unchanged' });
  expect(await update(tenant, { scar_id })).toEqual({ ...updated, status: 'unchanged' });
});

test('an empty text takes the text away', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', { error_type: 'E', context: 'x y', cause: 'why' });
  await update(tenant, { scar_id, cause: '', context: ' ' });
  expect(await entry(tenant, scar_id)).toMatchObject({ summary: '' });
  expect(await entry(tenant, scar_id)).not.toHaveProperty('cause');
});

test('with if_rev only when it has that rev', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', failure);
  const { rev } = await entry(tenant, scar_id);
  expect(await update(tenant, { scar_id, cause: 'x', if_rev: rev - 1 })).toEqual({
    status: 'conflict',
    scar_id,
    rev,
  });
  expect(await entry(tenant, scar_id)).not.toHaveProperty('cause');
  await tenant.ok('scar_record', failure);
  expect((await update(tenant, { scar_id, cause: 'x', if_rev: rev })).status).toBe('conflict');
  const now = (await entry(tenant, scar_id)).rev;
  expect((await update(tenant, { scar_id, cause: 'x', if_rev: now })).status).toBe('updated');
});

test('credentials are taken out before anything is stored or indexed', async () => {
  const tenant = await openTenant();
  const secret = 'sk-abcdefghijklmnop1234';
  const { scar_id } = await tenant.ok('scar_record', { error_type: 'E', context: 'old words here' });
  await update(tenant, {
    scar_id,
    cause: `bad ${secret}`,
    context: `calling with ${secret}`,
    tags: [secret],
  });
  const shown = JSON.stringify(await entry(tenant, scar_id));
  expect(shown).not.toContain('abcdefghijklmnop');
  expect(shown).toContain('bad [redacted:api_key]');
  for (const query of ['abcdefghijklmnop1234', 'bcdefghijkl']) {
    expect((await tenant.ok('scar_list', { query })).total).toBe(0);
  }
});

test('a new context is what is searched, and the fingerprint stays', async () => {
  const tenant = await openTenant();
  const recorded = { error_type: 'E', context: 'search index rejected shard' };
  const { scar_id } = await tenant.ok('scar_record', recorded);
  await update(tenant, { scar_id, context: 'replica database unreachable tonight' });
  const similar = (context: string) => tenant.ok('scar_lookup', { error_type: 'E', context });
  expect((await similar('rejected shard search')).match).toBe('none');
  expect((await similar('replica database unreachable')).match).toBe('similar');
  expect((await similar(recorded.context)).match).toBe('exact');
});

describe('status', () => {
  test.each(['muted', 'archived'])('%s silences until it is open again', async (status) => {
    const tenant = await openTenant();
    const { scar_id } = await tenant.ok('scar_record', { ...failure, tool: 'search' });
    expect((await update(tenant, { scar_id, status })).status).toBe('updated');
    expect((await update(tenant, { scar_id, status })).status).toBe('unchanged');
    const reworded = { error_type: 'TimeoutError', context: 'upstream search timed out' };
    expect((await tenant.ok('scar_lookup', reworded)).match).toBe('none');
    expect(await tenant.ok('scar_record', { ...failure, tool: 'search' })).toMatchObject({
      status: 'seen',
      verdict: 'clear',
      occurrences: 2,
    });
    await update(tenant, { scar_id, status: 'open' });
    expect((await tenant.ok('scar_lookup', reworded)).match).toBe('similar');
  });
});

test('an unknown scar, and what does not fit', async () => {
  const tenant = await openTenant();
  const { scar_id } = await tenant.ok('scar_record', failure);
  expect(await tenant.error('scar_update', { scar_id: 'scar_999', cause: 'x' })).toMatchObject({
    code: 'unknown_handle',
    field: 'scar_id',
  });
  for (const [field, value] of [
    ['status', 'resolved'],
    ['class', 'flaky'],
    ['if_rev', -1],
    ['tags', Array.from({ length: 17 }, (_, i) => `t${i}`)],
  ] as const) {
    expect(await tenant.error('scar_update', { scar_id, [field]: value })).toMatchObject({ field });
  }
  expect(await tenant.error('scar_update', { scar_id, cause: 'x'.repeat(2049) })).toMatchObject({
    code: 'too_large',
    field: 'cause',
  });
});
