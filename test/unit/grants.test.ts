import { expect, test } from 'vitest';
import { JUST_REFRESHED_MS } from '../../src/tenant/calls/admission-control.ts';
import type { KeyedMember } from '../../src/tenant/contract/sign-in.ts';
import {
  CODE_MS,
  GRANT_IDLE_MS,
  MAX_GRANTS_PER_MEMBER,
  MAX_REFRESH_RETRIES,
  REFRESH_GRACE_MS,
} from '../../src/tenant/members/grants.ts';
import { MAX_MEMBERS } from '../../src/tenant/members/members.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';

/** Members and grants in one tenant, on `node:sqlite`, with the time in the hands of the test. */

const DAY_MS = 86_400_000;
const CLIENT = 'c'.repeat(64);

function rig(ttlMs?: number) {
  const tenant = createdCompartment();
  const { signIn } = tenant.compartment;
  const added = signIn.addMember({ name: 'Ann', scopes: SCOPES, ttlMs });
  if (!added.ok) throw new Error(added.error.message);
  return { ...tenant, signIn, ...added.value };
}
type Rig = TestCompartment & KeyedMember & Pick<TestCompartment['compartment'], 'signIn'>;

function granted({ signIn, member, secret }: Pick<Rig, 'signIn' | 'member' | 'secret'>, scopes = SCOPES) {
  const proof = signIn.withKey(member.id, secret);
  if (!proof.ok) throw new Error(proof.error);
  const allowed = signIn.allow({
    proof: proof.value.proof,
    client: { digest: CLIENT, name: 'Client', host: 'client.example' },
    redirectUri: 'https://client.example/',
    challenge: 'challenge',
    scopes,
    tools: undefined,
  });
  if (!allowed.ok) throw new Error(allowed.error);
  return allowed.value;
}

function redeemed(of: Pick<Rig, 'signIn' | 'member' | 'secret'>, scopes?: readonly Scope[]) {
  const { grant, secret } = granted(of, scopes);
  const proof = { clientDigest: CLIENT, redirectUri: undefined, challenge: 'challenge' };
  const issued = of.signIn.redeem({ grant, secret, ...proof });
  if (!issued.ok) throw new Error(JSON.stringify(issued.error));
  return { grant, ...issued.value };
}

const refresh = (
  { signIn }: Pick<Rig, 'signIn'>,
  token: { grant: Rig['member']['id']; secret: string; generation: number },
) => signIn.refresh({ ...token, grant: token.grant as never, clientDigest: CLIENT });
const rowsOf = ({ db }: Pick<Rig, 'db'>) =>
  db.exec<{ rows: number }>('SELECT count(*) AS rows FROM grants')[0]?.rows;

test('a member has a bounded number of live grants: one more ends the oldest, and only that', () => {
  const of = rig();
  const first = redeemed(of);
  of.clock.now++;
  const second = redeemed(of);
  for (let count = 2; count < MAX_GRANTS_PER_MEMBER; count++) {
    of.clock.now++;
    redeemed(of);
  }
  expect(of.call(first.grant, 'tenant_limits').kind).toBe('answer');
  for (let more = 0; more < 200; more++) {
    of.clock.now++;
    redeemed(of);
  }
  expect([first, second].map(({ grant }) => of.call(grant, 'tenant_limits').kind)).toEqual([
    'refused',
    'refused',
  ]);
  const listed = of.signIn.grants();
  expect(listed.ok && listed.value.length).toBe(MAX_GRANTS_PER_MEMBER);
  expect(rowsOf(of)).toBeLessThanOrEqual(2 * MAX_GRANTS_PER_MEMBER);
});

test('a client that has just refreshed in vain for a scope is known, and only that one', () => {
  const of = rig();
  const token = redeemed(of, ['scar:read']);
  const write = () => of.call(token.grant, 'blackboard_write', { key: 'a', value: 1 });
  const refusal = {
    reason: 'insufficient_scope',
    scope: 'blackboard:write',
    held: ['scar:read'],
    isGrant: true,
  };
  expect(write()).toEqual({ kind: 'refused', refusal: { ...refusal, justRefreshed: false } });
  expect(refresh(of, token)).toMatchObject({ ok: true });
  expect(write()).toEqual({ kind: 'refused', refusal: { ...refusal, justRefreshed: true } });
  expect(of.compartment.admit(token.grant, undefined)).toMatchObject({
    ok: true,
    value: { justRefreshed: true },
  });
  of.clock.now += JUST_REFRESHED_MS;
  expect(write()).toEqual({ kind: 'refused', refusal: { ...refusal, justRefreshed: false } });
});

test('pages that are left without an answer to the client leave nothing that lasts', () => {
  const of = rig();
  for (let count = 0; count < 1000; count++) granted(of);
  expect(rowsOf(of)).toBeLessThanOrEqual(2 * MAX_GRANTS_PER_MEMBER);
  of.clock.now += 3 * DAY_MS;
  while (of.compartment.sweep() === 'more');
  expect(rowsOf(of)).toBe(0);
});

test('of twenty who redeem a code one succeeds, and the second one ends the grant; a wrong verifier does not use it up', () => {
  const of = rig();
  const code = granted(of);
  const proof = { ...code, clientDigest: CLIENT, redirectUri: undefined, challenge: 'challenge' };
  for (const wrong of [{ challenge: 'other' }, { clientDigest: 'd'.repeat(64) }, { secret: 'x' }])
    expect(of.signIn.redeem({ ...proof, ...wrong }).ok).toBe(false);
  expect(of.signIn.redeem(proof).ok).toBe(true);
  expect(of.call(code.grant, 'tenant_limits').kind).toBe('answer');
  for (let count = 1; count < 20; count++)
    expect(of.signIn.redeem(proof)).toMatchObject({ error: { reason: 'invalid_grant' } });
  expect(of.call(code.grant, 'tenant_limits').kind).toBe('refused');
});

test('twenty who refresh at once have one successor, and a token older than the one before ends the grant', () => {
  const of = rig();
  const oldest = redeemed(of);
  const issued = Array.from({ length: 20 }, () => refresh(of, oldest));
  const secrets = issued.map((one) => (one.ok ? one.value.secret : undefined));
  expect(new Set(secrets)).toEqual(new Set([expect.any(String)]));
  const [first] = issued;
  if (first?.ok !== true) throw new Error('not refreshed');
  const second = refresh(of, { grant: oldest.grant, ...first.value });
  if (!second.ok) throw new Error('not refreshed');
  expect(of.call(oldest.grant, 'tenant_limits').kind).toBe('answer');
  expect(refresh(of, oldest)).toMatchObject({ error: { problem: 'replayed' } });
  expect(refresh(of, { grant: oldest.grant, ...second.value })).toMatchObject({
    error: { problem: 'ended' },
  });
  expect(of.call(oldest.grant, 'tenant_limits').kind).toBe('refused');
});

test('a code lives for a minute, to the millisecond', () => {
  const of = rig();
  const [early, late] = [granted(of), granted(of)];
  const proof = { clientDigest: CLIENT, redirectUri: undefined, challenge: 'challenge' };
  of.clock.now += CODE_MS - 1;
  expect(of.signIn.redeem({ ...early, ...proof }).ok).toBe(true);
  of.clock.now += 1;
  expect(of.signIn.redeem({ ...late, ...proof })).toEqual({
    ok: false,
    error: { reason: 'invalid_grant', problem: 'expired' },
  });
});

test('a grant ends 30 days after its last refresh, is swept later, and lives on with each refresh', () => {
  const of = rig();
  let token = redeemed(of);
  for (let month = 0; month < 3; month++) {
    of.clock.now += GRANT_IDLE_MS - 1;
    const issued = refresh(of, token);
    if (!issued.ok) throw new Error(JSON.stringify(issued.error));
    token = { grant: token.grant, ...issued.value };
    expect(of.call(token.grant, 'tenant_limits').kind).toBe('answer');
  }
  of.clock.now += GRANT_IDLE_MS;
  expect(of.call(token.grant, 'tenant_limits')).toEqual({
    kind: 'refused',
    refusal: { reason: 'invalid_token' },
  });
  expect(refresh(of, token).ok).toBe(false);
  of.clock.now += 2 * DAY_MS;
  while (of.compartment.sweep() === 'more');
  expect(rowsOf(of)).toBe(0);
});

test('the retries of one refresh are bounded, and being over does not end the grant', () => {
  const of = rig();
  const token = redeemed(of);
  const first = refresh(of, token);
  if (!first.ok) throw new Error('not refreshed');
  for (let retry = 0; retry < MAX_REFRESH_RETRIES; retry++)
    expect(refresh(of, token)).toEqual({ ok: true, value: { ...first.value, repeated: true } });
  expect(refresh(of, token)).toMatchObject({ error: { problem: 'too_many_retries' } });
  of.clock.now += REFRESH_GRACE_MS - 1;
  expect(refresh(of, { grant: token.grant, ...first.value }).ok).toBe(true);
});

test('a clock that steps back does not make the token before good again', () => {
  const of = rig();
  const token = redeemed(of);
  expect(refresh(of, token).ok).toBe(true);
  of.clock.now -= REFRESH_GRACE_MS;
  expect(refresh(of, token)).toMatchObject({ error: { problem: 'replayed' } });
});

test('a tenant has a bounded number of members', () => {
  const { signIn } = rig();
  for (let count = 1; count < MAX_MEMBERS; count++)
    expect(signIn.addMember({ name: `Member ${count}`, scopes: ['cache:read'] }).ok).toBe(true);
  expect(signIn.addMember({ name: 'One more', scopes: ['cache:read'] })).toMatchObject({
    error: { reason: 'full' },
  });
});

test('no secret is stored', () => {
  const of = rig();
  const token = redeemed(of);
  const stored = JSON.stringify([of.db.exec('SELECT * FROM members'), of.db.exec('SELECT * FROM grants')]);
  for (const secret of [of.secret, token.secret]) expect(stored).not.toContain(secret);
});
