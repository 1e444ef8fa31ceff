import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import { claim, fail, listed, read, write } from '../../support/board.ts';

describe('a write', () => {
  test('to a cell that another agent holds is refused, whatever its other arguments', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    await write(tenant, 'l', 1);
    const mine = await claim(tenant, { key: 'l' });
    await claim(tenant, { key: 'k', by: 'holder', ttl_s: 2 });
    tenant.advance(1_999);
    const refused = {
      status: 'claimed_by_other',
      key: 'k',
      rev: 1,
      held_by: 'holder',
      retry_after_ms: 1,
    };
    for (const more of [{}, { if_rev: 1 }, { if_rev: 7 }, { value: 1 }, { claim_id: mine.claim_id }])
      expect(await write(tenant, 'k', 2, more)).toEqual(refused);
    expect((await read(tenant, 'k')).value).toBe(1);
    tenant.advance(1);
    expect(await write(tenant, 'k', 2, { if_rev: 1 })).toMatchObject({ status: 'updated' });
  });

  test('with the claim succeeds in every mode and with if_rev', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    const { claim_id, rev } = await claim(tenant, { key: 'k' });
    expect((await write(tenant, 'k', 1, { claim_id, mode: 'increment', if_rev: rev })).status).toBe(
      'updated',
    );
    expect(await write(tenant, 'k', 1, { claim_id, if_rev: rev })).toMatchObject({ status: 'conflict' });
    expect((await write(tenant, 'k', 2, { claim_id })).status).toBe('unchanged');
    expect(await read(tenant, 'k')).toMatchObject({
      value: 2,
      claim: { state: 'held', by: 'a', attempts: 1 },
    });
  });

  test('with a lost claim never writes, not even to another cell', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    const { claim_id } = await claim(tenant, { key: 'k', ttl_s: 1 });
    tenant.advance(999);
    expect((await write(tenant, 'result', 1, { claim_id })).status).toBe('created');
    tenant.advance(1);
    expect(await write(tenant, 'k', 2, { claim_id })).toEqual({
      status: 'claim_lost',
      key: 'k',
      rev: 1,
      reason: 'expired',
    });
    expect(await write(tenant, 'result', 2, { claim_id })).toMatchObject({ status: 'claim_lost' });
    expect(await write(tenant, 'new', 2, { claim_id })).toEqual({
      status: 'claim_lost',
      key: 'new',
      rev: 0,
      reason: 'expired',
      claim_key: 'k',
    });
    await claim(tenant, { key: 'k', by: 'b' });
    expect(await write(tenant, 'k', 2, { claim_id })).toMatchObject({ status: 'claim_lost', held_by: 'b' });
    expect(await write(tenant, 'k', 2, { claim_id: 'made up' })).toMatchObject({
      status: 'claim_lost',
      reason: 'unknown',
    });
    expect((await read(tenant, 'k')).value).toBe(1);
  });

  test('of several cells is refused as a whole', async () => {
    const tenant = await openTenant();
    await write(tenant, 'k', 1);
    const { claim_id } = await claim(tenant, { key: 'k', ttl_s: 1 });
    const entries = [
      { key: 'k', value: 2 },
      { key: 'l', value: 2 },
    ];
    expect(await tenant.ok('blackboard_write', { entries })).toEqual({
      status: 'claimed_by_other',
      entries: [
        { status: 'claimed_by_other', key: 'k', rev: 1, held_by: 'a', retry_after_ms: 1_000 },
        { status: 'not_written', key: 'l', rev: 0 },
      ],
    });
    expect((await tenant.ok('blackboard_write', { entries, claim_id })).status).toBe('written');
    tenant.advance(1_000);
    expect(
      await tenant.ok('blackboard_write', { entries: [{ key: 'l', value: 3 }], claim_id }),
    ).toMatchObject({ status: 'claim_lost', entries: [{ status: 'claim_lost', rev: 4, claim_key: 'k' }] });
  });
});

test('a delete also deletes claimed cells and reports them, and their claims are lost', async () => {
  const tenant = await openTenant();
  await write(tenant, 'q/1', 1);
  await write(tenant, 'q/2', 1);
  const { claim_id } = await claim(tenant, { key: 'q/1' });
  expect(await tenant.ok('blackboard_delete', { prefix: 'q/', dry_run: true })).toMatchObject({ held: 1 });
  expect(await tenant.ok('blackboard_delete', { prefix: 'q/' })).toMatchObject({ deleted: 2, held: 1 });
  expect(await write(tenant, 'q/1', 2, { claim_id })).toMatchObject({ status: 'claim_lost', rev: 0 });
  const lost = { status: 'lost', reason: 'deleted', key: 'q/1', rev: 0 };
  expect(await tenant.ok('blackboard_release', { claim_id, value: 2 })).toEqual(lost);
  expect(await claim(tenant, { claim_id })).toEqual(lost);
  expect((await read(tenant, 'q/1')).found).toBe(false);
});

test('reads and lists show a claim until the millisecond it ends', async () => {
  const tenant = await openTenant();
  for (const key of ['free', 'held', 'tried']) await write(tenant, key, 'word', { tags: ['t'] });
  await fail(tenant, 'tried', 1);
  const { fence } = await claim(tenant, { key: 'held', by: 'me', ttl_s: 2 });
  tenant.advance(1_999);
  expect((await read(tenant, 'held')).claim).toEqual({
    state: 'held',
    by: 'me',
    fence,
    age_s: 1,
    expires_in_s: 1,
    attempts: 1,
  });
  expect((await read(tenant, 'tried')).claim).toEqual({ state: 'free', attempts: 1 });
  expect(await read(tenant, 'free')).not.toHaveProperty('claim');
  for (const filter of [{}, { tags: ['t'] }, { query: 'word' }]) {
    expect((await listed(tenant, { ...filter, claimed: 'free' })).sort()).toEqual(['free', 'tried']);
    expect(await listed(tenant, { ...filter, claimed: 'held' })).toEqual(['held']);
    expect((await listed(tenant, { ...filter, claimed: 'any' })).length).toBe(3);
  }
  const { entries, total } = await tenant.ok('blackboard_list', { claimed: 'held' });
  expect([entries[0].claimed_by, total]).toEqual(['me', 1]);
  tenant.advance(1);
  expect((await read(tenant, 'held')).claim).toEqual({ state: 'free', attempts: 1 });
  expect(await listed(tenant, { claimed: 'held' })).toEqual([]);
  expect(await listed(tenant, { claimed: 'free' })).toEqual(['free', 'held', 'tried']);
  expect(JSON.stringify(await tenant.ok('blackboard_list', { claimed: 'any' }))).not.toContain('claimed_by');
});

test('a claim_id is returned only to the agent that claimed', async () => {
  const tenant = await openTenant();
  await write(tenant, 'k', 1);
  const { claim_id } = await claim(tenant, { key: 'k' });
  const shown = [
    await tenant.ok('blackboard_read', { key: 'k', history: true }),
    await tenant.ok('blackboard_list', { claimed: 'held' }),
    await tenant.ok('blackboard_watch', { since_rev: 0 }),
    await claim(tenant, { key: 'k' }),
    await write(tenant, 'k', 2),
  ];
  expect(JSON.stringify(shown)).not.toContain(claim_id);
});
