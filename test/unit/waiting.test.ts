import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { CallOutcome, TokenId } from '../../src/tenant/contract/call.ts';
import { MAX_WAITERS } from '../../src/tenant/streams/waiters.ts';
import { createCatalogue } from '../../src/tools/catalogue.ts';
import { defineTool, NotYet } from '../../src/tools/tool.ts';
import { callRequest, createdCompartment, type TestCompartment } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';

const annotations = { destructiveHint: false, idempotentHint: false, openWorldHint: false } as const;
const shared = { title: 'Test', description: 'A tool of this test.', cost: 1, grows: true } as const;

/** Answers with the name of the tenant's news, once there is any. */
const awaitNews = defineTool({
  ...shared,
  name: 'await',
  scope: 'blackboard:read',
  annotations: { ...annotations, readOnlyHint: false },
  input: z.strictObject({ wait_s: z.int().default(0) }),
  output: z.strictObject({ news: z.int(), at: z.int() }),
  log: { wait_s: 'plain' },
  run: (_args, { headRev, mayWait, now, sql, nextRev }) => {
    const news = headRev();
    if (news > 0 || !mayWait) return { news, at: now };
    // Undone whenever the tool says that it waits.
    nextRev();
    sql.exec('UPDATE tenant SET created_at = created_at + 1');
    return new NotYet('news');
  },
});

/** Has nothing to say until its third run, and asks to be run again at these times. */
const awaitTimes = defineTool({
  ...shared,
  name: 'await_times',
  scope: 'blackboard:read',
  annotations: { ...annotations, readOnlyHint: false },
  input: z.strictObject({ wait_s: z.int().default(0) }),
  output: z.strictObject({ at: z.int(), waited: z.boolean() }),
  log: { wait_s: 'plain' },
  run: (_args, { mayWait, now, waited }) => {
    const next = [START + 1000, START + 3000].find((time) => now < time);
    return mayWait && next !== undefined ? new NotYet('times', next) : { at: now, waited };
  },
});

const tell = defineTool({
  ...shared,
  name: 'tell',
  scope: 'blackboard:write',
  annotations: { ...annotations, readOnlyHint: false },
  input: z.strictObject({
    topic: z.string(),
    fail: z.boolean().default(false),
    silent: z.boolean().default(false),
  }),
  output: z.strictObject({}),
  log: { topic: 'plain', fail: 'plain', silent: 'plain' },
  run: ({ topic, fail, silent }, context) => {
    if (!silent) context.nextRev();
    context.touch(topic);
    if (fail) throw new Error('after the touch');
    return {};
  },
});

const open = (limits?: { rate: number; burst: number }) =>
  createdCompartment({
    catalogue: createCatalogue([awaitNews, awaitTimes, tell]),
    ...(limits === undefined ? {} : { limits: { tenant: limits, tool: limits } }),
  });

/** Calls and says whether the call is over. */
function started(test: TestCompartment, token: TokenId, wait_s: number, tool = 'await') {
  const state: { outcome: CallOutcome | undefined } = { outcome: undefined };
  const done = Promise.resolve(test.compartment.call(callRequest(token, tool, { wait_s }, test.clock.now)));
  void done.then((outcome) => {
    state.outcome = outcome;
  });
  return { state, done };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const answer = (news: number, at: number) => ({ kind: 'answer', json: JSON.stringify({ news, at }) });

describe('a call that waits', () => {
  test('is answered when its topic is touched, at the time of that', async () => {
    const host = open();
    const token = host.issue();
    const { state, done } = started(host, token, 20);
    await settle();
    expect(state.outcome).toBeUndefined();
    host.clock.now += 3000;
    host.call(token, 'tell', { topic: 'other' });
    await settle();
    expect(state.outcome).toBeUndefined();
    host.call(token, 'tell', { topic: 'news', silent: true });
    await settle();
    expect(await done).toEqual(answer(1, START + 3000));
    expect(host.lines.filter(({ tool }) => tool === 'await')).toMatchObject([
      { outcome: 'answer', duration_ms: 3000 },
    ]);
  });

  test('is answered with what there is when its time is up, and not a millisecond before', async () => {
    const host = open();
    const { state } = started(host, host.issue(), 20);
    host.clock.now = START + 19_999;
    host.runLater();
    await settle();
    expect(state.outcome).toBeUndefined();
    host.clock.now = START + 20_000;
    host.runLater();
    await settle();
    expect(state.outcome).toEqual(answer(0, START + 20_000));
  });

  test.each([-3_600_000, -1, 3_600_000])('waits as long when the clock steps by %i ms', async (step) => {
    const host = open();
    const { state } = started(host, host.issue(), 20);
    await host.elapse(5000);
    host.clock.step(step);
    await host.elapse(14_999);
    expect(state.outcome).toBeUndefined();
    await host.elapse(1);
    expect(state.outcome).toEqual(answer(0, START + 20_000 + step));
  });

  test('changes nothing while it waits', async () => {
    const host = open();
    started(host, host.issue(), 20);
    await settle();
    expect(host.db.exec('SELECT created_at FROM tenant')).toEqual([{ created_at: START }]);
    expect(host.db.exec('SELECT id FROM records')).toEqual([]);
  });

  test('does not wait when it is not asked to, or when there is news', async () => {
    const host = open();
    const token = host.issue();
    expect(host.call(token, 'await')).toEqual(answer(0, START));
    host.call(token, 'tell', { topic: 'news' });
    expect(host.call(token, 'await', { wait_s: 20 })).toEqual(answer(1, START));
  });

  test('is not woken by a write that was undone', async () => {
    const host = open();
    const token = host.issue();
    const { state } = started(host, token, 20);
    host.call(token, 'tell', { topic: 'news', fail: true });
    await settle();
    expect(state.outcome).toBeUndefined();
  });

  test('is charged once, however often it is tried', async () => {
    const host = open({ rate: 1, burst: 3 });
    const token = host.issue();
    const { done } = started(host, token, 20);
    host.call(token, 'tell', { topic: 'news', silent: true });
    await settle();
    host.call(token, 'tell', { topic: 'news' });
    expect(await done).toMatchObject({ kind: 'answer' });
  });

  test('is refused when its token is revoked, its tenant suspended or erased meanwhile', async () => {
    const host = open();
    const revoked = host.issue();
    const first = started(host, revoked, 20);
    host.compartment.administration.revokeToken(revoked);
    expect(await first.done).toEqual({ kind: 'refused', refusal: { reason: 'invalid_token' } });
    const second = started(host, host.issue(), 20);
    host.compartment.administration.setStatus('suspended');
    expect(await second.done).toEqual({ kind: 'refused', refusal: { reason: 'suspended' } });
    host.compartment.administration.setStatus('active');
    const third = started(host, host.issue(), 20);
    for (const { name } of host.db.exec<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%\\_%' ESCAPE '\\'`,
    )) {
      host.db.script(`DROP TABLE ${name}`);
    }
    host.db.script('DROP TABLE _sql_schema_migrations');
    host.compartment.forget();
    expect(await third.done).toEqual({ kind: 'refused', refusal: { reason: 'invalid_token' } });
  });

  test('goes on waiting when only the limits change', async () => {
    const host = open();
    const token = host.issue();
    const { state, done } = started(host, token, 20);
    host.compartment.administration.changeLimits({ rate: 1000 });
    await settle();
    expect(state.outcome).toBeUndefined();
    host.call(token, 'tell', { topic: 'news' });
    expect(await done).toEqual(answer(1, START));
  });

  test('is tried a bounded number of times', async () => {
    const host = open();
    const token = host.issue();
    const { state } = started(host, token, 20);
    for (let touch = 0; touch < 100 && state.outcome === undefined; touch++) {
      host.call(token, 'tell', { topic: 'news', silent: true });
      await settle();
    }
    expect(state.outcome).toEqual(answer(0, START));
  });
});

describe('a call that waits until a time of its own', () => {
  const said = (at: number, waited: boolean) => ({ kind: 'answer', json: JSON.stringify({ at, waited }) });

  test('is tried at that time, and at the next, and not a millisecond before', async () => {
    const host = open();
    const { state } = started(host, host.issue(), 20, 'await_times');
    await host.elapse(2999);
    expect(state.outcome).toBeUndefined();
    await host.elapse(1);
    expect(state.outcome).toEqual(said(START + 3000, true));
  });

  test('answers when its timeouts ends before', async () => {
    const host = open();
    const { state } = started(host, host.issue(), 2, 'await_times');
    await host.elapse(1999);
    expect(state.outcome).toBeUndefined();
    await host.elapse(1);
    expect(state.outcome).toEqual(said(START + 2000, true));
  });

  test('is still woken by its topic', async () => {
    const host = open();
    const token = host.issue();
    const { state } = started(host, token, 20, 'await_times');
    host.clock.now = START + 3500;
    host.call(token, 'tell', { topic: 'times' });
    await settle();
    expect(state.outcome).toEqual(said(START + 3500, true));
  });

  test('has not waited when it can answer at once', () => {
    const host = open();
    expect(host.call(host.issue(), 'await_times')).toEqual(said(START, false));
  });
});

test('one call more than can wait is refused, unless it can be answered at once', async () => {
  const host = open();
  const token = host.issue();
  const waiting = Array.from({ length: MAX_WAITERS }, () => started(host, token, 20));
  const refused = host.call(token, 'await', { wait_s: 20 });
  expect(refused).toMatchObject({
    kind: 'error',
    error: { code: 'unavailable', retryable: true, retry_after_ms: 1000 },
  });
  expect(host.call(token, 'await', { wait_s: 0 })).toEqual(answer(0, START));
  host.call(token, 'tell', { topic: 'news' });
  expect(host.call(token, 'await', { wait_s: 20 })).toEqual(answer(1, START));
  for (const { done } of waiting) expect(await done).toEqual(answer(1, START));
  expect(started(host, token, 20).state.outcome).toBeUndefined();
});
