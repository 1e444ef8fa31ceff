import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import type { TokenId } from '../../src/tenant/contract/call.ts';
import { StorageFailure } from '../../src/tenant/storage/database.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';
import { decisionRequest, OPERATOR } from '../support/decision.ts';

/** Held calls whatever happens to them: in any order, and when the host dies in the middle of anything. */

const TOOL = 'blackboard_write';
const once = (key: string) => ({ key, value: 1, mode: 'increment' });
const HOUR_MS = 3_600_000;

const requireApproval = ({ compartment }: TestCompartment, approval: boolean) =>
  compartment.approvals.changePolicy({ tool: TOOL, approval });

function hold(tenant: TestCompartment, token: TokenId, key: string): string | undefined {
  const outcome = tenant.call(token, TOOL, once(key));
  return outcome.kind === 'error' ? outcome.error.approval_id : undefined;
}

function decide({ compartment, clock }: TestCompartment, id: string, approve: boolean, standing = false) {
  const decision = { approve, standing, reason: undefined };
  return compartment.approvals.decide(OPERATOR, id, decision, decisionRequest(clock.now)).ok;
}

function redeem(tenant: TestCompartment, token: TokenId, id: string): string {
  const outcome = tenant.call(token, 'tenant_approval', { approval_id: id });
  if (outcome.kind === 'answer') return JSON.parse(outcome.json).status;
  return outcome.kind === 'error' ? outcome.error.code : outcome.kind;
}

/** How often the call had its effect. */
const effects = ({ db }: TestCompartment, key: string): number =>
  Number(db.exec<{ value: string }>('SELECT value FROM board_cells WHERE key = ?', key)[0]?.value ?? 0);

/** A linear congruential generator (Knuth), so that a failure names a seed that repeats it. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Held {
  readonly id: string;
  readonly token: TokenId;
  readonly key: string;
  /** Whether a person has said yes, and until when that holds. */
  yesUntil: number;
  refused: boolean;
  ran: boolean;
}

const STEPS = 120;

describe('any sequence of holding, deciding, redeeming, expiring, revoking and restarting', () => {
  test.each(Array.from({ length: 8 }, (_, index) => [index + 1]))('seed %i', (seed) => {
    const random = randomOf(seed);
    const tenant = createdCompartment();
    const tokens = [tenant.issue(), tenant.issue(), tenant.issue()];
    const revoked = new Set<TokenId>();
    requireApproval(tenant, true);
    const held: Held[] = [];
    const pick = <T>(of: readonly T[]): T | undefined => of[random(of.length)];
    const steps = [
      () => {
        const token = pick(tokens);
        const key = `k${held.length}`;
        const id = token === undefined || revoked.has(token) ? undefined : hold(tenant, token, key);
        if (token !== undefined && id !== undefined)
          held.push({ id, token, key, yesUntil: 0, refused: false, ran: false });
      },
      () => {
        const one = pick(held);
        if (one === undefined || !decide(tenant, one.id, true)) return;
        expect([one.refused, one.ran, one.yesUntil]).toEqual([false, false, 0]);
        one.yesUntil = tenant.clock.now + HOUR_MS;
      },
      () => {
        const one = pick(held);
        if (one === undefined || !decide(tenant, one.id, false)) return;
        expect(one.ran).toBe(false);
        one.refused = true;
      },
      () => {
        const one = pick(held);
        const by = random(5) === 0 ? pick(tokens) : one?.token;
        if (one === undefined || by === undefined) return;
        const status = redeem(tenant, by, one.id);
        const mayRun =
          by === one.token && !revoked.has(by) && !one.refused && tenant.clock.now < one.yesUntil;
        if (mayRun && !one.ran) expect([seed, status]).toEqual([seed, 'done']);
        if (mayRun) one.ran = true;
        if (status === 'done') expect([seed, one.ran]).toEqual([seed, true]);
      },
      () => {
        tenant.clock.now += random(HOUR_MS);
      },
      () => tenant.compartment.reload(),
      () => void tenant.compartment.sweep(),
      () => {
        const token = random(12) === 0 ? pick(tokens) : undefined;
        if (token === undefined || revoked.size === 2) return;
        revoked.add(token);
        tenant.compartment.administration.revokeToken(token);
      },
    ];
    for (let step = 0; step < STEPS; step++) {
      steps[random(steps.length)]?.();
      for (const { key, ran } of held)
        expect([seed, step, key, effects(tenant, key)]).toEqual([seed, step, key, ran ? 1 : 0]);
    }
    const verified = tenant.compartment.reading.verify();
    expect(verified).toMatchObject({ ok: true, value: { broken: undefined } });
  });
});

describe('a host that dies', () => {
  /** A tenant whose database fails for good at the statement of this number, as if its process had been killed there. */
  function mortal() {
    const db = openDatabase();
    let left = Number.POSITIVE_INFINITY;
    const tenant = createdCompartment({
      db: {
        ...db,
        exec: (query, ...bindings) => {
          if (left-- <= 0) throw new StorageFailure('locked', new Error('killed'));
          return db.exec(query, ...bindings);
        },
      },
    });
    /** @returns how many statements ran, if it has survived */
    const until = (statements: number, act: () => unknown): number | undefined => {
      left = statements;
      try {
        act();
        return statements - left;
      } catch (cause) {
        if (!(cause instanceof StorageFailure)) throw cause;
        return undefined;
      } finally {
        left = Number.POSITIVE_INFINITY;
        tenant.compartment.reload();
      }
    };
    return { tenant, until };
  }

  test('at any statement of a redemption has run the call once or not at all, and it is run by the next', () => {
    let survived: number | undefined;
    for (let statements = 0; survived === undefined && statements < 100; statements++) {
      const { tenant, until } = mortal();
      const token = tenant.issue();
      requireApproval(tenant, true);
      const id = hold(tenant, token, 'k') ?? '';
      decide(tenant, id, true);
      survived = until(statements, () => redeem(tenant, token, id));
      const after = effects(tenant, 'k');
      expect([statements, after]).toEqual([statements, after === 0 ? 0 : 1]);
      expect([statements, redeem(tenant, token, id)]).toEqual([statements, 'done']);
      expect([statements, effects(tenant, 'k')]).toEqual([statements, 1]);
      expect(tenant.compartment.reading.verify()).toMatchObject({ value: { broken: undefined } });
    }
    expect(survived).toBeGreaterThanOrEqual(10);
  });

  test('at any statement of holding or deciding leaves a call that is held and decided once', () => {
    let survived: number | undefined;
    for (let statements = 0; survived === undefined && statements < 100; statements++) {
      const { tenant, until } = mortal();
      const token = tenant.issue();
      requireApproval(tenant, true);
      const held = until(statements, () => hold(tenant, token, 'k'));
      const id = hold(tenant, token, 'k') ?? '';
      const decided = until(statements, () => decide(tenant, id, true, true));
      const isDecided = !decide(tenant, id, true, true);
      expect([statements, redeem(tenant, token, id)]).toEqual([statements, 'done']);
      const list = tenant.compartment.approvals.list();
      expect(list).toMatchObject({ value: { calls: [{ id }], standing: [{ id }] } });
      if (held !== undefined && decided !== undefined) {
        expect(isDecided).toBe(true);
        survived = held;
      }
      expect(tenant.compartment.reading.verify()).toMatchObject({ value: { broken: undefined } });
    }
    expect(survived).toBeGreaterThan(5);
  });
});

test.each([
  ['who decided is forgotten', 'UPDATE records SET decided_by = NULL WHERE decided_by IS NOT NULL'],
  ['somebody else decided', "UPDATE records SET decided_by = 'member x' WHERE decided_by IS NOT NULL"],
  [
    'a call becomes an approved one',
    "UPDATE records SET approval = 'ap_0', decided_by = 'operator' WHERE id = 1",
  ],
  ['all of it is taken away', 'UPDATE records SET approval = NULL, decided_by = NULL'],
])('records in which %s are broken', (_what, tampering) => {
  const tenant = createdCompartment();
  const token = tenant.issue();
  tenant.call(token, TOOL, once('free'));
  requireApproval(tenant, true);
  const id = hold(tenant, token, 'k') ?? '';
  decide(tenant, id, true);
  expect(redeem(tenant, token, id)).toBe('done');
  expect(tenant.compartment.reading.verify()).toMatchObject({ ok: true, value: { broken: undefined } });
  tenant.db.exec(tampering);
  expect(tenant.compartment.reading.verify()).not.toMatchObject({ ok: true, value: { broken: undefined } });
});
