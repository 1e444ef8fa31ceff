import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const claimed = async (tenant: TestTenant, args = {}) => {
  await tenant.ok('blackboard_write', { key: 'k', value: 1, tags: ['todo'] });
  return tenant.ok('blackboard_claim', { key: 'k', by: 'a', ...args });
};
const release = (tenant: TestTenant, args: object) => tenant.ok('blackboard_release', args);
const read = async (tenant: TestTenant, args = {}) =>
  (await tenant.ok('blackboard_read', { key: 'k', ...args })).entries[0];

describe('a release', () => {
  test('writes the result and frees the cell in one step', async () => {
    const tenant = await openTenant();
    const { claim_id } = await claimed(tenant);
    expect(await release(tenant, { claim_id, value: { done: true }, tags: ['done'] })).toEqual({
      status: 'released',
      key: 'k',
      rev: 3,
    });
    const cell = await read(tenant, { history: true });
    expect(cell).toMatchObject({ value: { done: true }, rev: 3, by: 'a', tags: ['done'] });
    expect(cell).not.toHaveProperty('claim');
    expect(cell.versions).toMatchObject([{ rev: 3, op: 'set' }, { rev: 1 }]);
    expect((await tenant.ok('blackboard_write', { key: 'k', value: 2 })).status).toBe('updated');
  });

  test('with tags only keeps the value, and without a result keeps the cell', async () => {
    const tenant = await openTenant();
    const first = await claimed(tenant);
    expect((await release(tenant, { claim_id: first.claim_id, tags: ['review'] })).rev).toBe(3);
    expect(await read(tenant)).toMatchObject({ value: 1, tags: ['review'] });
    const second = await tenant.ok('blackboard_claim', { key: 'k', by: 'b' });
    expect(second.attempts).toBe(1);
    expect(await release(tenant, { claim_id: second.claim_id })).toEqual({
      status: 'released',
      key: 'k',
      rev: 3,
      attempts: 1,
    });
    expect((await read(tenant)).rev).toBe(3);
  });

  test('keeps the time to live of the cell', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 1, ttl_s: 60 });
    const { claim_id } = await tenant.ok('blackboard_claim', { key: 'k', by: 'a' });
    await release(tenant, { claim_id, value: 2 });
    expect((await read(tenant)).expires_in_s).toBe(60);
  });

  test('with delete removes the item from the queue', async () => {
    const tenant = await openTenant();
    const { claim_id } = await claimed(tenant);
    expect(await release(tenant, { claim_id, delete: true })).toEqual({
      status: 'released',
      key: 'k',
      rev: 0,
    });
    expect(await read(tenant)).toMatchObject({ found: false });
    await tenant.ok('blackboard_write', { key: 'k', value: 'new' });
    expect(await release(tenant, { claim_id, delete: true })).toEqual({
      status: 'already_released',
      key: 'k',
      rev: 0,
    });
    expect((await read(tenant)).value).toBe('new');
  });

  test('without a result is a failed attempt, and after the fifth the item is dead', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 1 });
    for (let attempts = 1; attempts <= 5; attempts++) {
      const { claim_id } = await tenant.ok('blackboard_claim', { prefix: 'k', by: 'a' });
      expect(await release(tenant, { claim_id })).toMatchObject({ status: 'released', attempts });
    }
    expect(await tenant.ok('blackboard_claim', { prefix: 'k', by: 'a' })).toEqual({
      status: 'none',
      dead: 1,
    });
  });

  test('with a result resets the failed attempts, even if the value is the same', async () => {
    const tenant = await openTenant();
    const first = await claimed(tenant);
    await release(tenant, { claim_id: first.claim_id });
    const second = await tenant.ok('blackboard_claim', { key: 'k', by: 'a' });
    expect(await release(tenant, { claim_id: second.claim_id, value: 1 })).toEqual({
      status: 'released',
      key: 'k',
      rev: 1,
    });
    expect((await tenant.ok('blackboard_claim', { key: 'k', by: 'a' })).attempts).toBe(1);
  });

  test('repeated reports already_released and writes nothing, whoever holds the cell by then', async () => {
    const tenant = await openTenant();
    const { claim_id } = await claimed(tenant);
    const call = { claim_id, value: 'result' };
    await release(tenant, call);
    expect(await release(tenant, call)).toEqual({ status: 'already_released', key: 'k', rev: 3 });
    const next = await tenant.ok('blackboard_claim', { key: 'k', by: 'b' });
    await tenant.ok('blackboard_write', { key: 'k', value: 'b was here', claim_id: next.claim_id });
    expect(await release(tenant, call)).toEqual({ status: 'already_released', key: 'k', rev: 3 });
    expect(await read(tenant)).toMatchObject({ value: 'b was here', claim: { state: 'held', by: 'b' } });
    expect((await tenant.ok('blackboard_claim', { claim_id, by: 'a' })).status).toBe('lost');
  });

  test('is lost from the millisecond the claim ends, and writes nothing', async () => {
    const tenant = await openTenant();
    const first = await claimed(tenant, { ttl_s: 1 });
    tenant.advance(999);
    expect((await release(tenant, { claim_id: first.claim_id, value: 'in time' })).status).toBe('released');
    const second = await tenant.ok('blackboard_claim', { key: 'k', by: 'b', ttl_s: 1 });
    tenant.advance(1_000);
    for (const result of [{ value: 'late' }, { delete: true }, { tags: [] }, {}])
      expect(await release(tenant, { claim_id: second.claim_id, ...result })).toMatchObject({
        status: 'lost',
        reason: 'expired',
      });
    expect(await read(tenant)).toMatchObject({ value: 'in time', claim: { state: 'done', attempts: 1 } });
  });

  test('of a claim that never existed, or is on another board, is lost', async () => {
    const tenant = await openTenant();
    const { claim_id } = await claimed(tenant);
    expect(await release(tenant, { claim_id: 'never' })).toEqual({ status: 'lost', reason: 'unknown' });
    expect(await release(tenant, { claim_id, run_id: 'other' })).toMatchObject({
      status: 'lost',
      reason: 'other_cell',
    });
    expect((await release(tenant, { claim_id, run_id: 'default' })).status).toBe('released');
    expect(await release(tenant, { claim_id, run_id: 'other' })).toMatchObject({
      status: 'lost',
      reason: 'released',
    });
  });

  test('with an invalid result is refused, and the claim still holds', async () => {
    const tenant = await openTenant();
    const { claim_id } = await claimed(tenant);
    expect(
      await tenant.error('blackboard_release', { claim_id, value: 'x'.repeat(1_048_576) }),
    ).toMatchObject({
      code: 'too_large',
      field: 'value',
    });
    for (const more of [{ value: 1 }, { tags: [] }])
      expect(await tenant.error('blackboard_release', { claim_id, delete: true, ...more })).toMatchObject({
        code: 'invalid_input',
        field: 'delete',
      });
    expect((await read(tenant)).claim.state).toBe('held');
  });
});
