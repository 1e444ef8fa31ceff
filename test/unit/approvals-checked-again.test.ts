import { describe, expect, test } from 'vitest';
import type { TokenId } from '../../src/tenant/contract/call.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';
import { decisionRequest, OPERATOR } from '../support/decision.ts';

/** What a person's yes is worth when something has changed since it was given, and what the person was shown. */

const TOOL = 'blackboard_write';
const WRITE = { key: 'k', value: 1 };
const MINUTE_MS = 60_000;

const setPolicy = ({ compartment }: TestCompartment, tool = TOOL, approval = true) =>
  compartment.approvals.changePolicy({ tool, approval });

interface Holding {
  readonly tenant: TestCompartment;
  readonly token: TokenId;
}

function holding(host: Parameters<typeof createdCompartment>[0] = {}, tool = TOOL): Holding {
  const tenant = createdCompartment(host);
  setPolicy(tenant, tool);
  return { tenant, token: tenant.issue() };
}

/** How a call ends: the status of its answer, or the code of its error or refusal. */
function end({ tenant, token }: Holding, tool: string, args: object): string {
  const outcome = tenant.call(token, tool, args);
  if (outcome.kind === 'answer') return JSON.parse(outcome.json).status;
  if (outcome.kind === 'refused') return outcome.refusal.reason;
  return outcome.kind === 'error' ? outcome.error.code : outcome.kind;
}

function hold({ tenant, token }: Holding, args: object = WRITE, tool = TOOL): string {
  const outcome = tenant.call(token, tool, args);
  if (outcome.kind !== 'error' || outcome.error.approval_id === undefined)
    throw new Error(`not held: ${JSON.stringify(outcome)}`);
  return outcome.error.approval_id;
}

const decide = ({ tenant: { compartment, clock } }: Holding, id: string, standing = false) =>
  compartment.approvals.decide(
    OPERATOR,
    id,
    { approve: true, standing, reason: undefined },
    decisionRequest(clock.now),
  ).ok;

const redeem = (one: Holding, id: string) => end(one, 'tenant_approval', { approval_id: id });

function shown({ tenant: { compartment } }: Holding, id: string) {
  const detail = compartment.approvals.show(id);
  if (!detail.ok) throw new Error(detail.error.message);
  return detail.value;
}

describe('a yes that stands', () => {
  test('ends with its run, which ends when its token and client are idle for ten minutes', () => {
    const one = holding();
    decide(one, hold(one), true);
    one.tenant.clock.now += 9 * MINUTE_MS;
    expect(end(one, TOOL, { key: 'same run', value: 1 })).toBe('created');
    one.tenant.compartment.reload();
    one.tenant.clock.now += 9 * MINUTE_MS;
    expect(end(one, TOOL, { key: 'still', value: 1 })).toBe('created');
    one.tenant.clock.now += 10 * MINUTE_MS;
    expect(end(one, TOOL, { key: 'another run', value: 1 })).toBe('pending_approval');
  });

  test('is not of a later run that has begun before it was given', () => {
    const one = holding();
    const early = hold(one);
    one.tenant.clock.now += 20 * MINUTE_MS;
    const late = hold(one, { key: 'late', value: 1 });
    decide(one, early, true);
    expect(redeem(one, late)).toBe('pending');
    expect(end(one, TOOL, { key: 'later', value: 1 })).toBe('pending_approval');
    expect(redeem(one, early)).toBe('done');
  });

  test('ends when the policy needs none any more, also for when it needs one again', () => {
    const one = holding();
    decide(one, hold(one), true);
    setPolicy(one.tenant, 'scar_delete');
    expect(end(one, TOOL, { key: 'other tool', value: 1 })).toBe('created');
    setPolicy(one.tenant, TOOL, false);
    setPolicy(one.tenant, TOOL);
    expect(end(one, TOOL, { key: 'again', value: 1 })).toBe('pending_approval');
    expect(one.tenant.compartment.approvals.list()).toMatchObject({ value: { standing: [] } });
  });
});

describe('a call that was approved', () => {
  test('is refused while its token is narrowed to other tools or the tenant is suspended, and for good when it is revoked', () => {
    const one = holding();
    const { administration } = one.tenant.compartment;
    const id = hold(one);
    decide(one, id);
    administration.setStatus('suspended');
    expect(redeem(one, id)).toBe('suspended');
    expect(shown(one, id).dryRun).toMatchObject({ result: { error: { code: 'forbidden' } }, changes: [] });
    administration.setStatus('active');
    administration.narrowToken(one.token, { remove: [], tools: ['blackboard_read'] });
    expect(redeem(one, id)).toBe('tool_not_allowed');
    expect(shown(one, id)).toMatchObject({
      state: 'approved',
      dryRun: { result: { error: { message: expect.stringContaining('may not make this call') } } },
    });
    administration.revokeToken(one.token);
    expect(redeem(one, id)).toBe('invalid_token');
    expect(one.tenant.db.exec('SELECT 1 FROM board_cells')).toEqual([]);
  });

  test('waits for the limit of its tool, which holds when it runs and not only when it is held', () => {
    const one = holding();
    const ids = ['a', 'b', 'c'].map((key) => hold(one, { key, value: 1 }));
    for (const id of ids) decide(one, id);
    one.tenant.compartment.administration.changeLimits({ tool: TOOL, rate: 0.1, burst: 1 });
    expect(ids.map((id) => redeem(one, id))).toEqual(['done', 'rate_limited', 'rate_limited']);
    one.tenant.clock.now += 10_000;
    expect(redeem(one, ids[1] ?? '')).toBe('done');
    expect(redeem(one, ids[2] ?? '')).toBe('rate_limited');
    expect(shown(one, ids[2] ?? '').state).toBe('approved');
  });

  test('has no number that JavaScript would change: it is refused before it is held', () => {
    const one = holding();
    expect(end(one, TOOL, { key: 'k', value: { n: Number.NaN } })).toBe('invalid_input');
  });
});

describe('a person', () => {
  test('sees every argument, also where names are credentials that are masked alike', () => {
    const one = holding();
    const [first, second] = ['a', 'b'].map((char) => `ghp_${char.repeat(36)}`);
    const value = { [`${first}`]: { wipe: 'all' }, [`${second}`]: 'kept' };
    const { args } = shown(one, hold(one, { key: 'k', value }));
    expect(args).toEqual({
      key: 'k',
      value: { '[redacted:github_token]': { wipe: 'all' }, '[redacted:github_token] (2)': 'kept' },
    });
  });

  test('is told how many changes there are beyond those that are listed', () => {
    const one = holding({}, 'blackboard_delete');
    for (let n = 0; n < 130; n++) end(one, TOOL, { key: `k${n}`, value: n });
    const changes = shown(one, hold(one, { prefix: 'k' }, 'blackboard_delete')).dryRun?.changes ?? [];
    expect([changes.length, changes.at(-1)]).toEqual([101, 'and 30 more']);
  });

  test('is told that the call would fail because the storage is full', () => {
    const one = holding({ storageQuotaBytes: 1 });
    const args = { key: 'k', value: 'x'.repeat(20_000) };
    expect(shown(one, hold(one, args)).dryRun).toMatchObject({
      result: { error: { code: 'quota_exceeded' } },
      changes: [],
    });
  });
});
