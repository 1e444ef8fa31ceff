import { describe, expect, test } from 'vitest';
import { Limiter } from '../../src/tenant/calls/limiter.ts';
import { changedLimits, limitsProblem } from '../../src/tenant/calls/limits.ts';

const NONE = { tools: {} };
const TOOL = { name: 'search', cost: 1 };
const limits = (rate: number, burst: number, toolRate = rate, toolBurst = burst) => ({
  tenant: { rate, burst },
  tool: { rate: toolRate, burst: toolBurst },
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
    const limiter = new Limiter(limits(100, 100), overrides, '', { wall: 0, monotonic: 0 });
    for (let call = 0; call < 3; call++) expect(limiter.charge(TOOL, 'token', 0).ok).toBe(true);
    expect(limiter.charge(TOOL, 'token', 0).ok).toBe(false);
  });
});
