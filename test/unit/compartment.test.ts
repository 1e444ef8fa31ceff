import { describe, expect, test } from 'vitest';
import { WRITE_BEHIND_MS } from '../../src/tenant/records/writer.ts';
import { blackboardWrite } from '../../src/tools/blackboard/write.ts';
import { createCatalogue } from '../../src/tools/catalogue.ts';
import { createdCompartment, openCompartment, type TestCompartment } from '../support/compartment.ts';

const TIGHT = { tenant: { rate: 1, burst: 3 }, tool: { rate: 1, burst: 3 } };

/** As after an eviction: the same storage, a new instance. */
const reopened = (from: ReturnType<typeof createdCompartment>, limits = TIGHT) => {
  const again = openCompartment({ db: from.db, limits });
  again.clock.now = from.clock.now;
  return again;
};

test('buckets drained by writes are drained after an eviction', () => {
  const first = createdCompartment({ limits: TIGHT });
  const token = first.issue();
  for (let call = 0; call < 3; call++) {
    expect(first.call(token, 'blackboard_write', { key: 'k', value: call })).toMatchObject({
      kind: 'answer',
    });
  }
  expect(reopened(first).call(token, 'blackboard_write', { key: 'k', value: 9 })).toMatchObject({
    kind: 'error',
    error: { code: 'rate_limited', retry_after_ms: 1000, retryable: true },
  });
});

test('what reads were charged, and their records, are written behind', () => {
  const first = createdCompartment({ limits: TIGHT });
  const token = first.issue();
  for (let call = 0; call < 3; call++) first.call(token, 'blackboard_read', { key: 'k' });
  expect(first.db.exec('SELECT id FROM records')).toEqual([]);
  first.clock.now += WRITE_BEHIND_MS;
  first.runLater();
  expect(first.db.exec('SELECT id FROM records')).toHaveLength(3);
  expect(reopened(first).call(token, 'blackboard_read', { key: 'k' })).toMatchObject({
    error: { code: 'rate_limited' },
  });
});

test('refused calls that are alike write one record for many, and take nothing', () => {
  const test = createdCompartment({ limits: TIGHT });
  const token = test.issue();
  for (let call = 0; call < 50; call++) test.call(token, 'blackboard_read', { key: 'k' });
  test.clock.now += WRITE_BEHIND_MS;
  test.runLater();
  expect(test.db.exec('SELECT id FROM records')).toHaveLength(5);
  test.clock.now += 1000;
  expect(test.call(token, 'blackboard_read', { key: 'k' })).toMatchObject({ kind: 'answer' });
});

test('guessing names of tools is limited too', () => {
  const test = createdCompartment({ limits: TIGHT });
  const token = test.issue();
  const outcomes = Array.from({ length: 5 }, (_, call) => test.call(token, `guess_${call}`).kind);
  expect(outcomes).toEqual(['unknown_tool', 'unknown_tool', 'unknown_tool', 'error', 'error']);
});

test('tokens share the buckets of their tenant: a new token refills nothing', () => {
  const test = createdCompartment({ limits: TIGHT });
  const first = test.issue();
  for (let call = 0; call < 3; call++) test.call(first, 'blackboard_read', { key: 'k' });
  expect(test.call(test.issue(), 'blackboard_read', { key: 'k' })).toMatchObject({
    error: { code: 'rate_limited' },
  });
});

test('revocation, suspension and expiry hold for the very next call', () => {
  const { compartment, issue, call, clock } = createdCompartment();
  const revoked = issue();
  const token = issue();
  expect(call(revoked, 'tenant_limits')).toMatchObject({ kind: 'answer' });
  expect(compartment.administration.revokeToken(revoked)).toMatchObject({ ok: true });
  expect(call(revoked, 'tenant_limits')).toEqual({ kind: 'refused', refusal: { reason: 'invalid_token' } });

  compartment.administration.setStatus('suspended');
  expect(call(token, 'tenant_limits')).toEqual({ kind: 'refused', refusal: { reason: 'suspended' } });
  expect(call(revoked, 'tenant_limits')).toEqual({ kind: 'refused', refusal: { reason: 'invalid_token' } });
  compartment.administration.setStatus('active');
  expect(call(token, 'tenant_limits')).toMatchObject({ kind: 'answer' });

  const short = compartment.administration.issueToken({ label: '', scopes: ['cache:read'], ttlMs: 60_000 });
  if (!short.ok) throw new Error(short.error.message);
  clock.now = short.value.expiresAt - 1;
  expect(call(short.value.id, 'tenant_limits')).toMatchObject({ kind: 'answer' });
  clock.now = short.value.expiresAt;
  expect(call(short.value.id, 'tenant_limits')).toEqual({
    kind: 'refused',
    refusal: { reason: 'invalid_token' },
  });
});

test('a scope that the token lacks is named, and the call is not charged', () => {
  const { issue, call } = createdCompartment({ limits: TIGHT });
  const token = issue(['cache:read']);
  for (let attempt = 0; attempt < 10; attempt++) {
    expect(call(token, 'blackboard_write', { key: 'k', value: 1 })).toEqual({
      kind: 'refused',
      refusal: {
        reason: 'insufficient_scope',
        scope: 'blackboard:write',
        held: ['cache:read'],
        isGrant: false,
        justRefreshed: false,
      },
    });
  }
  expect(call(token, 'cache_stats')).toMatchObject({ kind: 'answer' });
});

test('a scope that is added to a token holds for the very next call', () => {
  const { compartment, issue, call } = createdCompartment();
  const token = issue(['cache:read']);
  expect(call(token, 'scar_list')).toMatchObject({ refusal: { scope: 'scar:read' } });
  expect(
    compartment.administration.changeScopes(token, { add: ['scar:read', 'cache:read'], remove: [] }),
  ).toMatchObject({
    ok: true,
    value: { id: token, scopes: ['scar:read', 'cache:read'] },
  });
  expect(call(token, 'scar_list')).toMatchObject({ kind: 'answer' });
  expect(compartment.administration.changeScopes('none', { add: ['scar:read'], remove: [] })).toMatchObject({
    error: { reason: 'not_found' },
  });
});

describe('a token whose stored scopes another release wrote', () => {
  const scopesOf = ({ db }: Pick<TestCompartment, 'db'>) => db.exec('SELECT scopes FROM tokens');
  function withStored(scopes: string) {
    const first = createdCompartment();
    const token = first.issue(['cache:read']);
    first.db.exec('UPDATE tokens SET scopes = ?', scopes);
    return { token, ...openCompartment({ db: first.db }) };
  }

  test.each(['cache:read future:read future:write', 'future:read cache:read', 'cache:read cache:admin'])(
    '%s: the known ones are valid, the others mean nothing',
    (scopes) => {
      const { token, call } = withStored(scopes);
      expect(call(token, 'cache_stats')).toMatchObject({ kind: 'answer' });
      expect(call(token, 'scar_list')).toMatchObject({ refusal: { reason: 'insufficient_scope' } });
      const answer = call(token, 'tenant_limits');
      const { token: shown } = JSON.parse(answer.kind === 'answer' ? answer.json : '{}');
      expect(shown.scopes).toEqual(['cache:read']);
    },
  );

  test('keeps the unknown ones when others are added, for when that release runs again', () => {
    const there = withStored('cache:read future:read');
    there.compartment.administration.changeScopes(there.token, { add: ['scar:read'], remove: [] });
    expect(scopesOf(there)).toEqual([{ scopes: 'scar:read cache:read future:read' }]);
  });

  test('is valid without any known scope for what needs none', () => {
    const { token, call } = withStored('future:read');
    expect(call(token, 'tenant_limits')).toMatchObject({ kind: 'answer' });
    expect(call(token, 'cache_stats')).toMatchObject({ refusal: { scope: 'cache:read' } });
  });
});

test('limits changed by the operator hold at once and keep what was spent', () => {
  // Limits must pay for a call of every tool, so the price of another tool must not matter here.
  const test = createdCompartment({ limits: TIGHT, catalogue: createCatalogue([blackboardWrite]) });
  const token = test.issue();
  for (let call = 0; call < 3; call++) test.call(token, 'blackboard_write', { key: 'k', value: call });
  expect(test.compartment.administration.changeLimits({ rate: 1000 })).toMatchObject({ ok: true });
  expect(test.compartment.administration.changeLimits({ tool: 'blackboard_write', rate: 500 })).toMatchObject(
    {
      ok: true,
      value: {
        overrides: { tenant: { rate: 1000, burst: 3 }, tools: { blackboard_write: { rate: 500, burst: 3 } } },
      },
    },
  );
  expect(test.call(token, 'blackboard_write', { key: 'k', value: 9 })).toMatchObject({
    error: { retry_after_ms: 2 },
  });
  expect(test.compartment.administration.changeLimits({ tool: 'no_such_tool', rate: 1 })).toMatchObject({
    error: { reason: 'invalid' },
  });
});

test('the log line of a call has every field that an operator looks for, and no value', () => {
  const test = createdCompartment();
  const token = test.issue();
  test.call(token, 'blackboard_write', { key: 'plan', value: 'hunter2 is the password', unknown: 'x' });
  test.call(token, 'blackboard_write', { key: 'plan', value: 'hunter2 is the password' });
  expect(test.lines.at(-1)).toEqual({
    level: 'info',
    event: 'tool.call',
    tenant: 'test',
    tool: 'blackboard_write',
    args: { key: 'plan' },
    duration_ms: 0,
    outcome: 'answer',
    status: 'created',
    rev: 1,
    trace_id: 'a'.repeat(32),
    span_id: 'b'.repeat(16),
    request_id: 'request-1',
    token_id: token,
    client_name: 'test-client',
    client_version: '1.0.0',
    protocol_version: '2026-07-28',
  });
  expect(JSON.stringify(test.lines)).not.toContain('hunter2');
});

test('a tenant that has reached its storage quota reads, deletes and is told, and writes again once there is room', () => {
  const roomy = createdCompartment();
  const token = roomy.issue();
  const value = 'x'.repeat(200_000);
  for (let n = 0; n < 5; n++) roomy.call(token, 'blackboard_write', { key: `k/${n}`, value });
  // Less than the values take without their history.
  const storageQuotaBytes = 900_000;
  const full = openCompartment({ db: roomy.db, storageQuotaBytes });
  const call = (tool: string, args?: object) => full.call(token, tool, args);

  for (const [tool, args] of [
    ['blackboard_write', { key: 'more', value: 1 }],
    ['scar_record', { error_type: 'E', context: 'c' }],
    ['cache_set', { model: 'm', prompt: 'p', response: 'r' }],
  ] as const) {
    expect(call(tool, args)).toMatchObject({
      error: { code: 'quota_exceeded', limit: storageQuotaBytes, retryable: true },
    });
  }
  for (const [tool, args] of [
    ['blackboard_read', { key: 'k/0' }],
    ['blackboard_list', { run_id: 'default', query: 'x' }],
    ['scar_lookup', { error_type: 'E' }],
    ['cache_get', { model: 'm', prompt: 'p' }],
    ['cache_stats', {}],
    ['cache_invalidate', { all: true }],
    ['scar_delete', { scar_id: 'scar_1' }],
    ['blackboard_delete', { prefix: 'k/' }],
  ] as const) {
    expect(call(tool, args), tool).toMatchObject({ kind: 'answer' });
  }
  expect(call('tenant_limits')).toMatchObject({
    kind: 'answer',
    json: expect.stringContaining('"quota_bytes"'),
  });
  expect(call('blackboard_write', { key: 'more', value: 1 })).toMatchObject({ kind: 'answer' });
});
