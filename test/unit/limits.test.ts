import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedLimits, Limiter, limitsProblem } from '../../src/tenant/calls/limits.ts';

const NONE = { tools: {} };
const TOOL = { name: 'search', cost: 1 };
const limits = (rate: number, burst: number, toolRate = rate, toolBurst = burst) => ({
  tenant: { rate, burst },
  tool: { rate: toolRate, burst: toolBurst },
});
const rate = fc.integer({ min: 1, max: 5_000_000 }).map((thousandths) => thousandths / 1000);
const burst = fc.integer({ min: 1, max: 2000 });

describe('a bucket', () => {
  test('lets a burst through, then tells the exact wait', () => {
    const limiter = new Limiter(limits(2, 3), NONE, '');
    for (let call = 0; call < 3; call++) expect(limiter.charge(TOOL, 0)).toEqual({ ok: true });
    expect(limiter.charge(TOOL, 0)).toEqual({ ok: false, retryAfterMs: 500, scope: 'tool' });
    expect(limiter.charge(TOOL, 499)).toEqual({ ok: false, retryAfterMs: 1, scope: 'tool' });
    expect(limiter.charge(TOOL, 500)).toEqual({ ok: true });
  });

  test('a loop of 400 calls in ten seconds gets its burst and its refill through, no more', () => {
    const limiter = new Limiter(limits(5, 20), NONE, '');
    let admitted = 0;
    for (let call = 0; call < 400; call++) if (limiter.charge(TOOL, call * 25).ok) admitted++;
    expect(admitted).toBe(20 + Math.floor((399 * 25 * 5) / 1000));
  });

  test('a clock that steps back refills nothing and does not lengthen the wait', () => {
    const limiter = new Limiter(limits(1, 1), NONE, '');
    expect(limiter.charge(TOOL, 1_000_000).ok).toBe(true);
    expect(limiter.charge(TOOL, 0)).toEqual({ ok: false, retryAfterMs: 1000, scope: 'tool' });
  });

  test('a clock that leaps ahead fills the bucket and no more', () => {
    const limiter = new Limiter(limits(1, 2), NONE, '');
    for (const now of [0, 0]) expect(limiter.charge(TOOL, now).ok).toBe(true);
    const later = 1e15;
    for (const now of [later, later]) expect(limiter.charge(TOOL, now).ok).toBe(true);
    expect(limiter.charge(TOOL, later).ok).toBe(false);
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
          const limiter = new Limiter(limits(perSecond, capacity), NONE, '');
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            const charge = limiter.charge(TOOL, now);
            if (charge.ok) continue;
            expect(charge.retryAfterMs).toBeGreaterThan(0);
            expect(limiter.charge(TOOL, now + charge.retryAfterMs - 1).ok).toBe(false);
            now += charge.retryAfterMs;
            expect(limiter.charge(TOOL, now).ok).toBe(true);
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
          const limiter = new Limiter(limits(perSecond, capacity), NONE, '');
          let now = 0;
          let admitted = 0;
          for (const gap of gaps) {
            now += gap;
            if (limiter.charge(TOOL, now).ok) admitted++;
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
        const going = new Limiter(limits(perSecond, capacity, perSecond, Math.ceil(capacity / 2)), NONE, '');
        let evicted = going;
        let now = 0;
        for (const { gap, tool } of steps) {
          now += gap;
          evicted = new Limiter(
            limits(perSecond, capacity, perSecond, Math.ceil(capacity / 2)),
            NONE,
            evicted.save(now),
          );
          const expected = going.charge({ name: tool, cost: 1 }, now);
          if (evicted !== going) expect(evicted.charge({ name: tool, cost: 1 }, now)).toEqual(expected);
        }
      }),
    );
  });
});

describe('both buckets or neither', () => {
  test('a call that the tool refuses costs the tenant nothing', () => {
    const limiter = new Limiter(limits(1, 2, 1, 1), NONE, '');
    expect(limiter.charge({ name: 'a', cost: 1 }, 0).ok).toBe(true);
    for (let call = 0; call < 5; call++) expect(limiter.charge({ name: 'a', cost: 1 }, 0).ok).toBe(false);
    expect(limiter.charge({ name: 'b', cost: 1 }, 0).ok).toBe(true);
  });

  test('a call that the tenant refuses costs the tool nothing', () => {
    const limiter = new Limiter(limits(1, 1, 1, 1), NONE, '');
    expect(limiter.charge({ name: 'a', cost: 1 }, 0).ok).toBe(true);
    expect(limiter.charge({ name: 'b', cost: 1 }, 0)).toMatchObject({ ok: false, scope: 'tenant' });
    expect(limiter.status([{ name: 'b', cost: 1 }], 0)[1]).toMatchObject({ tool: 'b', remaining: 1 });
  });

  test('the wait told is the longer of the two', () => {
    const limiter = new Limiter(limits(10, 1, 1, 1), NONE, '');
    limiter.charge(TOOL, 0);
    expect(limiter.charge(TOOL, 0)).toEqual({ ok: false, retryAfterMs: 1000, scope: 'tool' });
  });

  test('a call that is free is never refused', () => {
    const limiter = new Limiter(limits(1, 1), NONE, '');
    limiter.charge(TOOL, 0);
    expect(limiter.charge({ name: 'free', cost: 0 }, 0)).toEqual({ ok: true });
  });
});

describe('settings', () => {
  const tools = [TOOL, { name: 'dear', cost: 5 }];

  test.each([
    [limits(1, 4, 1, 10), NONE, "tenant's burst of 4 is below the cost of dear"],
    [limits(1, 10, 1, 4), NONE, 'the burst of 4 is below the cost of dear'],
    [limits(1, 10), { tools: { dear: { rate: 1, burst: 4 } } }, 'the burst of 4 is below the cost of dear'],
    [limits(1, 10), { tools: { absent: { rate: 1, burst: 4 } } }, 'no tool named absent'],
    [limits(1, 10), { tools: { ['__proto__']: { rate: 1, burst: 4 } } }, 'no tool named __proto__'],
    [limits(1, 10), { tool: { rate: 1, burst: 2 }, tools: {} }, 'the burst of 2 is below the cost of dear'],
  ])('%j with %j is refused', (base, overrides, problem) => {
    expect(limitsProblem(base, overrides, tools)).toContain(problem);
  });

  test('limits that pay for every call are accepted', () => {
    expect(
      limitsProblem(
        limits(1, 5),
        { tool: { rate: 1, burst: 2 }, tools: { dear: { rate: 1, burst: 5 } } },
        tools,
      ),
    ).toBeUndefined();
  });

  test('a change keeps what it does not name', () => {
    const base = limits(10, 20, 3, 4);
    expect(changedLimits(base, NONE, { rate: 5 })).toEqual({ tools: {}, tenant: { rate: 5, burst: 20 } });
    expect(changedLimits(base, NONE, { tool: '*', burst: 9 })).toEqual({
      tools: {},
      tool: { rate: 3, burst: 9 },
    });
    const star = { tool: { rate: 7, burst: 8 }, tools: {} };
    expect(changedLimits(base, star, { tool: 'search', rate: 1 })).toEqual({
      ...star,
      tools: { search: { rate: 1, burst: 8 } },
    });
  });

  test("a tool's own limit goes before the one for every tool", () => {
    const overrides = { tool: { rate: 1, burst: 1 }, tools: { search: { rate: 1, burst: 3 } } };
    const limiter = new Limiter(limits(100, 100), overrides, '');
    for (let call = 0; call < 3; call++) expect(limiter.charge(TOOL, 0).ok).toBe(true);
    expect(limiter.charge(TOOL, 0).ok).toBe(false);
  });
});
