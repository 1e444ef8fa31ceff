import { expect, test } from 'vitest';
import { RecordWatch } from '../../src/tenant/record-watch.ts';
import type { Listeners } from '../../src/tenant/streams/listeners.ts';
import { createdCompartment } from '../support/compartment.ts';

/** A watch whose time is moved by hand. */
function watching(isWatched = true) {
  let now = 0;
  const timers: { at: number; task: () => void }[] = [];
  const told: { at: number; last: number }[] = [];
  const listeners = {
    isWatched,
    announceRecords: (last: number) => told.push({ at: now, last }),
  } as unknown as Listeners;
  const later = (ms: number, task: () => void) => {
    timers.push({ at: now + ms, task });
    return () => {};
  };
  const watch = new RecordWatch({ later, monotonic: () => now }, listeners);
  const advance = (ms: number) => {
    const end = now + ms;
    for (;;) {
      const next = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      timers.splice(timers.indexOf(next), 1);
      now = next.at;
      next.task();
    }
    now = end;
  };
  advance(1000);
  return { watch, told, advance };
}

test('a record after a pause is announced within 20 ms, and many at most ten times a second, the last one too', () => {
  const { watch, told, advance } = watching();
  watch.recorded(1);
  advance(20);
  expect(told).toEqual([{ at: 1020, last: 1 }]);
  for (let id = 2; id <= 1000; id++) {
    watch.recorded(id);
    advance(1);
  }
  advance(200);
  expect(told.length).toBeLessThanOrEqual(12);
  expect(told.at(-1)?.last).toBe(1000);
});

test('nobody who watches is told nothing, and records are written as late as ever', () => {
  const { watch, told, advance } = watching(false);
  watch.recorded(1);
  advance(1000);
  expect([told, watch.flushMs(500)]).toEqual([[], 500]);
  expect(watching().watch.flushMs(500)).toBe(100);
});

test('what a stream reads needs the scope of the records at each reading', () => {
  const { compartment, issue } = createdCompartment();
  const { reading, administration } = compartment;
  const token = issue(['records:read', 'blackboard:read']);
  expect(reading.follow(token, 'follow', { after: 0 }).ok).toBe(true);
  administration.changeScopes(token, { add: [], remove: ['records:read'] });
  for (const question of ['follow', 'summary'] as const)
    expect(reading.follow(token, question, {})).toMatchObject({
      error: { reason: 'insufficient_scope', scope: 'records:read' },
    });
  administration.revokeToken(token);
  expect(reading.follow(token, 'follow', {})).toEqual({ ok: false, error: { reason: 'invalid_token' } });
});
