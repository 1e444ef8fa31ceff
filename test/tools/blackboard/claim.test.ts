import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import { claim, fail, listed, read, write } from '../../support/board.ts';

describe('a claim by key', () => {
  test('returns the cell with its value, a fence and a claim_id', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', { n: 1 }, { tags: ['t'] });
    const answer = await claim(tenant, { key: 'k' });
    expect(answer).toEqual({
      status: 'claimed',
      claim_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      fence: 2,
      key: 'k',
      value: { n: 1 },
      rev: 1,
      tags: ['t'],
      attempts: 1,
      expires_in_s: 300,
    });
    expect((await write(tenant, 'other', 1)).rev).toBe(3);
  });

  test('reports who holds the cell and for how long, to the millisecond', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    await claim(tenant, { key: 'k', by: 'first', ttl_s: 10 });
    tenant.advance(9_999);
    expect(await claim(tenant, { key: 'k', by: 'second' })).toEqual({
      status: 'held',
      key: 'k',
      rev: 1,
      held_by: 'first',
      retry_after_ms: 1,
    });
    tenant.advance(1);
    expect(await claim(tenant, { key: 'k', by: 'second' })).toMatchObject({ status: 'claimed', attempts: 2 });
  });

  test('finds no cell that does not exist or has expired', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1, { ttl_s: 1 });
    await write(tenant, 'elsewhere', 1, { run_id: 'other' });
    expect(await claim(tenant, { key: 'elsewhere' })).toEqual({ status: 'none', key: 'elsewhere' });
    tenant.advance(999);
    expect((await claim(tenant, { key: 'k' })).status).toBe('claimed');
    tenant.advance(1);
    expect(await claim(tenant, { key: 'k' })).toEqual({ status: 'none', key: 'k' });
    expect((await claim(tenant, { run_id: 'other', key: 'elsewhere' })).status).toBe('claimed');
  });

  test('cuts a long value as a read does', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 'x'.repeat(10_000));
    const { value, truncated, bytes } = await claim(tenant, { key: 'k' });
    expect([value.length, truncated, bytes]).toEqual([8_192, true, 10_002]);
  });

  test('ends when the cell expires, and a new cell of that key is free', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1, { ttl_s: 1 });
    const { claim_id } = await claim(tenant, { key: 'k' });
    tenant.advance(1_000);
    const lost = { status: 'lost', reason: 'cell_expired', key: 'k' };
    expect(await claim(tenant, { claim_id })).toEqual({ ...lost, rev: 0 });
    const { status, rev } = await write(tenant, 'k', 2);
    expect(status).toBe('created');
    expect(await claim(tenant, { claim_id })).toEqual({ ...lost, rev });
    expect(await read(tenant, 'k')).not.toHaveProperty('claim');
    expect(await claim(tenant, { key: 'k', by: 'b' })).toMatchObject({ status: 'claimed', attempts: 1 });
  });
});

describe('the next claim', () => {
  test('claims the oldest free cell of the prefix that has all tags', async () => {
    const tenant = await openTenant();
    await write(tenant, 'todo/z', 1, { tags: ['x', 'y'] });
    await write(tenant, 'todo/a', 1, { tags: ['x'] });
    await write(tenant, 'todo/b', 1, { tags: ['x', 'y'] });
    await write(tenant, 'a', 1, { tags: ['x', 'y'] });
    expect((await claim(tenant, { prefix: 'todo/' })).key).toBe('todo/z');
    expect((await claim(tenant, { prefix: 'todo/', tags: ['y', 'x', 'x'] })).key).toBe('todo/b');
    expect((await claim(tenant, { prefix: 'todo/' })).key).toBe('todo/a');
    expect((await claim(tenant, { tags: ['y'] })).key).toBe('a');
    expect(await claim(tenant, { prefix: 'todo/', tags: ['x'] })).toEqual({
      status: 'none',
      retry_after_ms: 300_000,
      held: 3,
    });
    expect(await claim(tenant, { prefix: 'nothing/' })).toEqual({ status: 'none' });
  });

  test('claims a cell from the millisecond its claim expires, before younger cells', async () => {
    const tenant = await openTenant();
    await write(tenant, 'q/1', 1);
    await claim(tenant, { prefix: 'q/', ttl_s: 2 });
    tenant.advance(1_999);
    expect(await claim(tenant, { prefix: 'q/' })).toEqual({
      status: 'none',
      retry_after_ms: 1,
      held: 1,
    });
    await write(tenant, 'q/2', 1);
    tenant.advance(1);
    expect(await claim(tenant, { prefix: 'q/' })).toMatchObject({ key: 'q/1', attempts: 2 });
  });

  test('skips cells that failed five times, until their value changes', async () => {
    const tenant = await openTenant();
    await write(tenant, 'q/1', 1);
    await fail(tenant, 'q/1', 4);
    expect(await read(tenant, 'q/1')).toMatchObject({ claim: { state: 'free', attempts: 4 } });
    const fifth = await claim(tenant, { prefix: 'q/', ttl_s: 1 });
    expect(fifth).toMatchObject({ key: 'q/1', attempts: 5 });
    tenant.advance(999);
    expect(await listed(tenant, { claimed: 'dead' })).toEqual([]);
    tenant.advance(1);
    expect(await claim(tenant, { prefix: 'q/' })).toEqual({ status: 'none', dead: 1 });
    expect(await listed(tenant, { claimed: 'dead' })).toEqual(['q/1']);
    expect(await read(tenant, 'q/1')).toMatchObject({ claim: { state: 'dead', attempts: 5 } });
    expect((await write(tenant, 'q/1', 1)).status).toBe('unchanged');
    expect((await claim(tenant, { prefix: 'q/' })).status).toBe('none');
    await write(tenant, 'q/1', 2);
    expect(await claim(tenant, { prefix: 'q/' })).toMatchObject({ key: 'q/1', attempts: 1 });
  });

  test('skips dead cells, which can still be claimed by key', async () => {
    const tenant = await openTenant();
    await write(tenant, 'q/1', 1);
    await fail(tenant, 'q/1', 5);
    const { claim_id, attempts } = await claim(tenant, { key: 'q/1' });
    expect(attempts).toBe(6);
    await tenant.ok('blackboard_release', { claim_id, value: 1, tags: [] });
    expect(await claim(tenant, { prefix: 'q/' })).toMatchObject({ key: 'q/1', attempts: 1 });
  });
});

describe('a renewal', () => {
  test('extends a claim that still holds, and no other', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    const { claim_id, fence } = await claim(tenant, { key: 'k', ttl_s: 10 });
    tenant.advance(9_999);
    expect(await claim(tenant, { claim_id, key: 'k', ttl_s: 5 })).toEqual({
      status: 'renewed',
      claim_id,
      fence,
      key: 'k',
      rev: 1,
      attempts: 1,
      expires_in_s: 5,
    });
    tenant.advance(4_999);
    expect((await claim(tenant, { key: 'k' })).status).toBe('held');
    tenant.advance(1);
    const lost = { status: 'lost', reason: 'expired', key: 'k', rev: 1 };
    expect(await claim(tenant, { claim_id })).toEqual(lost);
    expect((await claim(tenant, { key: 'k', by: 'next' })).fence).toBeGreaterThan(fence);
    expect(await claim(tenant, { claim_id })).toEqual({
      ...lost,
      held_by: 'next',
      retry_after_ms: 300_000,
    });
  });

  test('finds the cell on any board, unless another board or key is given', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1, { run_id: 'r' });
    const { claim_id } = await claim(tenant, { run_id: 'r', key: 'k' });
    expect((await claim(tenant, { claim_id })).status).toBe('renewed');
    expect((await claim(tenant, { claim_id, run_id: 'r' })).status).toBe('renewed');
    for (const wrong of [{ run_id: 'default' }, { key: 'other' }])
      expect(await claim(tenant, { claim_id, ...wrong })).toEqual({
        status: 'lost',
        reason: 'other_cell',
        key: 'k',
        rev: 1,
      });
    expect(await claim(tenant, { claim_id: 'made up' })).toEqual({ status: 'lost', reason: 'unknown' });
  });
});

test('a call repeated with its idempotency_key claims one item', async () => {
  const tenant = await openTenant();
  for (const key of ['q/1', 'q/2']) await write(tenant, key, 1);
  const call = { prefix: 'q/', idempotency_key: 'once' };
  expect(await claim(tenant, call)).toEqual(await claim(tenant, call));
  expect((await claim(tenant, { prefix: 'q/' })).key).toBe('q/2');
});

test.each([
  ['by', { key: 'k', by: undefined }],
  ['key', {}],
  ['prefix', { key: 'k', prefix: 'q' }],
  ['prefix', { claim_id: 'c', prefix: 'q' }],
  ['tags', { key: 'k', tags: ['t'] }],
  ['count', { key: 'k', count: 2 }],
  ['count', { claim_id: 'c', count: 2 }],
  ['count', { prefix: 'q', count: 11 }],
  ['take_over', { prefix: 'q', take_over: true }],
  ['take_over', { key: 'k', claim_id: 'c', take_over: true }],
  ['wait_s', { key: 'k', wait_s: 26 }],
  ['ttl_s', { key: 'k', ttl_s: 0 }],
  ['ttl_s', { key: 'k', ttl_s: 86_401 }],
])('a wrong %s is refused: %j', async (field, args) => {
  const tenant = await openTenant();
  expect(await tenant.error('blackboard_claim', { by: 'a', ...args })).toMatchObject({
    code: 'invalid_input',
    field,
  });
});
