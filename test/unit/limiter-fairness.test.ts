import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Limiter } from '../../src/tenant/calls/limiter.ts';
import { MAX_RESERVATIONS } from '../../src/tenant/calls/reservations.ts';
import { forwardOnly } from '../../src/tenant/contract/timer.ts';

const LIMITS = { tenant: { rate: 50, burst: 200 }, tool: { rate: 20, burst: 60 } };
const TOOL = { name: 'search', cost: 1 };
const NONE = { tools: {} };
const DURATION_MS = 20_000;

/** A client that calls again after `pauseMs` when it was served, and after `wait(told)` when it was refused. */
interface Client {
  readonly token: string;
  readonly pauseMs: number;
  readonly wait: (toldMs: number) => number;
}

const obeying = (token: string, pauseMs = 0): Client => ({ token, pauseMs, wait: (told) => told });
/** Takes no notice of what it is told. */
const hammering = (token: string): Client => ({ token, pauseMs: 0, wait: () => 5 });

/** Runs clients side by side. @returns for each, how many tries each of its served calls took */
function simulate(clients: readonly Client[], tool = TOOL): number[][] {
  const limiter = new Limiter(LIMITS, NONE, '', { wall: 0, monotonic: 0 });
  const tries: number[][] = clients.map(() => []);
  const next = clients.map((_, index) => ({ at: index, tries: 0 }));
  for (;;) {
    const at = Math.min(...next.map((turn) => turn.at));
    if (at >= DURATION_MS) return tries;
    for (const [index, turn] of next.entries()) {
      const client = clients[index];
      if (turn.at !== at || client === undefined) continue;
      turn.tries++;
      const charge = limiter.charge(tool, client.token, at);
      if (charge.ok) {
        tries[index]?.push(turn.tries);
        next[index] = { at: at + 1 + client.pauseMs, tries: 0 };
      } else turn.at = at + Math.max(1, client.wait(charge.error.retryAfterMs));
    }
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const served = (tries: readonly number[][]) => tries.reduce((sum, one) => sum + one.length, 0);
const times = (count: number, client: Client) => Array.from({ length: count }, () => client);

describe('an agent that waits as told', () => {
  test.each([
    ['obeys too', obeying('hog')],
    ['hammers', hammering('hog')],
  ])('beside another token with 32 connections that %s', (_name, hog) => {
    const [agent = [], ...hogs] = simulate([obeying('agent', 100), ...times(32, hog)]);
    // Its first calls are served from the burst.
    const waited = agent.filter((count) => count > 1);
    expect(waited.length).toBeGreaterThan(20);
    expect(median(waited)).toBe(2);
    expect(Math.max(...agent)).toBeLessThanOrEqual(4);
    expect(served(hogs)).toBeGreaterThan(100);
  });

  test('is served at the first return when nobody else waits', () => {
    const [agent = []] = simulate([obeying('agent')]);
    expect(Math.max(...agent)).toBe(2);
  });
});

test('tokens that wait share what is refilled equally; an idle token leaves its share to the others', () => {
  const [one = [], ...rest] = simulate([obeying('one'), ...times(16, obeying('two'))]);
  const refilled = (DURATION_MS / 1000) * LIMITS.tool.rate;
  expect(one.length).toBeGreaterThan(0.45 * refilled);
  expect(served(rest)).toBeGreaterThan(0.45 * refilled);
  const alone = served(simulate(times(16, obeying('two'))));
  expect(alone).toBeGreaterThan(0.97 * (refilled + LIMITS.tool.burst));
});

test('a token whose calls never return holds nothing for long, and reservations are bounded', () => {
  const limiter = new Limiter(LIMITS, NONE, '', { wall: 0, monotonic: 0 });
  const call = (token: string, now: number) => limiter.charge(TOOL, token, now).ok;
  for (let n = 0; n < 10 * MAX_RESERVATIONS; n++) call(`token-${n}`, 0);
  // Whoever was refused has not come again: after the grace period all of its places are free.
  const later = (MAX_RESERVATIONS / LIMITS.tool.rate) * 1000 + 5000;
  for (let n = 0; n < LIMITS.tool.burst; n++) expect(call('agent', later)).toBe(true);
});

describe('a debt', () => {
  const dear = { name: 'search', cost: 100 };

  test('a call that costs more than the burst passes on a full bucket, and the next one waits', () => {
    const limiter = new Limiter(LIMITS, NONE, '', { wall: 0, monotonic: 0 });
    expect(limiter.charge(dear, 'token', 0).ok).toBe(true);
    expect(limiter.status([TOOL], 0)[1]).toMatchObject({ remaining: 0, resets_in_ms: 5000 });
    const refused = limiter.charge(TOOL, 'token', 0);
    expect(refused).toMatchObject({ error: { retryAfterMs: 2050, scope: 'tool' } });
    expect(limiter.charge(TOOL, 'token', 2050).ok).toBe(true);
    expect(limiter.charge(dear, 'token', 10_000).ok).toBe(true);
  });

  test('what a call turns out to cost is repaid by the refill', () => {
    const limiter = new Limiter(LIMITS, NONE, '', { wall: 0, monotonic: 0 });
    limiter.charge(TOOL, 'token', 0);
    limiter.chargeExtra(TOOL, 99, 0);
    const restored = new Limiter(LIMITS, NONE, limiter.save({ wall: 0, monotonic: 0 }), {
      wall: 0,
      monotonic: 0,
    });
    for (const each of [limiter, restored])
      expect(each.charge(TOOL, 'token', 0)).toMatchObject({ error: { retryAfterMs: 2050 } });
  });
});

describe('a clock that steps', () => {
  const steps = fc.array(
    fc.record({ forward: fc.integer({ min: 0, max: 500 }), jump: fc.integer({ min: -1e9, max: 1e9 }) }),
    { minLength: 5, maxLength: 60 },
  );

  test('does not shut a drained bucket: a limiter restored with any clock refills from then on', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        let saved = '';
        let wall = 1_700_000_000_000;
        let limiter = new Limiter(LIMITS, NONE, saved, { wall, monotonic: 0 });
        for (let n = 0; n < LIMITS.tool.burst; n++) limiter.charge(TOOL, 'token', 0);
        for (const { forward, jump } of walk) {
          saved = limiter.save({ wall, monotonic: 0 });
          // The process restarts, and the system clock was set meanwhile.
          wall += jump;
          limiter = new Limiter(LIMITS, NONE, saved, { wall, monotonic: 0 });
          const [, before] = limiter.status([TOOL], 0);
          const [, after] = limiter.status([TOOL], forward);
          const refilled = Math.floor((forward / 1000) * LIMITS.tool.rate);
          expect((after?.remaining ?? 0) - (before?.remaining ?? 0)).toBeGreaterThanOrEqual(
            Math.min(refilled, LIMITS.tool.burst - (before?.remaining ?? 0)),
          );
        }
      }),
    );
  });

  test('counts its forward steps alone where there is no other clock', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e6, max: 1e6 })), (jumps) => {
        let now = 0;
        const elapsed = forwardOnly(() => now);
        for (const jump of jumps) {
          const before = elapsed();
          now += jump;
          expect(elapsed() - before).toBe(Math.max(0, jump));
        }
      }),
    );
  });
});
