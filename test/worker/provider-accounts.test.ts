import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { OIDC_SETTINGS } from '../support/fake-openid.ts';
import { callTool, operate, postMcp } from '../support/http.ts';
import { tokensOf } from '../support/oauth-person.ts';
import { addMember, ORIGIN } from '../support/oauth-worker.ts';
import { ANN, linkOf, newAccount, useProviderRig } from '../support/provider-rig.ts';
import { ADMIN_KEY_HEADER, serverWith } from '../support/worker-with.ts';

/** Members with an account at an OpenID provider. */

const rig = useProviderRig();

describe('nobody becomes a member by signing in', () => {
  const strangers: readonly (readonly [string, Record<string, unknown>, string])[] = [
    [
      'an unknown address',
      { sub: 's', email: 'eve@example.com', email_verified: true },
      'email eve@example.com',
    ],
    ['no address', { sub: 'auth0|77' }, 'sub auth0|77'],
  ];
  test.each(strangers)(
    '%s: the page says which name to give to the operator',
    async (_name, account, name) => {
      rig().provider.info = { sub: account.sub };
      const { back, browser, client } = await rig().signInAs(account);
      expect([back.status, back.values('as')]).toEqual([403, []]);
      expect(back.text).toContain(name);
      expect((await browser.open(client.authorizeUrl())).values('as')).toEqual([]);
      expect(linkOf(back).searchParams.has('anew')).toBe(true);
    },
  );

  test.each([
    ['is not verified', { email_verified: false }],
    ['is verified in words only', { email_verified: 'true' }],
    ['may be verified or not', { email_verified: undefined }],
    ['is no address', { email: ['ann@example.com'], email_verified: true }],
  ])('an address that %s is none', async (_name, claims) => {
    const { account } = await newAccount();
    const { back } = await rig().signInAs({ ...account, ...claims });
    expect([back.status, back.values('as')]).toEqual([403, []]);
    expect(back.text).toContain('sub user-1');
    expect(back.text).not.toContain(account.email);
  });

  test('a name with markup is text', async () => {
    const { back } = await rig().signInAs({ sub: '"><script>alert(1)</script>', email_verified: false });
    expect(back.html).not.toContain('<script');
    expect(back.text).toContain('sub "><script>');
  });
});

describe('what the operator does holds for the next sign-in', () => {
  test('a suspended tenant lets nobody in, until it is resumed', async () => {
    const { tenant, account } = await newAccount();
    await operate('POST', `/tenants/${tenant}/suspend`);
    const { back } = await rig().signInAs(account);
    expect([back.status, back.values('as')]).toEqual([403, []]);
    expect(back.text).toContain('suspended');
    await operate('POST', `/tenants/${tenant}/resume`);
    expect((await rig().signInAs(account)).back.values('as')).toHaveLength(1);
  });

  test('a removed member is a stranger, in an open browser too, and what was allowed ends', async () => {
    const { tenant, id, account } = await newAccount();
    const { browser, client, back } = await rig().signInAs(account);
    const done = await browser.allow(back);
    const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
    await operate('DELETE', `/tenants/${tenant}/members/${id}`);
    expect((await postMcp(tokens.access_token, callTool('tenant_limits'))).status).toBe(401);
    expect((await browser.allow(back)).status).toBe(403);
    const again = await rig().signInAs(account);
    expect([again.back.status, again.back.values('as')]).toEqual([403, []]);
    // Added anew, under the same address.
    await addMember(tenant, { email: account.email });
    expect((await rig().signInAs(account)).back.values('as')).toHaveLength(1);
  });

  test('a membership that has ended is none', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account } = await newAccount({ ttl_s: 60 });
    expect((await rig().signInAs(account)).back.values('as')).toHaveLength(1);
    vi.setSystemTime(Date.now() + 60_000);
    expect((await rig().signInAs(account)).back.status).toBe(403);
  });

  test('an erased tenant knows nobody, nor does one that is made again under its name', async () => {
    const { tenant, account } = await newAccount();
    await operate('DELETE', `/tenants/${tenant}`);
    expect((await rig().signInAs(account)).back.status).toBe(403);
    await operate('POST', '/tenants', { id: tenant });
    expect((await rig().signInAs(account)).back.status).toBe(403);
  });

  test('a list of tenants that was lost knows the accounts again when the tenant has reported itself', async () => {
    const { tenant, account } = await newAccount();
    await env.REGISTRY.getByName('registry').reset();
    expect((await rig().signInAs(account)).back.status).toBe(403);
    await operate('GET', `/tenants/${tenant}`);
    expect((await rig().signInAs(account)).back.values('as')).toHaveLength(1);
  });

  test('a list that does not answer is said to be out of reach, and is no refusal', async () => {
    const broken = { getByName: () => ({ tenantsOfIdentity: () => Promise.reject(new Error('gone')) }) };
    rig().here = serverWith({ ...OIDC_SETTINGS, REGISTRY: broken });
    expect((await rig().signInAs(ANN)).back.status).toBe(503);
  });
});

describe('a member is added with an account', () => {
  const add = async (tenant: string, body: Record<string, unknown>, fetchHere = rig().here) => {
    const response = await fetchHere(`${ORIGIN}/admin/tenants/${tenant}/members`, {
      method: 'POST',
      headers: { ...ADMIN_KEY_HEADER, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Ann', ...body }),
    });
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  };

  test.each([
    [{ email: 'Ann@Example.COM' }, { email: 'ann@example.com', sub: null }],
    [{ sub: 'Google|1' }, { email: null, sub: 'Google|1' }],
    [{}, { email: null, sub: null }],
  ])('%j', async (body, shown) => {
    const { tenant } = await newAccount();
    expect(await add(tenant, body)).toMatchObject({ status: 201, body: shown });
    expect((await operate('GET', `/tenants/${tenant}/members`)).members).toContainEqual(
      expect.objectContaining(shown),
    );
  });

  test.each([
    [{ email: 'nobody' }, 'email'],
    [{ email: 'a@b@c.example' }, 'email'],
    [{ email: 'ann @example.com' }, 'email'],
    [{ email: '\u0430nn@example.com' }, 'email'],
    [{ email: '' }, 'email'],
    [{ sub: '' }, 'sub'],
    [{ sub: 'a b' }, 'sub'],
    [{ sub: 's'.repeat(256) }, 'sub'],
    [{ email: 'ann@example.com', sub: 'x' }, 'sub'],
  ])('%j is refused by its name', async (body, field) => {
    const { tenant } = await newAccount();
    const refused = await add(tenant, body);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain(field);
  });

  test('of which no other member of the tenant has one, and a subject is of a provider', async () => {
    const { tenant, email } = await newAccount();
    expect((await add(tenant, { email })).status).toBe(409);
    const without = await add(tenant, { sub: 'x' }, serverWith({}));
    expect([without.status, JSON.stringify(without.body)]).toEqual([
      400,
      expect.stringContaining('OIDC_ISSUER'),
    ]);
    // The account of that name at another provider is somebody else.
    await add(
      tenant,
      { sub: 'shared-1' },
      serverWith({ ...OIDC_SETTINGS, OIDC_ISSUER: 'https://other.example' }),
    );
    const { back } = await rig().signInAs({ sub: 'shared-1', email_verified: false });
    expect([back.status, back.values('as')]).toEqual([403, []]);
  });
});
