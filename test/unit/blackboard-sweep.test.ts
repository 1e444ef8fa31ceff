import { expect, test } from 'vitest';
import { MAX_MARK_REVS, sweepBlackboard } from '../../src/tools/blackboard/sweep.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';
import type { Answer } from '../support/tenant.ts';

const DAY = 86_400_000;
const WEEK = 7 * DAY;

function open() {
  const server = createdCompartment();
  const token = server.issue();
  const call = (tool: string, args: object): Answer => {
    const outcome = server.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  return { server, call };
}

const count = ({ db }: TestCompartment, table: string) =>
  Number(db.exec(`SELECT count(*) AS n FROM ${table}`)[0]?.n);
const found = ({ db }: TestCompartment, table: string) =>
  db.exec(`SELECT rowid FROM ${table} WHERE ${table} MATCH 'word'`).length;
const sweepAll = ({ db }: TestCompartment, now: number, limit: number) => {
  const steps: number[] = [];
  do steps.push(sweepBlackboard(db, now, limit));
  while (steps.at(-1) !== 0);
  return steps;
};

test('expired cells are deleted from their exact millisecond on, with tags and index entries', () => {
  const { server, call } = open();
  for (let i = 0; i < 5; i++)
    call('blackboard_write', { key: `k${i}`, value: 'word', tags: ['t', 'u'], ttl_s: 1 });
  call('blackboard_write', { key: 'stays', value: 'word', tags: ['t'] });
  server.clock.now = START + 999;
  server.compartment.sweep();
  expect(count(server, 'board_cells')).toBe(6);
  server.clock.now = START + 1_000;
  server.compartment.sweep();
  for (const [table, left] of [
    ['board_cells', 1],
    ['board_tags', 1],
    // The expiries are events as well.
    ['board_events', 11],
  ] as const)
    expect(count(server, table), table).toBe(left);
  expect([found(server, 'board_words'), found(server, 'board_grams')]).toEqual([1, 0]);
});

test('history and claim events are deleted after 7 days, and a watcher from before gets reset', () => {
  const { server, call } = open();
  call('blackboard_write', { key: 'k', value: 1 });
  const { claim_id } = call('blackboard_claim', { key: 'k', by: 'a' });
  call('blackboard_release', { claim_id, value: 2 });
  server.clock.now += DAY;
  call('blackboard_write', { key: 'k', value: 3 });
  expect(sweepAll(server, START + WEEK - 1, 10)).toEqual([0]);
  expect(sweepAll(server, START + WEEK, 3)).toEqual([3, 1, 0]);
  expect([count(server, 'board_events'), count(server, 'board_marks')]).toEqual([1, 0]);
  server.clock.now = START + WEEK;
  expect(call('blackboard_watch', { since_rev: 3 })).toMatchObject({ reset: true, events: [{ rev: 5 }] });
  expect(call('blackboard_watch', { since_rev: 4 })).toMatchObject({ reset: false, events: [{ rev: 5 }] });
  expect(call('blackboard_release', { claim_id })).toEqual({ status: 'lost', reason: 'unknown' });
});

test('answers do not depend on the sweep', () => {
  const ask = (call: ReturnType<typeof open>['call']) => [
    ...[0, 1, 2, 40, 63].map((since_rev) => call('blackboard_watch', { since_rev, limit: 200 })),
    ...['hot', 'gone', 'k'].map((key) => call('blackboard_read', { key, history: true })),
    call('blackboard_list', { claimed: 'any' }),
    call('blackboard_claim', { prefix: 'k', by: 'a' }),
  ];
  const [swept, not] = [open(), open()].map(({ server, call }, i) => {
    call('blackboard_write', { key: 'gone', value: 'word', ttl_s: 86_400 });
    call('blackboard_write', { key: 'k', value: 'word' });
    call('blackboard_claim', { key: 'k', by: 'a', ttl_s: 60 });
    for (let n = 0; n < 40; n++) call('blackboard_write', { key: 'hot', value: n });
    server.clock.now += 3 * DAY;
    for (let n = 0; n < 3; n++) call('blackboard_write', { key: 'hot', value: -n });
    server.clock.now += 5 * DAY;
    if (i === 0) expect(sweepAll(server, server.clock.now, 7).reduce((a, b) => a + b)).toBeGreaterThan(20);
    return ask(call).map((answer) => ({ ...answer, claim_id: undefined }));
  });
  const author = (answers: unknown) =>
    JSON.stringify(answers).replaceAll(/"by":"[0-9a-f-]{16,}"/g, '"by":"token"');
  expect(author(swept)).toBe(author(not));
});

test('the floor of a key is deleted once the floor for age covers it', () => {
  const { server, call } = open();
  for (let n = 0; n < 70; n++) call('blackboard_write', { key: 'hot', value: n });
  expect(count(server, 'board_floors')).toBe(1);
  sweepAll(server, START + WEEK, 10);
  expect(server.db.exec('SELECT run_id, key, rev FROM board_floors')).toEqual([
    { run_id: '', key: '', rev: 70 },
  ]);
});

test('claim events are stored for a bounded number of revisions', () => {
  const { server, call } = open();
  call('blackboard_write', { key: 'k', value: 1 });
  const claim = () => call('blackboard_claim', { key: 'k', by: 'a', ttl_s: 1 });
  claim();
  server.clock.now += 1_000;
  claim();
  server.db.exec('UPDATE board_marks SET rev = rev + ? WHERE rev = 3', MAX_MARK_REVS - 2);
  expect(sweepAll(server, server.clock.now, 10)).toEqual([0]);
  server.db.exec('UPDATE board_marks SET rev = rev + 1 WHERE rev > 3');
  expect(sweepAll(server, server.clock.now, 10)).toEqual([1, 0]);
  expect(call('blackboard_watch', { since_rev: 1 }).reset).toBe(true);
});
