import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { boardExpiry } from '../../src/tools/blackboard/expiry.ts';
import { createdCompartment, openCompartment, type TestCompartment } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';
import { createOldTenant } from '../support/old-database.ts';
import type { Answer } from '../support/tenant.ts';

/** What a caller cannot see by itself: expiries without calls, in steps, across restarts, and of data from before. */

function caller(server: TestCompartment, token = server.issue()) {
  const call = (tool: string, args: object = {}): Answer => {
    const outcome = server.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  const events = (since_rev = 0): string[] =>
    call('blackboard_watch', { since_rev, limit: 200 }).events.map(
      ({ rev, op, key }: Answer) => `${rev} ${op} ${key}`,
    );
  return { token, call, events };
}

test('a sweep records expiries that no call has seen, each once, also after a restart', () => {
  const db = openDatabase();
  const first = createdCompartment({ db });
  const { token, call } = caller(first);
  call('blackboard_write', { key: 'cell', value: 1, ttl_s: 2 });
  call('blackboard_write', { key: 'item', value: 1 });
  call('blackboard_claim', { key: 'item', by: 'a', ttl_s: 1 });
  first.clock.now += 1_000;
  expect(first.compartment.sweep()).toBe('done');
  const second = openCompartment({ db });
  second.clock.now = first.clock.now + 1_000;
  expect(second.compartment.sweep()).toBe('done');
  second.compartment.sweep();
  const third = openCompartment({ db });
  third.clock.now = second.clock.now;
  const { call: again, events } = caller(third, token);
  expect(events()).toEqual([
    '1 set cell',
    '2 set item',
    '3 claim item',
    '4 claim_expired item',
    '5 expired cell',
  ]);
  // The revisions of the events are not given again.
  expect(again('blackboard_write', { key: 'next', value: 1 }).rev).toBe(6);
});

test('many expiries are recorded in steps, in order of time and of rev', () => {
  const server = createdCompartment();
  const { call, events } = caller(server);
  for (let n = 0; n < 450; n++) call('blackboard_write', { key: `k${n}`, value: n, ttl_s: 500 - n });
  server.clock.now += 1_000_000;
  expect(server.compartment.sweep()).toBe('more');
  expect(call('blackboard_list', { prefix: 'k' })).toEqual({ entries: [], total: 0 });
  while (server.compartment.sweep() === 'more');
  const expired: string[] = [];
  for (let since = 450; since < 900; since += 200) expired.push(...events(since));
  expect(expired).toEqual(Array.from({ length: 450 }, (_, n) => `${451 + n} expired k${449 - n}`));
});

test('the host is asked to wake for the next expiry, once, and again when a sooner one comes', () => {
  const asked: number[] = [];
  const server = createdCompartment({ wakeWithin: (ms) => void asked.push(ms) });
  const { call } = caller(server);
  call('blackboard_write', { key: 'a', value: 1, ttl_s: 60 });
  call('blackboard_write', { key: 'b', value: 1, ttl_s: 90 });
  expect(asked).toEqual([60_000]);
  call('blackboard_claim', { key: 'b', by: 'a', ttl_s: 10 });
  expect(asked).toEqual([60_000, 10_000]);
  server.clock.now += 10_000;
  expect(server.compartment.nextSweepMs('done')).toBe(1_000);
  expect(server.compartment.sweep()).toBe('done');
  expect(server.compartment.nextSweepMs('done')).toBe(50_000);
  server.clock.now += 100_000;
  server.compartment.sweep();
  expect(server.compartment.nextSweepMs('done')).toBe(3_600_000);
  expect(server.compartment.nextSweepMs('more')).toBe(1_000);
});

test('an error while expiries are recorded is logged, fails no call, and is tried again', () => {
  const db = openDatabase();
  let isBroken = true;
  const server = createdCompartment({
    db: {
      ...db,
      exec: (query, ...bindings) => {
        if (isBroken && query.includes('board_cells_due') && query.includes('LIMIT ?'))
          throw new Error('broken');
        return db.exec(query, ...bindings);
      },
    },
  });
  const { call, events } = caller(server);
  call('blackboard_write', { key: 'a', value: 1, ttl_s: 1 });
  server.clock.now += 1_000;
  expect(call('blackboard_read', { key: 'a' }).entries).toMatchObject([{ found: false }]);
  expect(server.lines).toContainEqual(expect.objectContaining({ event: 'tenant.sweep_failed' }));
  isBroken = false;
  server.clock.now += 60_000;
  expect(events()).toEqual(['1 set a', '2 expired a']);
});

test('items from before the queue knew results stay free, and their claims and cells expire as events', () => {
  const db = openDatabase();
  const token = createOldTenant(db, '0012');
  const now = START;
  const insert = (key: string, columns: string, values: string) =>
    db.exec(`INSERT INTO board_cells (run_id, key, rev, author, principal, updated_at, versions, bytes, tags, value, ${columns})
      VALUES ('default', '${key}', 1, 'old', 'old', ${now}, 1, 1, '[]', '1', ${values})`);
  insert('q/done', 'attempts', '0');
  insert(
    'q/held',
    'attempts, claim_id, claim_by, claim_fence, claim_until',
    `1, 'c', 'old', 1, ${now + 1_000}`,
  );
  insert('gone', 'expires_at', `${now - 5}`);
  db.exec(`INSERT INTO calls (id, at, tool, outcome, trace_id, span_id, token_id, rev, buckets)
    VALUES (1, ${now}, 't', 'ok', '', '', '', 10, '{}')`);
  const after = openCompartment({ db });
  after.clock.now = now;
  const { call, events } = caller(after, token);
  expect(events()).toEqual(['11 expired gone']);
  expect(call('blackboard_read', { key: 'q/held' }).entries[0].claim).toEqual({
    state: 'held',
    by: 'old',
    fence: 1,
    expires_in_s: 1,
    attempts: 1,
  });
  expect(call('blackboard_claim', { prefix: 'q/', by: 'b' })).toMatchObject({ key: 'q/done', fence: 12 });
  after.clock.now += 1_000;
  expect(call('blackboard_claim', { claim_id: 'c', by: 'old' })).toEqual({
    status: 'lost',
    reason: 'expired',
    key: 'q/held',
    rev: 1,
  });
  expect(events(12)).toEqual(['13 claim_expired q/held']);
});

test('the next expiry is known after each call, whichever calls come before it', () => {
  const server = createdCompartment();
  const { call } = caller(server);
  let seed = 7;
  const below = (n: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % n;
  };
  const steps = [
    (key: string) => call('blackboard_write', { key, value: below(1000) }),
    (key: string) => call('blackboard_write', { key, value: below(1000), ttl_s: 1 + below(900) }),
    (key: string) =>
      call('blackboard_write', {
        entries: [
          { key, value: 1 },
          { key: 'b', value: below(9), ttl_s: 700 },
        ],
      }),
    (key: string) => call('blackboard_claim', { key, by: 'a', ttl_s: 1 + below(900), take_over: true }),
    (key: string) => call('blackboard_delete', { keys: [key] }),
  ];
  for (let step = 0; step < 400; step++) {
    steps[below(steps.length)]?.(`k${below(4)}`);
    const next = boardExpiry.next(server.db);
    const ms = next === undefined ? 3_600_000 : Math.max(1_000, next - server.clock.now);
    expect(server.compartment.nextSweepMs('done'), `step ${step}`).toBe(ms);
    server.clock.now += below(20_000);
  }
});
