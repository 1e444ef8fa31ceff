import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import { claim, fail, listed, read, write } from '../../support/board.ts';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const Q = { prefix: 'q/' };
const release = (tenant: TestTenant, { claim_id }: Answer, more: object = {}) =>
  tenant.ok('blackboard_release', { claim_id, ...more });
const entry = async (tenant: TestTenant, args: object): Promise<Answer> =>
  (await tenant.ok('blackboard_list', args)).entries[0];

/** A queue of items `q/1`, `q/2` … */
async function queueOf(items: number): Promise<TestTenant> {
  const tenant = await openTenant();
  for (let n = 1; n <= items; n++) await write(tenant, `q/${n}`, { n }, { tags: ['todo'] });
  return tenant;
}

describe('an item that is released with a value and without tags', () => {
  test('is done: it is not offered again until its value is written', async () => {
    const tenant = await queueOf(1);
    await release(tenant, await claim(tenant, Q), { value: 'result' });
    expect(await claim(tenant, Q)).toEqual({ status: 'none' });
    expect(await claim(tenant, { tags: ['todo'] })).toEqual({ status: 'none' });
    expect(await listed(tenant, { claimed: 'done' })).toEqual(['q/1']);
    expect(await listed(tenant, { claimed: 'free' })).toEqual([]);
    expect((await read(tenant, 'q/1')).claim).toEqual({ state: 'done' });
    expect((await write(tenant, 'q/1', 'result')).status).toBe('unchanged');
    expect((await claim(tenant, Q)).status).toBe('none');
    await write(tenant, 'q/1', 'more work');
    expect(await read(tenant, 'q/1')).not.toHaveProperty('claim');
    expect(await claim(tenant, Q)).toMatchObject({ key: 'q/1', attempts: 1 });
  });

  test('is done also when the value is the one that it had, or null', async () => {
    const tenant = await queueOf(2);
    await release(tenant, await claim(tenant, Q), { value: { n: 1 } });
    await release(tenant, await claim(tenant, Q), { value: null });
    expect(await claim(tenant, Q)).toEqual({ status: 'none' });
    expect(await listed(tenant, { claimed: 'done' })).toEqual(['q/1', 'q/2']);
  });

  test('stays done when a claim by its key fails or expires, and not when that is released with requeue', async () => {
    const tenant = await queueOf(1);
    await release(tenant, await claim(tenant, Q), { value: 'result' });
    await release(tenant, await claim(tenant, { key: 'q/1' }), { failed: 'only looked' });
    await fail(tenant, 'q/1', 1);
    expect(await claim(tenant, Q)).toEqual({ status: 'none' });
    expect((await read(tenant, 'q/1')).claim).toMatchObject({ state: 'done', attempts: 2 });
    const again = await claim(tenant, { key: 'q/1' });
    expect(again).toMatchObject({ value: 'result', attempts: 3 });
    await release(tenant, again, { requeue: true });
    expect(await claim(tenant, Q)).toMatchObject({ key: 'q/1', attempts: 3 });
  });

  test('is offered again with tags, as between stages, or with requeue', async () => {
    const tenant = await queueOf(1);
    await release(tenant, await claim(tenant, Q), { value: 'draft', tags: ['review'] });
    const review = await claim(tenant, { tags: ['review'] });
    expect(review).toMatchObject({ value: 'draft', tags: ['review'], attempts: 1 });
    await release(tenant, review, { value: 'again', requeue: true });
    expect(await claim(tenant, Q)).toMatchObject({ value: 'again', attempts: 1 });
  });

  test('does not hide younger items, however many are done', async () => {
    const tenant = await queueOf(3);
    for (let n = 0; n < 2; n++) await release(tenant, await claim(tenant, Q), { value: 'done' });
    expect((await claim(tenant, Q)).key).toBe('q/3');
  });
});

describe('a failed attempt', () => {
  test('leaves its reason for whoever looks or tries next, until there is a result', async () => {
    const tenant = await queueOf(1);
    const failed = 'the API answered 503';
    expect(await release(tenant, await claim(tenant, Q), { failed })).toEqual({
      status: 'released',
      key: 'q/1',
      rev: 1,
      attempts: 1,
    });
    expect((await read(tenant, 'q/1')).claim).toEqual({ state: 'free', attempts: 1, failed });
    expect((await entry(tenant, { claimed: 'free' })).claim).toEqual({ state: 'free', attempts: 1, failed });
    const second = await claim(tenant, Q);
    expect(second).toMatchObject({ attempts: 2, failed });
    await release(tenant, second, { value: 1, tags: ['next'] });
    expect(await read(tenant, 'q/1')).not.toHaveProperty('claim');
  });

  test('can delay the next one, to the millisecond, but not a claim by key', async () => {
    const tenant = await queueOf(1);
    await release(tenant, await claim(tenant, Q), { failed: 'busy', delay_s: 10 });
    expect(await claim(tenant, Q)).toEqual({ status: 'none', retry_after_ms: 10_000, delayed: 1 });
    expect(await listed(tenant, { claimed: 'free' })).toEqual([]);
    expect((await entry(tenant, { claimed: 'delayed' })).claim).toEqual({
      state: 'delayed',
      expires_in_s: 10,
      attempts: 1,
      failed: 'busy',
    });
    tenant.advance(9_999);
    expect(await claim(tenant, Q)).toMatchObject({ status: 'none', retry_after_ms: 1 });
    tenant.advance(1);
    expect(await listed(tenant, { claimed: 'free' })).toEqual(['q/1']);
    const second = await claim(tenant, Q);
    expect(second).toMatchObject({ status: 'claimed', attempts: 2 });
    await release(tenant, second, { delay_s: 10 });
    expect(await claim(tenant, { key: 'q/1' })).toMatchObject({ status: 'claimed', attempts: 3 });
  });

  test('delays nothing after a new value, which is new work', async () => {
    const tenant = await queueOf(1);
    await release(tenant, await claim(tenant, Q), { failed: 'busy', delay_s: 10 });
    await write(tenant, 'q/1', 'other work');
    const next = await claim(tenant, Q);
    expect(next).toMatchObject({ status: 'claimed', attempts: 1 });
    expect(next).not.toHaveProperty('failed');
  });

  test('is not what requeue is: it counts no attempt, and brings a dead item back to life', async () => {
    const tenant = await queueOf(1);
    for (let n = 0; n < 3; n++) await release(tenant, await claim(tenant, Q), { requeue: true });
    await fail(tenant, 'q/1', 4);
    await release(tenant, await claim(tenant, Q), { failed: 'the last straw' });
    expect(await claim(tenant, Q)).toEqual({ status: 'none', dead: 1 });
    expect((await entry(tenant, { claimed: 'dead' })).claim).toEqual({
      state: 'dead',
      attempts: 5,
      failed: 'the last straw',
    });
    await release(tenant, await claim(tenant, { key: 'q/1' }), { requeue: true });
    const reborn = await claim(tenant, Q);
    expect(reborn).toMatchObject({ key: 'q/1', attempts: 1 });
    expect(reborn).not.toHaveProperty('failed');
  });
});

test.each([
  ['delete', { delete: true, value: 1 }],
  ['requeue', { delete: true, requeue: true }],
  ['failed', { failed: 'why', value: 1 }],
  ['failed', { failed: 'why', tags: [] }],
  ['failed', { failed: 'why', requeue: true }],
  ['failed', { failed: 'why', delete: true }],
  ['failed', { failed: '' }],
  ['failed', { failed: 'x'.repeat(501) }],
  ['delay_s', { delay_s: 5, value: 1 }],
  ['delay_s', { delay_s: 5, delete: true }],
  ['delay_s', { delay_s: 0 }],
  ['delay_s', { delay_s: 86_401 }],
])('a release with a wrong %s is refused, and the claim still holds: %j', async (field, args) => {
  const tenant = await queueOf(1);
  const { claim_id } = await claim(tenant, Q);
  expect(await tenant.error('blackboard_release', { claim_id, ...args })).toMatchObject({
    code: 'invalid_input',
    field,
  });
  expect((await claim(tenant, { claim_id })).status).toBe('renewed');
});

describe('several items', () => {
  test('are claimed at once, the oldest first, and answered in items only when count is given', async () => {
    const tenant = await queueOf(4);
    const { status, items, ...rest } = await claim(tenant, { ...Q, count: 3 });
    expect([status, rest]).toEqual(['claimed', {}]);
    expect(items.map(({ key, value, attempts }: Answer) => [key, value.n, attempts])).toEqual([
      ['q/1', 1, 1],
      ['q/2', 2, 1],
      ['q/3', 3, 1],
    ]);
    expect(new Set(items.map(({ claim_id }: Answer) => claim_id)).size).toBe(3);
    for (const item of items) expect((await release(tenant, item, { delete: true })).status).toBe('released');
    expect((await claim(tenant, { ...Q, count: 10 })).items).toHaveLength(1);
    expect(await claim(tenant, { ...Q, count: 1 })).toMatchObject({ status: 'none', held: 1 });
  });

  test('share the room of one answer', async () => {
    const tenant = await openTenant();
    for (let n = 0; n < 10; n++) await write(tenant, `q/${n}`, 'x'.repeat(20_000));
    const answer = await claim(tenant, { ...Q, count: 10 });
    expect(answer.items.every(({ truncated, bytes }: Answer) => truncated && bytes === 20_002)).toBe(true);
    expect(JSON.stringify(answer).length).toBeLessThanOrEqual(64 * 1024);
  });

  test('are shown without what others have stored to a token that may not read', async () => {
    const tenant = await queueOf(2);
    await release(tenant, await claim(tenant, Q), { failed: 'secret reason' });
    const writer = await tenant.otherPrincipal(['blackboard:write']);
    const answer = await claim(writer, { ...Q, count: 2 });
    expect(answer.items.map(({ key }: Answer) => key)).toEqual(['q/1', 'q/2']);
    expect(answer.withheld.fields).toEqual(['items[].value', 'items[].tags', 'items[].failed']);
    expect(JSON.stringify(answer)).not.toMatch(/secret|todo|"n"/);
  });
});

describe('a claim that waits', () => {
  const waiting = (tenant: TestTenant, args: object = {}) => claim(tenant, { ...Q, wait_s: 25, ...args });

  test.each<[string, (tenant: TestTenant, held: Answer) => Promise<unknown>]>([
    ['a new item', (tenant) => write(tenant, 'q/2', 1)],
    ['a release', (tenant, held) => release(tenant, held, { requeue: true })],
    ['the end of a claim', (tenant) => tenant.elapse(5_000)],
  ])('is answered at once by %s', async (_, act) => {
    const tenant = await queueOf(1);
    const held = await claim(tenant, { ...Q, ttl_s: 5, by: 'first' });
    const answer = waiting(tenant, { by: 'second' });
    await act(tenant, held);
    expect((await answer).status).toBe('claimed');
  });

  test('is answered at the end of a delay', async () => {
    const tenant = await queueOf(1);
    await release(tenant, await claim(tenant, Q), { failed: 'busy', delay_s: 3 });
    const answer = waiting(tenant);
    await tenant.elapse(3_000);
    expect(await answer).toMatchObject({ status: 'claimed', key: 'q/1', attempts: 2 });
  });

  test('for a key is answered when it is free, or when it exists', async () => {
    const tenant = await queueOf(1);
    const held = await claim(tenant, { key: 'q/1' });
    const [byKey, absent] = [
      claim(tenant, { key: 'q/1', wait_s: 25 }),
      claim(tenant, { key: 'new', wait_s: 25 }),
    ];
    await release(tenant, held);
    await write(tenant, 'new', 1);
    expect((await byKey).status).toBe('claimed');
    expect((await absent).status).toBe('claimed');
  });

  test('says what it would have said at first when the time is over', async () => {
    const tenant = await queueOf(1);
    await claim(tenant, Q);
    const answer = waiting(tenant, { wait_s: 2 });
    await tenant.elapse(2_000);
    expect(await answer).toEqual({ status: 'none', held: 1, retry_after_ms: 298_000 });
  });
});

test('none says whether nothing is left, or others hold the rest, and when the next can come', async () => {
  const tenant = await queueOf(4);
  await claim(tenant, { ...Q, ttl_s: 60 });
  await release(tenant, await claim(tenant, Q), { failed: 'busy', delay_s: 20 });
  await fail(tenant, 'q/3', 5);
  await release(tenant, await claim(tenant, Q), { value: 'done' });
  expect(await claim(tenant, Q)).toEqual({
    status: 'none',
    held: 1,
    delayed: 1,
    dead: 1,
    retry_after_ms: 15_000,
  });
  expect(await claim(tenant, { tags: ['todo'] })).toMatchObject({ held: 1, delayed: 1, dead: 1 });
  expect(await claim(tenant, { prefix: 'other/' })).toEqual({ status: 'none' });
  expect(await claim(tenant, { tags: ['other'] })).toEqual({ status: 'none' });
});

test('held items are listed with who holds them, since when, how often they were tried and for how long', async () => {
  const tenant = await queueOf(2);
  await fail(tenant, 'q/1', 1);
  await claim(tenant, { key: 'q/1', by: 'me', ttl_s: 60 });
  tenant.advance(20_000);
  expect(await entry(tenant, { claimed: 'held' })).toMatchObject({
    key: 'q/1',
    claimed_by: 'me',
    claim: { state: 'held', age_s: 20, attempts: 2, expires_in_s: 40 },
  });
});

describe('a take-over', () => {
  test('gives the cell to a supervisor with a new fence, and the old holder learns who has it', async () => {
    const tenant = await queueOf(1);
    const old = await claim(tenant, { key: 'q/1', by: 'worker' });
    const taken = await claim(tenant, { key: 'q/1', by: 'boss', take_over: true, ttl_s: 60 });
    expect(taken).toMatchObject({ status: 'claimed', taken_from: 'worker', attempts: 2, rev: 1 });
    expect(taken.fence).toBeGreaterThan(old.fence);
    const lost = { reason: 'taken_over', key: 'q/1', held_by: 'boss', retry_after_ms: 60_000 };
    const { claim_id } = old;
    expect(await claim(tenant, { claim_id })).toEqual({ status: 'lost', rev: 1, ...lost });
    expect(await write(tenant, 'q/1', 'late', { claim_id })).toEqual({
      status: 'claim_lost',
      rev: 1,
      ...lost,
    });
    expect(await release(tenant, old, { value: 'late' })).toEqual({ status: 'lost', rev: 1, ...lost });
    expect((await read(tenant, 'q/1')).value).toEqual({ n: 1 });
    expect((await release(tenant, taken, { value: 'saved' })).status).toBe('released');
  });

  test('of a cell that nobody holds is a claim', async () => {
    const tenant = await queueOf(1);
    expect(await claim(tenant, { key: 'q/1', take_over: true })).not.toHaveProperty('taken_from');
    expect(await claim(tenant, { key: 'none', take_over: true })).toEqual({ status: 'none', key: 'none' });
  });

  test('hides the names of holders from a token that may not read', async () => {
    const tenant = await queueOf(1);
    const writer = await tenant.otherPrincipal(['blackboard:write']);
    const old = await claim(writer, { key: 'q/1', by: 'worker' });
    await claim(tenant, { key: 'q/1', by: 'boss', take_over: true });
    for (const answer of [
      await release(writer, old),
      await claim(writer, { claim_id: old.claim_id }),
      await write(writer, 'q/1', 1, { claim_id: old.claim_id }),
      await claim(writer, { key: 'q/1', take_over: true }),
    ])
      expect(JSON.stringify(answer)).not.toContain('boss');
  });
});
