import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const FIFTY = Array.from({ length: 50 }, (_, i) => i);
const value = async (tenant: TestTenant, key: string) =>
  (await tenant.ok('blackboard_read', { key })).entries[0].value;
const tally = (answers: readonly Answer[]) => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe('fifty calls in parallel', () => {
  test('with the same if_rev: one succeeds, the others get the value it wrote', async () => {
    const tenant = await openTenant();
    const { rev } = await tenant.ok('blackboard_write', { key: 'k', value: 'before' });
    const answers = await Promise.all(
      FIFTY.map((n) => tenant.ok('blackboard_write', { key: 'k', value: n, if_rev: rev })),
    );
    expect(tally(answers)).toEqual({ updated: 1, conflict: 49 });
    const won = answers.findIndex(({ status }) => status === 'updated');
    expect(await value(tenant, 'k')).toBe(won);
    for (const answer of answers.filter(({ status }) => status === 'conflict'))
      expect(answer).toMatchObject({ rev: rev + 1, current: { value: won, rev: rev + 1 } });
  });

  test('with if_rev 0: one creates', async () => {
    const tenant = await openTenant();
    const answers = await Promise.all(
      FIFTY.map((n) => tenant.ok('blackboard_write', { key: 'k', value: n, if_rev: 0 })),
    );
    expect(tally(answers)).toEqual({ created: 1, conflict: 49 });
  });

  test('increments add up, and no append is lost', async () => {
    const tenant = await openTenant();
    await Promise.all(
      FIFTY.flatMap((n) => [
        tenant.ok('blackboard_write', { key: 'count', mode: 'increment', value: 1 }),
        tenant.ok('blackboard_write', { key: 'list', mode: 'append', value: n }),
      ]),
    );
    expect(await value(tenant, 'count')).toBe(50);
    expect((await value(tenant, 'list')).toSorted((a: number, b: number) => a - b)).toEqual(FIFTY);
  });

  test('claims of one cell: one holds it, and only it can write', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 'before' });
    const answers = await Promise.all(
      FIFTY.map((n) => tenant.ok('blackboard_claim', { key: 'k', by: `agent-${n}` })),
    );
    expect(tally(answers)).toEqual({ claimed: 1, held: 49 });
    const { claim_id } = answers.find(({ status }) => status === 'claimed') ?? {};
    const written = await Promise.all(
      FIFTY.map((n) =>
        tenant.ok('blackboard_write', { key: 'k', value: n, ...(n === 25 ? { claim_id } : {}) }),
      ),
    );
    expect(tally(written)).toEqual({ updated: 1, claimed_by_other: 49 });
    expect(await value(tenant, 'k')).toBe(25);
  });
});

test('deleting and recreating never satisfies an old if_rev, in any order of calls', async () => {
  const tenant = await openTenant();
  const { rev } = await tenant.ok('blackboard_write', { key: 'k', value: 'first' });
  const stale = FIFTY.map((n) => async () => {
    if (n % 5 === 0) await tenant.ok('blackboard_delete', { keys: ['k'] });
    await tenant.ok('blackboard_write', { key: 'k', value: n, if_rev: 0 });
    return tenant.ok('blackboard_write', { key: 'k', value: 'stale', if_rev: rev });
  });
  await tenant.ok('blackboard_delete', { keys: ['k'] });
  expect(tally(await Promise.all(stale.map((run) => run())))).toEqual({ conflict: 50 });
});

describe('a queue of 100 items and 20 agents', () => {
  const fill = async (tenant: TestTenant) => {
    for (let from = 0; from < 100; from += 20)
      await tenant.ok('blackboard_write', {
        entries: Array.from({ length: 20 }, (_, i) => ({ key: `todo/${from + i}`, value: from + i })),
      });
  };

  /** Claims and releases items until none is left. @returns the finished keys */
  async function work(tenant: TestTenant, by: string, done: object): Promise<string[]> {
    const keys: string[] = [];
    for (;;) {
      const item = await tenant.ok('blackboard_claim', { prefix: 'todo/', by });
      if (item.status !== 'claimed') return keys;
      keys.push(item.key);
      await tenant.ok('blackboard_release', { claim_id: item.claim_id, ...done });
    }
  }

  test('each item is done exactly once', async () => {
    const tenant = await openTenant();
    await fill(tenant);
    const done = await Promise.all(
      Array.from({ length: 20 }, (_, i) => work(tenant, `agent-${i}`, { delete: true })),
    );
    expect(done.flat()).toHaveLength(100);
    expect(new Set(done.flat()).size).toBe(100);
    expect((await tenant.ok('blackboard_list', { prefix: 'todo/' })).total).toBe(0);
  });

  test('the item of an agent that dies is claimed once more, after its claim has expired', async () => {
    const tenant = await openTenant();
    await fill(tenant);
    const dead = await tenant.ok('blackboard_claim', { prefix: 'todo/', by: 'dies', ttl_s: 60 });
    const all = () =>
      Promise.all(Array.from({ length: 20 }, (_, i) => work(tenant, `agent-${i}`, { delete: true })));
    const first = (await all()).flat();
    expect(first).toHaveLength(99);
    tenant.advance(60_000);
    expect((await all()).flat()).toEqual([dead.key]);
    expect(await tenant.ok('blackboard_release', { claim_id: dead.claim_id, value: 'late' })).toEqual({
      status: 'lost',
      reason: 'expired',
      key: dead.key,
      rev: 0,
    });
  });
});

test('a watcher gets every event exactly once while writers write', async () => {
  const tenant = await openTenant();
  const writers = Array.from({ length: 10 }, async (_, writer) => {
    for (let n = 0; n < 12; n++) {
      await tenant.ok('blackboard_write', { key: `w${writer}/${n % 3}`, value: n });
      await tenant.ok('blackboard_write', { run_id: 'noise', key: `w${writer}`, value: n });
    }
  });
  const watcher = async (prefix: string | undefined, expected: number) => {
    const seen: number[] = [];
    let since_rev = 0;
    while (seen.length < expected) {
      const answer = await tenant.ok('blackboard_watch', { since_rev, prefix, wait_s: 25, limit: 7 });
      expect(answer.reset).toBe(false);
      expect(answer.events.length).toBeGreaterThan(0);
      seen.push(...answer.events.map(({ rev }: Answer) => rev));
      since_rev = answer.next_rev;
    }
    return seen;
  };
  const [all, some] = await Promise.all([watcher(undefined, 120), watcher('w3/', 12), ...writers]);
  expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
  expect(all).toHaveLength(120);
  expect(some).toHaveLength(12);
  expect(all).toEqual(expect.arrayContaining(some));
});
