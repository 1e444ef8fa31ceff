import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Breaker,
  CLOSED,
  FIRST_OPEN_MS,
  MAX_OPEN_MS,
  MIN_OUTCOMES,
  settled,
  stateOf,
  WINDOW,
} from '../../src/tenant/connections/breaker.ts';
import { ConnectionGates, MAX_CALLS } from '../../src/tenant/connections/gates.ts';

const NEVER_OPENED = { opens: 0, openUntil: 0 };
const failures = (failed: number) => ({ succeeded: 0, failed });
const GOOD = { succeeded: 1, failed: 0 };

describe('a breaker', () => {
  test('opens when half of the newest outcomes are failures, of five or more', () => {
    expect(stateOf(settled(CLOSED, failures(MIN_OUTCOMES - 1), false, 0), 0)).toEqual({ kind: 'closed' });
    expect(stateOf(settled(CLOSED, failures(MIN_OUTCOMES), false, 1000), 1000)).toEqual({
      kind: 'open',
      retryAfterMs: FIRST_OPEN_MS,
    });
    const mixed = settled(CLOSED, { succeeded: 11, failed: 9 }, false, 0);
    expect(stateOf(mixed, 0).kind).toBe('closed');
    expect(stateOf(settled(mixed, failures(1), false, 1), 1).kind).toBe('open');
  });

  test('lets a probe through when its time is over, and stays open twice as long after each that fails', () => {
    let breaker: Breaker = settled(CLOSED, failures(MIN_OUTCOMES), false, 1000);
    const lengths: number[] = [];
    for (let probe = 0; probe < 10; probe++) {
      const now = breaker.openUntil;
      expect(stateOf(breaker, now - 1).kind).toBe('open');
      expect(stateOf(breaker, now).kind).toBe('half_open');
      breaker = settled(breaker, failures(1), true, now);
      lengths.push(breaker.openUntil - now);
    }
    expect(lengths.slice(0, 3)).toEqual([10_000, 20_000, 40_000]);
    expect(lengths.at(-1)).toBe(MAX_OPEN_MS);
    expect(settled(breaker, GOOD, true, 0)).toEqual(CLOSED);
  });

  test('is not changed by late outcomes, by calls that sent nothing, or for long by a clock that steps back', () => {
    const open = settled(CLOSED, failures(MIN_OUTCOMES), false, 1000);
    expect(settled(open, GOOD, false, 1000)).toBe(open);
    expect(settled(open, failures(0), true, 1000)).toBe(open);
    expect(stateOf(open, 900)).toEqual({ kind: 'half_open' });
    expect(stateOf(open, -1e12)).toEqual({ kind: 'half_open' });
  });

  test('keeps a bounded window, whatever it is told', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ succeeded: fc.nat(1e9), failed: fc.nat(1e9) }), { maxLength: 5 }),
        (uses) => {
          const end = uses.reduce<Breaker>((breaker, use) => settled(breaker, use, false, 1), CLOSED);
          return end.recent.length <= WINDOW && end.openUntil <= 1 + MAX_OPEN_MS;
        },
      ),
    );
  });
});

describe('the gates of a tenant', () => {
  const use = (succeeded: number, failed: number) => ({ name: 'crm', succeeded, failed });

  test('let so many calls through at once, and one more when one has ended or is lost', () => {
    const gates = new ConnectionGates();
    for (let call = 0; call < MAX_CALLS; call++)
      expect(gates.admit('crm', `${call}`, NEVER_OPENED, 0)).toEqual({ admits: true, isProbe: false });
    const refused = { admits: false, reason: 'busy', retryAfterMs: expect.any(Number) };
    expect(gates.admit('crm', 'more', NEVER_OPENED, 0)).toEqual(refused);
    expect(gates.admit('erp', 'more', NEVER_OPENED, 0)).toMatchObject({ admits: true });
    gates.release('0');
    expect(gates.admit('crm', 'next', NEVER_OPENED, 0)).toMatchObject({ admits: true });
    expect(gates.admit('crm', 'late', NEVER_OPENED, 599_999)).toEqual(refused);
    expect(gates.admit('crm', 'late', NEVER_OPENED, 600_000)).toMatchObject({ admits: true });
  });

  test('let one probe through at a time, and say what is to be stored', () => {
    const gates = new ConnectionGates();
    gates.admit('crm', 'a', NEVER_OPENED, 0);
    expect(gates.settle(use(0, MIN_OUTCOMES), 'a', 0)).toMatchObject({ opens: 1, openUntil: FIRST_OPEN_MS });
    expect(gates.admit('crm', 'b', NEVER_OPENED, 1)).toMatchObject({ admits: false, reason: 'failing' });
    expect(gates.admit('crm', 'c', NEVER_OPENED, FIRST_OPEN_MS)).toEqual({ admits: true, isProbe: true });
    expect(gates.admit('crm', 'd', NEVER_OPENED, FIRST_OPEN_MS)).toMatchObject({ admits: false });
    // A probe that was not used is given to the next call.
    gates.release('c');
    expect(gates.admit('crm', 'e', NEVER_OPENED, FIRST_OPEN_MS)).toEqual({ admits: true, isProbe: true });
    expect(gates.settle(use(1, 0), 'e', FIRST_OPEN_MS)).toMatchObject({ opens: 0, openUntil: 0 });
    gates.release('e');
    expect(gates.admit('crm', 'f', NEVER_OPENED, FIRST_OPEN_MS)).toEqual({ admits: true, isProbe: false });
    expect(gates.settle(use(1, 0), 'f', FIRST_OPEN_MS)).toBeUndefined();
  });

  test('remember from the disk that a service is down', () => {
    const gates = new ConnectionGates();
    expect(gates.admit('crm', 'a', { opens: 1, openUntil: 5000 }, 1000)).toEqual({
      admits: false,
      reason: 'failing',
      retryAfterMs: 4000,
    });
  });
});
