import { describe, expect, test, vi } from 'vitest';
import { CLIENT_ID, CLIENT_SECRET, ISSUER, OIDC_SETTINGS } from '../support/fake-openid.ts';
import { callTool, newTenantId, operate, postMcp } from '../support/http.ts';
import { Browser, HandClient, tokensOf } from '../support/oauth-person.ts';
import { ORIGIN } from '../support/oauth-worker.ts';
import { ANN, linkOf, newAccount, useProviderRig } from '../support/provider-rig.ts';
import { ADMIN_KEY_HEADER, fetchWith, serverWith } from '../support/worker-with.ts';

/** The way through an OpenID provider, and what a browser brings back from it. */

const rig = useProviderRig();

describe('the console', () => {
  const wanted = (tenant: string) => `/console/${tenant}/limits`;
  const startUrl = (to: string) => `${ORIGIN}/oauth/sign-in?${new URLSearchParams({ console: to })}`;

  test('is opened by somebody who comes back from the provider, at the page that was asked for', async () => {
    const { tenant, id, account } = await newAccount();
    const browser = new Browser(ORIGIN, rig().here);
    const page = await browser.open(`${ORIGIN}${wanted(tenant)}`);
    expect([page.status, linkOf(page).href]).toEqual([401, startUrl(wanted(tenant))]);
    const sent = await browser.open(linkOf(page));
    const callback = rig().provider.signIn(sent.headers.get('location') ?? '', account);
    // What comes back is worth nothing in another browser.
    expect((await new Browser(ORIGIN, rig().here).open(callback)).title).toBe('This cannot go on');
    const back = await browser.open(callback);
    const chooser = `/console?${new URLSearchParams({ to: wanted(tenant) })}`;
    expect([back.status, back.headers.get('location')]).toEqual([303, chooser]);
    const choice = await browser.open(`${ORIGIN}${chooser}`);
    expect([choice.status, choice.values('as'), choice.values('to')[0]]).toEqual([
      200,
      [`${tenant}/${id}`],
      wanted(tenant),
    ]);
    const entered = await rig().here(`${ORIGIN}/console`, {
      method: 'POST',
      body: new URLSearchParams({
        action: 'enter',
        as: `${tenant}/${id}`,
        to: wanted(tenant),
      }).toString(),
      redirect: 'manual',
      headers: {
        origin: ORIGIN,
        'content-type': 'application/x-www-form-urlencoded',
        cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      },
    });
    expect([entered.status, entered.headers.get('location')]).toEqual([303, wanted(tenant)]);
    expect(entered.headers.getSetCookie()[0]).toMatch(`__Host-bulkhead-console-${tenant}=eyJ`);
  });

  test('is closed to a stranger, who is told which name to give the operator, and back to the console', async () => {
    const browser = new Browser(ORIGIN, rig().here);
    const sent = await browser.open(startUrl('/console/acme/calls'));
    const email = `ben-${crypto.randomUUID()}@example.com`;
    const back = await browser.open(
      rig().provider.signIn(sent.headers.get('location') ?? '', { ...ANN, sub: email, email }),
    );
    expect([back.status, back.text]).toEqual([403, expect.stringContaining(`email ${email}`)]);
    expect(back.links).toEqual(['/console?to=%2Fconsole%2Facme%2Fcalls']);
  });

  test('refuses too long a path', async () => {
    expect(
      (await new Browser(ORIGIN, rig().here).open(startUrl(`/console/${'x'.repeat(2048)}`))).status,
    ).toBe(400);
  });
});

describe('the way', () => {
  test('leads to the provider by a link, with PKCE, a nonce and a sealed state, and back to the consent', async () => {
    const { tenant, id, account } = await newAccount();
    const { browser, client, page, location, back } = await rig().signInAs(account);
    expect(page.text).toContain('Sign in with Example ID');
    const asked = Object.fromEntries(new URL(location).searchParams);
    expect(asked).toEqual({
      tenant: '1',
      response_type: 'code',
      client_id: CLIENT_ID,
      redirect_uri: `${ORIGIN}/oauth/callback`,
      scope: 'openid email',
      state: expect.stringMatching(/^bhu_/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(back.values('as')).toEqual([`${tenant}/${id}`]);
    const done = await browser.allow(back);
    const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
    expect((await postMcp(tokens.access_token, callTool('tenant_limits'))).status).toBe(200);
    // Signed in, and asked all the same.
    expect((await browser.open(client.authorizeUrl())).values('as')).toEqual([`${tenant}/${id}`]);
    expect(rig().provider.requests.map(({ endpoint }) => endpoint)).toEqual(['metadata', 'token', 'jwks']);
    for (const { init } of rig().provider.requests)
      expect(init).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) });
  });

  test('shows every tenant that knows the account, by its address or its subject', async () => {
    const { account, ...first } = await newAccount();
    const second = newTenantId();
    await operate('POST', '/tenants', { id: second });
    const bySub = await rig().here(`${ORIGIN}/admin/tenants/${second}/members`, {
      method: 'POST',
      headers: { ...ADMIN_KEY_HEADER, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Ann', sub: `sub-${account.email}` }),
    });
    const added = await bySub.json<Record<string, string>>();
    expect(added).toMatchObject({ sub: `sub-${account.email}`, email: null });
    const { back, browser, client } = await rig().signInAs({ ...account, sub: `sub-${account.email}` });
    const both = [`${first.tenant}/${first.id}`, `${second}/${added.member_id}`];
    expect(back.values('as').sort()).toEqual(both.sort());
    expect(back.html).not.toContain('name="as" value="" checked');
    const done = await browser.allow(back, ['cache:read'], both[1]);
    const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
    expect(tokens.scope).toBe('cache:read');
  });

  test('takes an address in any case, and one that only the userinfo endpoint tells', async () => {
    const { tenant, id, email } = await newAccount();
    const upper = await rig().signInAs({ ...ANN, email: email.toUpperCase() });
    expect(upper.back.values('as')).toEqual([`${tenant}/${id}`]);
    rig().provider.info = { email, email_verified: true };
    const { back } = await rig().signInAs({ sub: 'user-1' });
    expect(back.values('as')).toEqual([`${tenant}/${id}`]);
    const [asked] = rig().provider.requests.filter(({ endpoint }) => endpoint === 'userinfo');
    expect(new Headers(asked?.init.headers).get('authorization')).toBe('Bearer upstream-access-token');
  });

  test('puts the secret into the body for a provider that takes it nowhere else', async () => {
    rig().provider.metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
    const { account } = await newAccount();
    expect((await rig().signInAs(account)).back.values('as')).toHaveLength(1);
    const [asked] = rig().provider.requests.filter(({ endpoint }) => endpoint === 'token');
    expect(asked?.body.get('client_secret')).toBe(CLIENT_SECRET);
    expect(new Headers(asked?.init.headers).has('authorization')).toBe(false);
  });

  test('asks for an account again when the person wants another one', async () => {
    const { account } = await newAccount();
    const { browser, back } = await rig().signInAs(account);
    const again = await browser.open(linkOf(await browser.press(back, 'other_key')));
    expect(new URL(again.headers.get('location') ?? '').searchParams.get('prompt')).toBe('login');
  });

  test('does not exist without a provider', async () => {
    const without = serverWith({});
    const client = await HandClient.register(ORIGIN, without);
    const page = await new Browser(ORIGIN, without).open(client.authorizeUrl());
    expect(page.html).not.toContain('/oauth/sign-in');
    for (const path of ['/oauth/sign-in', '/oauth/callback'])
      expect((await without(`${ORIGIN}${path}`)).status).toBe(404);
    expect((await fetchWith({ ...OIDC_SETTINGS, OAUTH: 'off' }, '/oauth/callback')).status).toBe(404);
    expect((await rig().here(`${ORIGIN}/oauth/callback`, { method: 'POST' })).status).toBe(405);
  });
});

describe('what a browser brings back', () => {
  test('is worth nothing in another browser, signed in or not, and nobody is asked about it', async () => {
    const { account } = await newAccount();
    const { location } = await rig().goToProvider();
    const callback = rig().provider.signIn(location, account);
    const [stranger, other] = [new Browser(ORIGIN, rig().here), await rig().goToProvider()];
    const before = rig().provider.requests.length;
    for (const browser of [stranger, other.browser]) {
      const page = await browser.open(callback);
      expect([page.status, page.values('as')]).toEqual([400, []]);
    }
    expect(rig().provider.requests.length).toBe(before);
  });

  test('is worth nothing twice, or with the code of another sign-in', async () => {
    const { account } = await newAccount();
    const { browser, callback } = await rig().signInAs(account);
    expect((await browser.open(callback)).status).toBe(403);
    const [first, second] = [await rig().goToProvider(), await rig().goToProvider()];
    const stolen = rig().provider.signIn(first.location, account).searchParams.get('code') ?? '';
    const mixed = rig().provider.signIn(second.location, { sub: 'eve' });
    mixed.searchParams.set('code', stolen);
    const page = await second.browser.open(mixed);
    expect([page.status, page.values('as')]).toEqual([403, []]);
  });

  test('is worth nothing after ten minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account } = await newAccount();
    const { browser, location } = await rig().goToProvider();
    const callback = rig().provider.signIn(location, account);
    vi.setSystemTime(Date.now() + 600_000);
    expect((await browser.open(callback)).status).toBe(400);
  });

  test('must be whole: a state that is changed, of another purpose or sent twice is refused', async () => {
    const { browser, client, page, location } = await rig().goToProvider();
    const callback = rig().provider.signIn(location, ANN);
    const state = callback.searchParams.get('state') ?? '';
    const states = [
      '',
      `${state}x`,
      page.values('request')[0] ?? '',
      client.id,
      state.replace('bhu_', 'bhq_'),
    ];
    for (const text of states) {
      const url = new URL(callback);
      url.searchParams.set('state', text);
      expect((await browser.open(url)).status).toBe(400);
    }
    const twice = new URL(callback);
    twice.searchParams.append('code', 'another');
    expect((await browser.open(twice)).status).toBe(400);
    // The sealed state is no request of a form either.
    const form = await browser.submit([
      ['request', state],
      ['action', 'other_key'],
    ]);
    expect(form.status).toBe(400);
    const link = new URL('/oauth/sign-in', ORIGIN);
    for (const request of ['', state, client.id, 'x'.repeat(20_000)]) {
      link.searchParams.set('request', request);
      expect((await browser.open(link)).status).toBe(400);
    }
  });

  test('may be an error, which is not shown', async () => {
    const { browser, location } = await rig().goToProvider();
    const callback = new URL('/oauth/callback', ORIGIN);
    callback.searchParams.set('state', new URL(location).searchParams.get('state') ?? '');
    callback.searchParams.set('error', 'access_denied');
    callback.searchParams.set('error_description', 'call 555-1234 <b>now</b>');
    const page = await browser.open(callback);
    expect(page.status).toBe(403);
    expect(page.text).toContain('Example ID did not sign you in');
    expect(page.html).not.toContain('555-1234');
  });

  test.each([
    ['of another issuer', {}, 'https://evil.example', 403],
    [
      'of none, though the provider always names itself',
      { authorization_response_iss_parameter_supported: true },
      undefined,
      403,
    ],
    ['of its own', { authorization_response_iss_parameter_supported: true }, ISSUER, 200],
  ])('names an issuer: %s', async (_name, metadata, iss, status) => {
    rig().provider.metadata = metadata;
    const { account } = await newAccount();
    const { browser, location } = await rig().goToProvider();
    const callback = rig().provider.signIn(location, account);
    if (iss !== undefined) callback.searchParams.set('iss', iss);
    expect((await browser.open(callback)).status).toBe(status);
  });
});

test('a sealed state is worth nothing where another credential is taken', async () => {
  const { account, key } = await newAccount();
  const { browser, client, page, location, back } = await rig().signInAs(account);
  const done = await browser.allow(back);
  const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
  const state = new URL(location).searchParams.get('state') ?? '';
  expect((await postMcp(state, callTool('tenant_limits'))).status).toBe(401);
  expect((await client.redeem(state)).status).toBe(400);
  expect((await client.refresh(state)).status).toBe(400);
  expect((await client.refresh(tokens.refresh_token, { client_id: state })).status).toBe(401);
  expect((await browser.open(client.authorizeUrl({ client_id: state }))).status).toBe(400);
  expect((await browser.signIn(page, state)).status).toBe(403);
  const other = new Browser(ORIGIN, rig().here);
  other.cookies.set('__Host-bulkhead-session', state);
  expect((await other.open(client.authorizeUrl())).values('as')).toEqual([]);
  // Nor is any other text a state, in the browser of which each of them is.
  const session = browser.cookies.get('__Host-bulkhead-session') ?? '';
  for (const text of [key, session, client.id, tokens.access_token, tokens.refresh_token]) {
    const url = new URL('/oauth/callback', ORIGIN);
    url.search = new URLSearchParams({ code: 'any', state: text }).toString();
    expect((await browser.open(url)).status).toBe(400);
  }
});

test('the pages of this way have the headers of all pages', async () => {
  const { browser, callback, back } = await rig().signInAs((await newAccount()).account);
  for (const page of [back, await browser.open(callback), await browser.open(`${ORIGIN}/oauth/callback`)]) {
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self'");
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.html).not.toMatch(/<script|<img/);
  }
});

test('no code, state, nonce, verifier, token, secret or address is logged', async () => {
  const { account } = await newAccount();
  const { browser, location, callback, back } = await rig().signInAs(account);
  await browser.allow(back);
  await browser.open(callback);
  await rig().signInAs({ ...account, email: 'eve@example.com' });
  const lines = rig().logged.join('\n');
  expect(lines).toContain('oauth.signed_in');
  expect(lines).toContain('unknown_identity');
  const asked = new URL(location).searchParams;
  const [token] = rig().provider.requests.filter(({ endpoint }) => endpoint === 'token');
  for (const secret of [
    callback.searchParams.get('code'),
    asked.get('state'),
    asked.get('nonce'),
    token?.body.get('code_verifier'),
    CLIENT_SECRET,
    'upstream-access-token',
    account.email,
    'eve@example.com',
  ])
    expect(lines).not.toContain(secret);
});
