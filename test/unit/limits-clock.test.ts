import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createdCompartment, GENEROUS, openCompartment } from '../support/compartment.ts';

const LIMITS = { tenant: GENEROUS, tool: { rate: 10, burst: 3 } };

test('a clock that steps back does not shut a drained bucket', async () => {
  const host = createdCompartment({ limits: LIMITS });
  const token = host.issue();
  const read = () => host.call(token, 'blackboard_read', { key: 'a' });
  for (let n = 0; n < 3; n++) expect(read().kind).toBe('answer');
  expect(read()).toMatchObject({ error: { code: 'rate_limited', retry_after_ms: 100 } });
  host.clock.step(-3_600_000);
  expect(read()).toMatchObject({ error: { code: 'rate_limited' } });
  host.clock.now += 300;
  expect(read().kind).toBe('answer');
});

test('nor does one that steps back while the tenant is not in memory', () => {
  const host = createdCompartment({ limits: LIMITS });
  const token = host.issue();
  for (let n = 0; n < 4; n++) host.call(token, 'blackboard_write', { key: 'a', value: n });
  const again = openCompartment({ db: host.db, limits: LIMITS });
  again.clock.now -= 3_600_000;
  expect(again.call(token, 'blackboard_write', { key: 'a', value: 4 })).toMatchObject({
    error: { retry_after_ms: 100 },
  });
  again.clock.now += 100;
  expect(again.call(token, 'blackboard_write', { key: 'a', value: 5 }).kind).toBe('answer');
});

test('whatever the clock does, waiting as told works, and no more passes than time has passed', () => {
  const steps = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (jumps) => {
      const host = createdCompartment({ limits: LIMITS });
      const token = host.issue();
      const read = () => host.call(token, 'blackboard_read', { key: 'a' });
      for (const jump of jumps) {
        // A step back only: forward it cannot be told from time that passes.
        host.clock.step(-Math.abs(jump));
        let outcome = read();
        for (let tries = 0; outcome.kind === 'error' && tries < 2; tries++) {
          host.clock.now += outcome.error.retry_after_ms ?? 0;
          outcome = read();
        }
        expect(outcome.kind).toBe('answer');
      }
    }),
    { numRuns: 25 },
  );
});
