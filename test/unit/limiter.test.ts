import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fail, succeed } from '../../src/result.ts';
import { Limiter } from '../../src/tenant/calls/limiter.ts';
import type { Priced } from '../../src/tenant/calls/limits.ts';
import type { LimitOverrides, Limits } from '../../src/tenant/contract/limit-settings.ts';

const NONE = { tools: {} };
const TOOL = { name: 'search', cost: 1 };
const limits = (rate: number, burst: number, toolRate = rate, toolBurst = burst) => ({
  tenant: { rate, burst },
  tool: { rate: toolRate, burst: toolBurst },
});
const at = (now: number) => ({ wall: now, monotonic: now });
const PASSED = succeed(undefined);

/** A limiter whose calls are all of one token, unless they name another, and whose clocks agree. */
class TestLimiter extends Limiter {
  constructor(base: Limits, overrides: LimitOverrides, saved: string, now = 0) {
    super(base, overrides, saved, at(now));
  }

  call(tool: Priced, now: number, token = 'token') {
    return this.charge(tool, token, now);
  }
}

const rate = fc.integer({ min: 1, max: 5_000_000 }).map((thousandths) => thousandths / 1000);
const burst = fc.integer({ min: 1, max: 2000 });

describe('a bucket', () => {
  test('lets a burst through, then tells the exact wait', () => {
    const limiter = new TestLimiter(limits(2, 3), NONE, '');
    for (let call = 0; call < 3; call++) expect(limiter.call(TOOL, 0)).toEqual(PASSED);
    expect(limiter.call(TOOL, 0)).toEqual(fail({ retryAfterMs: 500, scope: 'tool' }));
    expect(limiter.call(TOOL, 499)).toEqual(fail({ retryAfterMs: 1, scope: 'tool' }));
    expect(limiter.call(TOOL, 500)).toEqual(PASSED);
  });

  test('a loop of 400 calls in ten seconds gets its burst and its refill through, no more', () => {
    const limiter = new TestLimiter(limits(5, 20), NONE, '');
    let admitted = 0;
    for (let call = 0; call < 400; call++) if (limiter.call(TOOL, call * 25).ok) admitted++;
    expect(admitted).toBe(20 + Math.floor((399 * 25 * 5) / 1000));
  });

  test('a clock that steps back refills nothing and does not lengthen the wait', () => {
    const limiter = new TestLimiter(limits(1, 1), NONE, '');
    expect(limiter.call(TOOL, 1_000_000).ok).toBe(true);
    expect(limiter.call(TOOL, 0)).toEqual(fail({ retryAfterMs: 1000, scope: 'tool' }));
  });

  test('a clock that leaps ahead fills the bucket and no more', () => {
    const limiter = new TestLimiter(limits(1, 2), NONE, '');
    for (const now of [0, 0]) expect(limiter.call(TOOL, now).ok).toBe(true);
    const later = 1e15;
    for (const now of [later, later]) expect(limiter.call(TOOL, now).ok).toBe(true);
    expect(limiter.call(TOOL, later).ok).toBe(false);
  });
});

describe('properties', () => {
  test('waiting as long as told always works, and one millisecond less never does', () => {
    fc.assert(
      fc.property(
        rate,
        burst,
        fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 }),
        (perSecond, capacity, gaps) => {
          const limiter = new TestLimiter(limits(perSecond, capacity), NONE, '');
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            const charge = limiter.call(TOOL, now);
            if (charge.ok) continue;
            expect(charge.error.retryAfterMs).toBeGreaterThan(0);
            expect(limiter.call(TOOL, now + charge.error.retryAfterMs - 1).ok).toBe(false);
            now += charge.error.retryAfterMs;
            expect(limiter.call(TOOL, now).ok).toBe(true);
          }
        },
      ),
    );
  });

  test('no run admits more than its burst and what was refilled in its time', () => {
    fc.assert(
      fc.property(
        rate,
        burst,
        fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 }),
        (perSecond, capacity, gaps) => {
          const limiter = new TestLimiter(limits(perSecond, capacity), NONE, '');
          let now = 0;
          let admitted = 0;
          for (const gap of gaps) {
            now += gap;
            if (limiter.call(TOOL, now).ok) admitted++;
          }
          expect(admitted).toBeLessThanOrEqual(capacity + Math.floor((now * perSecond) / 1000));
        },
      ),
    );
  });

  test('a limiter that was saved and restored decides as the one that went on', () => {
    const calls = fc.array(
      fc.record({ gap: fc.integer({ min: 0, max: 400 }), tool: fc.constantFrom('a', 'b') }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(rate, burst, calls, (perSecond, capacity, steps) => {
        const going = new TestLimiter(
          limits(perSecond, capacity, perSecond, Math.ceil(capacity / 2)),
          NONE,
          '',
        );
        let evicted = going;
        let now = 0;
        for (const { gap, tool } of steps) {
          now += gap;
          evicted = new TestLimiter(
            limits(perSecond, capacity, perSecond, Math.ceil(capacity / 2)),
            NONE,
            evicted.save(at(now)),
            now,
          );
          const expected = going.call({ name: tool, cost: 1 }, now);
          expect(evicted.call({ name: tool, cost: 1 }, now).ok).toBe(expected.ok);
        }
      }),
    );
  });
});

describe('both buckets or neither', () => {
  test('a call that the tool refuses costs the tenant nothing', () => {
    const limiter = new TestLimiter(limits(1, 2, 1, 1), NONE, '');
    expect(limiter.call({ name: 'a', cost: 1 }, 0).ok).toBe(true);
    for (let call = 0; call < 5; call++) expect(limiter.call({ name: 'a', cost: 1 }, 0).ok).toBe(false);
    expect(limiter.call({ name: 'b', cost: 1 }, 0).ok).toBe(true);
  });

  test('a call that the tenant refuses costs the tool nothing', () => {
    const limiter = new TestLimiter(limits(1, 1, 1, 1), NONE, '');
    expect(limiter.call({ name: 'a', cost: 1 }, 0).ok).toBe(true);
    expect(limiter.call({ name: 'b', cost: 1 }, 0)).toMatchObject({ error: { scope: 'tenant' } });
    expect(limiter.status([{ name: 'b', cost: 1 }], 0)[1]).toMatchObject({ tool: 'b', remaining: 1 });
  });

  test('the wait told is the longer of the two', () => {
    const limiter = new TestLimiter(limits(10, 1, 1, 1), NONE, '');
    limiter.call(TOOL, 0);
    expect(limiter.call(TOOL, 0)).toEqual(fail({ retryAfterMs: 1000, scope: 'tool' }));
  });

  test('a call that is free is never refused', () => {
    const limiter = new TestLimiter(limits(1, 1), NONE, '');
    limiter.call(TOOL, 0);
    expect(limiter.call({ name: 'free', cost: 0 }, 0)).toEqual(PASSED);
  });
});
