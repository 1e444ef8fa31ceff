import { expect, test } from 'vitest';
import {
  MAX_DELAYED,
  PROMPT_REFUSALS,
  REFUSAL_DELAY_MS,
  RefusalDelay,
} from '../../src/edge/http/refusal-delay.ts';
import type { TokenId } from '../../src/tenant/contract/call.ts';

const T = 't' as TokenId;
const token = (name: string) => name as TokenId;

/** A delay whose time is in the hands of the test, and the timers that it has set. */
function delayAt(start = 0) {
  const time = { now: start };
  const waiting: { ms: number; end(): void }[] = [];
  const delay = new RefusalDelay(
    () => time.now,
    (ms, end) => {
      waiting.push({ ms, end });
      return () => {};
    },
  );
  const refuse = async (times: number, of = T, toldMs = 1000) => {
    for (let n = 0; n < times; n++) void delay.pass(of, toldMs);
  };
  return { delay, time, waiting, refuse };
}

test('the first refusals of each second are answered at once', async () => {
  const { delay, time, waiting, refuse } = delayAt();
  await refuse(PROMPT_REFUSALS);
  expect(waiting).toEqual([]);
  void delay.pass(T, 1000);
  expect(waiting.map(({ ms }) => ms)).toEqual([REFUSAL_DELAY_MS]);
  time.now = 1000;
  await refuse(PROMPT_REFUSALS);
  expect(waiting).toHaveLength(1);
});

test('a delay is a part of the wait that is told, and ends before it', async () => {
  const { delay, time, waiting, refuse } = delayAt();
  await refuse(PROMPT_REFUSALS);
  const long = delay.pass(T, 750);
  const short = delay.pass(T, 33);
  expect(waiting.map(({ ms }) => ms)).toEqual([REFUSAL_DELAY_MS, 32]);
  time.now = 40;
  for (const { end } of waiting) end();
  // A timer that comes late does not make the rest of the wait negative.
  expect([await long, await short]).toEqual([40, 32]);
  expect(await delay.pass(T, 1)).toBe(0);
});

test('a refusal that tells no wait is delayed too', async () => {
  const { delay, waiting, refuse } = delayAt();
  await refuse(PROMPT_REFUSALS);
  void delay.pass(T);
  expect(waiting.map(({ ms }) => ms)).toEqual([REFUSAL_DELAY_MS]);
});

test('no other token waits', async () => {
  const { delay, waiting, refuse } = delayAt();
  await refuse(PROMPT_REFUSALS + 100);
  expect(waiting).toHaveLength(100);
  expect(await delay.pass(token('other'), 1000)).toBe(0);
});

test('what is held back is bounded, and requests that were cancelled give their places back', async () => {
  const { time, waiting, refuse } = delayAt();
  await refuse(PROMPT_REFUSALS + MAX_DELAYED + 50);
  expect(waiting).toHaveLength(MAX_DELAYED);
  time.now += REFUSAL_DELAY_MS;
  await refuse(10);
  expect(waiting).toHaveLength(MAX_DELAYED + 10);
});

test('the tokens that are counted are bounded', async () => {
  const { waiting, refuse } = delayAt();
  for (let n = 0; n < 2000; n++) await refuse(1, token(`t${n}`));
  await refuse(PROMPT_REFUSALS + 5, token('one more'));
  expect(waiting).toEqual([]);
  await refuse(PROMPT_REFUSALS, token('t0'));
  expect(waiting).toHaveLength(1);
});
