import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../support/tenant.ts';

/** Calls that a person must approve: held, decided, redeemed, on both hosts. */

const WRITE = { key: 'k', value: { n: 1 } };
const DAY_MS = 86_400_000;

async function held(args: object = WRITE, tool = 'blackboard_write') {
  const tenant = await openTenant();
  await tenant.requireApproval(tool);
  return { tenant, id: await hold(tenant, args, tool) };
}

async function hold(tenant: TestTenant, args: object = WRITE, tool = 'blackboard_write'): Promise<string> {
  const error = await tenant.error(tool, args);
  expect(error).toMatchObject({ code: 'pending_approval', retryable: false, retry_after_ms: 5000 });
  expect(error.message).toContain(`tenant_approval with approval_id ${error.approval_id}`);
  return error.approval_id ?? '';
}

const redeem = (tenant: TestTenant, id: string) => tenant.ok('tenant_approval', { approval_id: id });
const cell = async (tenant: TestTenant, key = 'k') =>
  (await tenant.ok('blackboard_read', { key })).entries[0];

test('a call that needs approval is held, does nothing, and runs once when a person approves it', async () => {
  const { tenant, id } = await held();
  expect(await cell(tenant)).toMatchObject({ found: false });
  expect(await redeem(tenant, id)).toMatchObject({ status: 'pending', expires_in_s: 86_400 });

  expect(await tenant.decide(id, {})).toMatchObject({ ok: true });
  expect(await cell(tenant)).toMatchObject({ found: false });
  expect(await redeem(tenant, id)).toEqual({
    status: 'done',
    answer: expect.objectContaining({ status: 'created', key: 'k', rev: 1 }),
  });
  expect(await cell(tenant)).toMatchObject({ value: { n: 1 }, rev: 1 });

  // Whoever asks again gets the same answer, and nothing is done again.
  expect(await redeem(tenant, id)).toMatchObject({ status: 'done', answer: { rev: 1 } });
  expect(await cell(tenant)).toMatchObject({ rev: 1 });
});

test('whoever asks again is shown what its token may still see', async () => {
  const tenant = await openTenant();
  await tenant.ok('blackboard_write', { key: 'job', value: 'stored-before' });
  for (const tool of ['blackboard_claim', 'blackboard_read']) await tenant.requireApproval(tool);
  const ids: string[] = [];
  for (const [tool, args] of [
    ['blackboard_claim', { key: 'job', by: 'w' }],
    ['blackboard_read', { key: 'job' }],
  ] as const) {
    const id = await hold(tenant, args, tool);
    await tenant.decide(id, {});
    expect(JSON.stringify(await redeem(tenant, id))).toContain('stored-before');
    ids.push(id);
  }
  await tenant.changeScopes(tenant.principal, [], ['blackboard:read']);
  const [claim = '', read = ''] = ids;
  expect(await redeem(tenant, claim)).toMatchObject({
    status: 'done',
    answer: { claim_id: expect.any(String), withheld: { fields: ['value'], scope: 'blackboard:read' } },
  });
  expect(await tenant.outcome('tenant_approval', { approval_id: read })).toMatchObject({
    kind: 'refused',
    refusal: { reason: 'insufficient_scope', scope: 'blackboard:read' },
  });
});

test('a refusal gives the reason, and nothing is done', async () => {
  const { tenant, id } = await held();
  await tenant.decide(id, { approve: false, reason: 'Not on a Friday.' });
  expect(await redeem(tenant, id)).toMatchObject({ status: 'refused', reason: 'Not on a Friday.' });
  expect(await tenant.decide(id, {})).toMatchObject({ ok: false, error: { reason: 'conflict' } });
  expect(await cell(tenant)).toMatchObject({ found: false });
});

test('an approval can be taken back until it is redeemed', async () => {
  const { tenant, id } = await held();
  await tenant.decide(id, {});
  expect(await tenant.decide(id, { approve: false, reason: 'Wait.' })).toMatchObject({ ok: true });
  expect(await redeem(tenant, id)).toMatchObject({ status: 'refused', reason: 'Wait.' });
  const done = await hold(tenant);
  await tenant.decide(done, {});
  await redeem(tenant, done);
  expect(await tenant.decide(done, { approve: false })).toMatchObject({ ok: false });
});

test('a repeat of a held call is the same held call, and other arguments are another', async () => {
  const { tenant, id } = await held();
  expect(await hold(tenant)).toBe(id);
  expect(await hold(tenant, { run_id: 'default', ...WRITE })).toBe(id);
  expect(await hold(tenant, { key: 'k', value: { n: 2 } })).not.toBe(id);
  await tenant.decide(id, {});
  expect(await hold(tenant)).toBe(id);
  await redeem(tenant, id);
  expect(await hold(tenant)).not.toBe(id);
});

test('what is held, approved or answered survives a restart of the host', async () => {
  const { tenant, id } = await held();
  await tenant.restart();
  expect(await redeem(tenant, id)).toMatchObject({ status: 'pending' });
  await tenant.decide(id, {});
  await tenant.restart();
  expect(await redeem(tenant, id)).toMatchObject({ status: 'done' });
  await tenant.restart();
  expect(await redeem(tenant, id)).toMatchObject({ status: 'done', answer: { rev: 1 } });
  await expect(tenant.requireApproval('blackboard_read')).resolves.toBeUndefined();
  await tenant.restart();
  await hold(tenant, { key: 'k' }, 'blackboard_read');
});

describe('time', () => {
  test('ends what nobody decides, and what nobody redeems', async () => {
    const { tenant, id } = await held();
    const unasked = await hold(tenant, { key: 'unasked', value: 1 });
    tenant.advance(DAY_MS);
    expect(await tenant.decide(unasked, {})).toMatchObject({ ok: false, error: { reason: 'conflict' } });
    expect((await tenant.approval(unasked)).state).toBe('expired');
    expect(await redeem(tenant, id)).toMatchObject({ status: 'expired' });
    expect(await tenant.decide(id, {})).toMatchObject({ ok: false });
    const late = await hold(tenant);
    await tenant.decide(late, {});
    tenant.advance(3_600_000);
    expect(await redeem(tenant, late)).toMatchObject({ status: 'expired' });
    expect(await cell(tenant)).toMatchObject({ found: false });
  });
});

describe('a held call is checked again when it is redeemed', () => {
  test('against the scopes of its token', async () => {
    const { tenant } = await held();
    const narrow = await tenant.otherPrincipal(['blackboard:write']);
    const id = await hold(narrow);
    await tenant.decide(id, {});
    await tenant.changeScopes(narrow.principal, ['cache:read'], ['blackboard:write']);
    expect(await narrow.outcome('tenant_approval', { approval_id: id })).toMatchObject({
      kind: 'refused',
      refusal: { reason: 'insufficient_scope', scope: 'blackboard:write' },
    });
    expect(await cell(tenant)).toMatchObject({ found: false });
    await tenant.changeScopes(narrow.principal, ['blackboard:write']);
    expect(await redeem(narrow, id)).toMatchObject({ status: 'done' });
  });

  test('by its own token alone', async () => {
    const { tenant, id } = await held();
    await tenant.decide(id, {});
    const other = await tenant.otherPrincipal();
    expect(await other.error('tenant_approval', { approval_id: id })).toMatchObject({
      code: 'unknown_handle',
    });
    expect(await tenant.error('tenant_approval', { approval_id: 'ap_nothing' })).toMatchObject({
      code: 'unknown_handle',
    });
    expect(await cell(tenant)).toMatchObject({ found: false });
  });

  test('against the policy: what needs no approval any more runs', async () => {
    const { tenant, id } = await held();
    await tenant.requireApproval('blackboard_write', false);
    expect(await redeem(tenant, id)).toMatchObject({ status: 'done' });
    const [redeemed] = await tenant.records({ tool: 'blackboard_write', outcome: 'answer' });
    expect(redeemed).toMatchObject({ approval: id, decided_by: 'policy' });
  });

  test('and an error that may pass leaves it approved, any other ends it', async () => {
    const { tenant, id } = await held({ key: 'k', value: 1, if_rev: 0, mode: 'increment' });
    await tenant.decide(id, {});
    await tenant.requireApproval('blackboard_write', false);
    await tenant.ok('blackboard_write', { key: 'n', value: 'text' });
    await tenant.requireApproval('blackboard_write');
    const bad = await hold(tenant, { key: 'n', value: 1, mode: 'increment' });
    await tenant.decide(bad, {});
    expect(await tenant.error('tenant_approval', { approval_id: bad })).toMatchObject({
      code: 'invalid_input',
    });
    expect(await tenant.error('tenant_approval', { approval_id: bad })).toMatchObject({
      code: 'invalid_input',
    });
    expect((await tenant.approval(bad)).state).toBe('done');
  });
});

test('an idempotency key holds for a held call', async () => {
  const keyed = { ...WRITE, idempotency_key: 'once' };
  const { tenant, id } = await held(keyed);
  await tenant.decide(id, {});
  expect(await redeem(tenant, id)).toMatchObject({ status: 'done', answer: { rev: 1 } });
  // The call itself was made, so its repeat needs no approval; with other arguments it is refused as ever.
  expect(await tenant.ok('blackboard_write', keyed)).toMatchObject({ status: 'created', rev: 1 });
  expect(await tenant.error('blackboard_write', { ...keyed, value: 2 })).toMatchObject({
    code: 'invalid_input',
  });
  const other = await tenant.otherPrincipal();
  expect(await other.ok('blackboard_write', keyed)).toMatchObject({ rev: 1 });
});

test('invalid arguments and a missing scope are refused at once and not held', async () => {
  const { tenant } = await held();
  expect(await tenant.error('blackboard_write', { key: '' })).toMatchObject({ code: 'invalid_input' });
  const reader = await tenant.otherPrincipal(['blackboard:read']);
  expect(await reader.outcome('blackboard_write', WRITE)).toMatchObject({ kind: 'refused' });
});

test('a yes can stand for later calls of the same token to the same tool in the same run', async () => {
  const { tenant, id } = await held();
  const waiting = await hold(tenant, { key: 'other', value: 1 });
  await tenant.decide(id, { standing: true });
  expect(await redeem(tenant, waiting)).toMatchObject({ status: 'done' });
  expect(await tenant.ok('blackboard_write', { key: 'later', value: 1 })).toMatchObject({
    status: 'created',
  });
  const [later] = await tenant.records({ tool: 'blackboard_write', outcome: 'answer' });
  expect(later).toMatchObject({ approval: id, decided_by: 'operator (ann)' });

  await tenant.requireApproval('blackboard_delete');
  await hold(tenant, { keys: ['later'] }, 'blackboard_delete');
  await hold(await tenant.otherPrincipal(), { key: 'x', value: 1 });
  await tenant.decide(id, { approve: false });
  await hold(tenant, { key: 'latest', value: 1 });
});

test('everything is recorded, with who decided, and the chain of records holds', async () => {
  const { tenant, id } = await held();
  await redeem(tenant, id);
  await tenant.decide(id, { reason: 'It may.' });
  await redeem(tenant, id);
  const records = (await tenant.records({ internal: 'true' })).reverse();
  expect(
    records.map(({ tool, outcome, code, status, approval, decided_by }) => ({
      tool,
      outcome,
      code,
      status,
      approval,
      decided_by,
    })),
  ).toEqual([
    { tool: 'blackboard_write', outcome: 'error', code: 'pending_approval', approval: id },
    { tool: 'tenant_approval', outcome: 'answer', status: 'pending' },
    { tool: 'admin', outcome: 'answer', status: 'approved', approval: id, decided_by: 'operator (ann)' },
    {
      tool: 'blackboard_write',
      outcome: 'answer',
      status: 'created',
      approval: id,
      decided_by: 'operator (ann)',
    },
  ]);
  expect(await tenant.verify()).toMatchObject({ broken: undefined });
});

test('a person sees the call in full with credentials masked, and what it would do', async () => {
  const value = { note: 'x'.repeat(500), password: 'hunter2hunter2', text: 'line\nline' };
  const { tenant, id } = await held({ key: 'k', value });
  const shown = await tenant.approval(id);
  expect(shown).toMatchObject({
    state: 'pending',
    tool: 'blackboard_write',
    tokenId: tenant.principal,
    args: { key: 'k', value: { note: 'x'.repeat(500), text: 'line\nline' } },
    dryRun: {
      result: { answer: { status: 'created', key: 'k', rev: 1 } },
      changes: ['rev 1: set default/k'],
    },
  });
  expect(JSON.stringify(shown)).not.toContain('hunter2');
  // Nothing of what was tried is left.
  expect(await cell(tenant)).toMatchObject({ found: false });
  await tenant.decide(id, {});
  expect(await redeem(tenant, id)).toMatchObject({ answer: { rev: 1 } });
  expect(await cell(tenant)).toMatchObject({ value });
});

test('what a transport or a page would show in place of a held tool is refused', async () => {
  const tenant = await openTenant();
  await tenant.ok('blackboard_write', WRITE);
  await tenant.requireApproval('blackboard_read');
  for (const tool of ['resources_list', 'completion_boards'])
    expect(await tenant.error(tool, { prefix: '' }).catch(() => tenant.error(tool, {}))).toMatchObject({
      code: 'forbidden',
    });
  expect(await tenant.outcome('blackboard_read', { key: 'k' }, 'console')).toMatchObject({
    error: { code: 'forbidden' },
  });
  await tenant.requireApproval('blackboard_read', false);
  await tenant.ok('resources_list');
  await tenant.requireApproval('blackboard_list');
  expect(await tenant.error('resources_list', {})).toMatchObject({ code: 'forbidden' });
  await tenant.ok('completion_scars', { of: 'tool', prefix: '' });
});

test('held calls are bounded in count and size', async () => {
  const { tenant } = await held();
  for (let n = 1; n < 25; n++) await hold(tenant, { key: `k${n}`, value: n });
  expect(await tenant.error('blackboard_write', { key: 'more', value: 1 })).toMatchObject({
    code: 'quota_exceeded',
    limit: 25,
  });
  const other = await tenant.otherPrincipal();
  expect(await other.error('blackboard_write', { key: 'k', value: 'x'.repeat(300_000) })).toMatchObject({
    code: 'too_large',
    limit: 262_144,
  });
  await hold(other);
});
