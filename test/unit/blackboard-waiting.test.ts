import { expect, test } from 'vitest';
import type { CallOutcome } from '../../src/tenant/contract/call.ts';
import { callRequest, createdCompartment } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

function watching(args: object) {
  const server = createdCompartment();
  const token = server.issue();
  const write = (key: string) => server.call(token, 'blackboard_write', { key, value: 1 });
  write('before');
  const state: { outcome: CallOutcome | undefined } = { outcome: undefined };
  const request = callRequest(token, 'blackboard_watch', { since_rev: 1, ...args }, START);
  void Promise.resolve(server.compartment.call(request)).then((outcome) => {
    state.outcome = outcome;
  });
  return { server, write, state };
}

const nothing = (rev: number) => ({
  kind: 'answer',
  json: JSON.stringify({ events: [], next_rev: rev, head_rev: rev, more: false, reset: false }),
});

test('a watch without events is answered when wait_s has passed, not a millisecond before', async () => {
  const { server, state } = watching({ wait_s: 25 });
  server.clock.now = START + 24_999;
  server.runLater();
  await settle();
  expect(state.outcome).toBeUndefined();
  server.clock.now += 1;
  server.runLater();
  await settle();
  expect(state.outcome).toEqual(nothing(1));
});

test('a watch of other keys continues from the head when wait_s has passed', async () => {
  const { server, write, state } = watching({ wait_s: 1, prefix: 'mine/' });
  write('yours');
  await settle();
  expect(state.outcome).toBeUndefined();
  server.clock.now += 1_000;
  server.runLater();
  await settle();
  expect(state.outcome).toEqual(nothing(2));
});

test('a watch that does not wait is answered at once', async () => {
  const { state } = watching({});
  await settle();
  expect(state.outcome).toEqual(nothing(1));
});
