import { env } from 'cloudflare:workers';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { FRESH_MS, MAX_ANSWER_BYTES } from '../../src/edge/oauth/provider.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  FakeProvider,
  ISSUER,
  newSigner,
  OIDC_SETTINGS,
  type Signer,
} from '../support/fake-openid.ts';
import { callTool, newTenantId, operate, postMcp } from '../support/http.ts';
import { Browser, type Fetch, HandClient, type ShownPage, tokensOf } from '../support/oauth-person.ts';
import { addMember, ORIGIN } from '../support/oauth-worker.ts';
import { ADMIN_KEY_HEADER, fetchWith, serverWith } from '../support/worker-with.ts';

/** Signing in at an OpenID provider, which is the test's own. */

let provider: FakeProvider;
let logged: string[];
/** The Worker with a provider: one environment, so that what it caches lasts as long as a test. */
let here: Fetch;
let signer: Signer;
beforeAll(async () => {
  signer = await newSigner('k1');
});
beforeEach(() => {
  provider = new FakeProvider(signer);
  vi.stubGlobal('fetch', (url: unknown, init?: RequestInit) => provider.answer(String(url), init));
  logged = [];
  for (const level of ['log', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((...line) => void logged.push(line.map(String).join(' ')));
  here = serverWith(OIDC_SETTINGS);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const ANN = { sub: 'user-1', email: 'ann@example.com', email_verified: true };

/** A tenant whose member has an account, under a name that no other test uses. */
async function newAccount(account: Record<string, unknown> = {}) {
  const email = `ann-${crypto.randomUUID()}@example.com`;
  const tenant = newTenantId();
  await operate('POST', '/tenants', { id: tenant });
  const member = await addMember(tenant, { email, ...account });
  return { ...member, email, account: { ...ANN, email } };
}

interface AtProvider {
  readonly browser: Browser;
  readonly client: HandClient;
  readonly page: ShownPage;
  /** The provider's page, at which the browser is. */
  readonly location: string;
}

async function goToProvider(fetchHere = here): Promise<AtProvider> {
  const client = await HandClient.register(ORIGIN, fetchHere);
  const browser = new Browser(ORIGIN, fetchHere);
  const page = await browser.open(client.authorizeUrl());
  const sent = await browser.open(linkOf(page));
  return { browser, client, page, location: sent.headers.get('location') ?? '' };
}

const linkOf = (page: ShownPage) =>
  new URL(page.links.find((link) => link.startsWith('/oauth/')) ?? '', ORIGIN);

/** The page that the browser comes back to after signing in under an account. */
async function signInAs(account: Record<string, unknown>) {
  const at = await goToProvider();
  const callback = provider.signIn(at.location, account);
  return { ...at, callback, back: await at.browser.open(callback) };
}

describe('the console', () => {
  const wanted = (tenant: string) => `/console/${tenant}/limits`;
  const startUrl = (to: string) => `${ORIGIN}/oauth/sign-in?${new URLSearchParams({ console: to })}`;

  test('is opened by somebody who comes back from the provider, at the page that was asked for', async () => {
    const { tenant, id, account } = await newAccount();
    const browser = new Browser(ORIGIN, here);
    const page = await browser.open(`${ORIGIN}${wanted(tenant)}`);
    expect([page.status, linkOf(page).href]).toEqual([401, startUrl(wanted(tenant))]);
    const sent = await browser.open(linkOf(page));
    const callback = provider.signIn(sent.headers.get('location') ?? '', account);
    // What comes back is worth nothing in another browser.
    expect((await new Browser(ORIGIN, here).open(callback)).title).toBe('This cannot go on');
    const back = await browser.open(callback);
    const chooser = `/console?${new URLSearchParams({ to: wanted(tenant) })}`;
    expect([back.status, back.headers.get('location')]).toEqual([303, chooser]);
    const choice = await browser.open(`${ORIGIN}${chooser}`);
    expect([choice.status, choice.values('as'), choice.values('to')[0]]).toEqual([
      200,
      [`${tenant}/${id}`],
      wanted(tenant),
    ]);
    const entered = await here(`${ORIGIN}/console`, {
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
    const browser = new Browser(ORIGIN, here);
    const sent = await browser.open(startUrl('/console/acme/calls'));
    const email = `ben-${crypto.randomUUID()}@example.com`;
    const back = await browser.open(
      provider.signIn(sent.headers.get('location') ?? '', { ...ANN, sub: email, email }),
    );
    expect([back.status, back.text]).toEqual([403, expect.stringContaining(`email ${email}`)]);
    expect(back.links).toEqual(['/console?to=%2Fconsole%2Facme%2Fcalls']);
  });

  test('refuses too long a path', async () => {
    expect((await new Browser(ORIGIN, here).open(startUrl(`/console/${'x'.repeat(2048)}`))).status).toBe(400);
  });
});

describe('the way', () => {
  test('leads to the provider by a link, with PKCE, a nonce and a sealed state, and back to the consent', async () => {
    const { tenant, id, account } = await newAccount();
    const { browser, client, page, location, back } = await signInAs(account);
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
    expect(provider.requests.map(({ endpoint }) => endpoint)).toEqual(['metadata', 'token', 'jwks']);
    for (const { init } of provider.requests)
      expect(init).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) });
  });

  test('shows every tenant that knows the account, by its address or its subject', async () => {
    const { account, ...first } = await newAccount();
    const second = newTenantId();
    await operate('POST', '/tenants', { id: second });
    const bySub = await here(`${ORIGIN}/admin/tenants/${second}/members`, {
      method: 'POST',
      headers: { ...ADMIN_KEY_HEADER, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Ann', sub: `sub-${account.email}` }),
    });
    const added = await bySub.json<Record<string, string>>();
    expect(added).toMatchObject({ sub: `sub-${account.email}`, email: null });
    const { back, browser, client } = await signInAs({ ...account, sub: `sub-${account.email}` });
    const both = [`${first.tenant}/${first.id}`, `${second}/${added.member_id}`];
    expect(back.values('as').sort()).toEqual(both.sort());
    expect(back.html).not.toContain('name="as" value="" checked');
    const done = await browser.allow(back, ['cache:read'], both[1]);
    const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
    expect(tokens.scope).toBe('cache:read');
  });

  test('takes an address in any case, and one that only the userinfo endpoint tells', async () => {
    const { tenant, id, email } = await newAccount();
    const upper = await signInAs({ ...ANN, email: email.toUpperCase() });
    expect(upper.back.values('as')).toEqual([`${tenant}/${id}`]);
    provider.info = { email, email_verified: true };
    const { back } = await signInAs({ sub: 'user-1' });
    expect(back.values('as')).toEqual([`${tenant}/${id}`]);
    const [asked] = provider.requests.filter(({ endpoint }) => endpoint === 'userinfo');
    expect(new Headers(asked?.init.headers).get('authorization')).toBe('Bearer upstream-access-token');
  });

  test('puts the secret into the body for a provider that takes it nowhere else', async () => {
    provider.metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
    const { account } = await newAccount();
    expect((await signInAs(account)).back.values('as')).toHaveLength(1);
    const [asked] = provider.requests.filter(({ endpoint }) => endpoint === 'token');
    expect(asked?.body.get('client_secret')).toBe(CLIENT_SECRET);
    expect(new Headers(asked?.init.headers).has('authorization')).toBe(false);
  });

  test('asks for an account again when the person wants another one', async () => {
    const { account } = await newAccount();
    const { browser, back } = await signInAs(account);
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
    expect((await here(`${ORIGIN}/oauth/callback`, { method: 'POST' })).status).toBe(405);
  });
});

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
      provider.info = { sub: account.sub };
      const { back, browser, client } = await signInAs(account);
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
    const { back } = await signInAs({ ...account, ...claims });
    expect([back.status, back.values('as')]).toEqual([403, []]);
    expect(back.text).toContain('sub user-1');
    expect(back.text).not.toContain(account.email);
  });

  test('a name with markup is text', async () => {
    const { back } = await signInAs({ sub: '"><script>alert(1)</script>', email_verified: false });
    expect(back.html).not.toContain('<script');
    expect(back.text).toContain('sub "><script>');
  });
});

describe('what a browser brings back', () => {
  test('is worth nothing in another browser, signed in or not, and nobody is asked about it', async () => {
    const { account } = await newAccount();
    const { location } = await goToProvider();
    const callback = provider.signIn(location, account);
    const [stranger, other] = [new Browser(ORIGIN, here), await goToProvider()];
    const before = provider.requests.length;
    for (const browser of [stranger, other.browser]) {
      const page = await browser.open(callback);
      expect([page.status, page.values('as')]).toEqual([400, []]);
    }
    expect(provider.requests.length).toBe(before);
  });

  test('is worth nothing twice, or with the code of another sign-in', async () => {
    const { account } = await newAccount();
    const { browser, callback } = await signInAs(account);
    expect((await browser.open(callback)).status).toBe(403);
    const [first, second] = [await goToProvider(), await goToProvider()];
    const stolen = provider.signIn(first.location, account).searchParams.get('code') ?? '';
    const mixed = provider.signIn(second.location, { sub: 'eve' });
    mixed.searchParams.set('code', stolen);
    const page = await second.browser.open(mixed);
    expect([page.status, page.values('as')]).toEqual([403, []]);
  });

  test('is worth nothing after ten minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account } = await newAccount();
    const { browser, location } = await goToProvider();
    const callback = provider.signIn(location, account);
    vi.setSystemTime(Date.now() + 600_000);
    expect((await browser.open(callback)).status).toBe(400);
  });

  test('must be whole: a state that is changed, of another purpose or sent twice is refused', async () => {
    const { browser, client, page, location } = await goToProvider();
    const callback = provider.signIn(location, ANN);
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
    const { browser, location } = await goToProvider();
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
    provider.metadata = metadata;
    const { account } = await newAccount();
    const { browser, location } = await goToProvider();
    const callback = provider.signIn(location, account);
    if (iss !== undefined) callback.searchParams.set('iss', iss);
    expect((await browser.open(callback)).status).toBe(status);
  });
});

describe('an ID token', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const changes: readonly (readonly [string, (claims: JWTPayload) => JWTPayload, number])[] = [
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' }), 403],
    ['of the issuer with a slash', (claims) => ({ ...claims, iss: `${ISSUER}/` }), 403],
    ['for somebody else', (claims) => ({ ...claims, aud: 'another' }), 403],
    ['for several, of whom none is named', (claims) => ({ ...claims, aud: [CLIENT_ID, 'another'] }), 403],
    ['for several, issued to another', (claims) => ({ ...claims, aud: [CLIENT_ID, 'x'], azp: 'x' }), 403],
    [
      'for several, issued to this one',
      (claims) => ({ ...claims, aud: [CLIENT_ID, 'x'], azp: CLIENT_ID }),
      200,
    ],
    ['issued to another', (claims) => ({ ...claims, azp: 'another' }), 403],
    ['with another nonce', (claims) => ({ ...claims, nonce: 'n'.repeat(43) }), 403],
    ['without a nonce', ({ nonce: _, ...claims }) => claims, 403],
    ['that has expired', (claims) => ({ ...claims, exp: now() - 60 }), 403],
    ['that never expires', ({ exp: _, ...claims }) => claims, 403],
    ['that is not valid yet', (claims) => ({ ...claims, nbf: now() + 300 }), 403],
    ['without a subject', ({ sub: _, ...claims }) => claims, 403],
    ['with a long subject', (claims) => ({ ...claims, sub: 's'.repeat(256) }), 403],
    ['of more than 16 KiB', (claims) => ({ ...claims, padding: 'x'.repeat(20_000) }), 403],
  ];
  test.each(changes)('%s', async (_name, change, status) => {
    const { account } = await newAccount();
    provider.change = change;
    const { back } = await signInAs(account);
    expect([back.status, back.values('as').length]).toEqual([status, status === 200 ? 1 : 0]);
  });

  const secret = new TextEncoder().encode(CLIENT_SECRET.padEnd(32, '0'));
  const signings: readonly (readonly [string, (claims: JWTPayload) => Promise<string>])[] = [
    ['by nobody (alg none)', async (claims) => new UnsecuredJWT(claims).encode()],
    [
      'by the secret that is shared',
      (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    ],
    ['by a key that is not published', async (claims) => provider.signedBy(await newSigner('k1'), claims)],
    [
      'under a name that is not published',
      async (claims) => provider.signedBy(await newSigner('k9'), claims),
    ],
    [
      'with a key of its own',
      async (claims) => {
        const own = await newSigner('k1');
        const header = { alg: 'ES256', kid: 'k1', jwk: own.publicJwk as never };
        return new SignJWT(claims).setProtectedHeader(header).sign(own.privateKey);
      },
    ],
    [
      'and then changed',
      async (claims) => {
        const [header, , tag] = (await provider.signedBy(signer, claims)).split('.');
        return [header, btoa(JSON.stringify({ ...claims, sub: 'eve' })).replace(/=+$/, ''), tag].join('.');
      },
    ],
  ];
  test.each(signings)('signed %s', async (_name, sign) => {
    const { account } = await newAccount();
    provider.sign = sign;
    const { back } = await signInAs(account);
    expect([back.status, back.values('as')]).toEqual([403, []]);
    expect(logged.join()).toContain('id_token');
  });

  test('is taken by a new key at once, and keys are fetched no more often than that', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account } = await newAccount();
    await signInAs(account);
    await signInAs(account);
    const fetches = () => provider.requests.filter(({ endpoint }) => endpoint === 'jwks').length;
    expect(fetches()).toBe(1);
    provider.signer = await newSigner('k2');
    vi.setSystemTime(Date.now() + 31_000);
    expect((await signInAs(account)).back.status).toBe(200);
    expect(fetches()).toBe(2);
    provider.signer = await newSigner('k3');
    expect((await signInAs(account)).back.status).toBe(403);
    expect(fetches()).toBe(2);
    vi.setSystemTime(Date.now() + FRESH_MS);
    expect((await signInAs(account)).back.status).toBe(200);
  });
});

describe('a provider that misbehaves', () => {
  const MARK = 'upstream-mark';
  const answers: readonly (readonly [string, () => Response | Promise<Response>])[] = [
    ['is down', () => Promise.reject(new TypeError(`connect ${MARK}`))],
    ['is late', () => Promise.reject(new DOMException(MARK, 'TimeoutError'))],
    ['fails', () => new Response(MARK, { status: 500 })],
    ['refuses', () => new Response(`{"error":"${MARK}"}`, { status: 400 })],
    [
      'sends on',
      () => new Response(null, { status: 302, headers: { location: `https://${MARK}.example/` } }),
    ],
    [
      'sends a page',
      () => new Response(`<html>${MARK}</html>`, { headers: { 'content-type': 'text/html' } }),
    ],
    ['sends half of it', () => new Response(`{"issuer":"${MARK}`)],
    ['sends too much', () => new Response(JSON.stringify({ padding: MARK.repeat(MAX_ANSWER_BYTES / 10) }))],
    ['sends what is no text', () => new Response(new Uint8Array([0x22, 0xff, 0x22]))],
    ['sends nothing', () => new Response('')],
    ['sends null', () => Response.json(null)],
    ['sends a list', () => Response.json([MARK])],
    ['sends numbers', () => Response.json({ issuer: 1, token_endpoint: 2, id_token: 3, keys: 4, sub: 5 })],
    ['sends keys that are none', () => Response.json({ keys: [{ kty: MARK }, null], id_token: MARK })],
  ];
  const ENDPOINTS = ['metadata', 'token', 'jwks', 'userinfo'] as const;
  test.each(answers)(
    '%s, at any endpoint: nobody is signed in, nothing of it is shown or logged',
    async (_name, answer) => {
      const { key } = await newAccount();
      for (const endpoint of ENDPOINTS) {
        here = serverWith(OIDC_SETTINGS);
        provider.instead[endpoint] = answer;
        const client = await HandClient.register(ORIGIN, here);
        const browser = new Browser(ORIGIN, here);
        const asked = await browser.open(client.authorizeUrl());
        const sent = await browser.open(linkOf(asked));
        const location = sent.headers.get('location');
        expect(sent.status).toBe(endpoint === 'metadata' ? 503 : 302);
        const page =
          location === null ? sent : await browser.open(provider.signIn(location, { sub: 'user-1' }));
        expect([endpoint, page.values('as')]).toEqual([endpoint, []]);
        expect([403, 503]).toContain(page.status);
        expect(page.html).not.toContain(MARK);
        // The key still opens the door.
        expect((await browser.signIn(page, key)).values('as')).toHaveLength(1);
        delete provider.instead[endpoint];
      }
      expect(logged.join()).toMatch(/provider_|id_token/);
      expect(logged.join()).not.toContain(MARK);
    },
  );

  test.each([
    { issuer: 'https://evil.example' },
    { issuer: `${ISSUER}/` },
    { authorization_endpoint: 'javascript:alert(1)' },
    { authorization_endpoint: 'http://id.example/authorize' },
    { token_endpoint: 'http://127.0.0.1/token' },
    { token_endpoint: 'https://user:password@id.example/token' },
    { jwks_uri: 'file:///etc/passwd' },
    { jwks_uri: null },
    { userinfo_endpoint: 'ftp://id.example' },
    { token_endpoint_auth_methods_supported: 'client_secret_post' },
    { authorization_response_iss_parameter_supported: 'yes' },
  ])('whose metadata has %j is not used', async (metadata) => {
    provider.metadata = metadata;
    const { page, location, browser } = await goToProvider();
    expect(location).toBe('');
    expect((await browser.open(linkOf(page))).status).toBe(503);
    expect(logged.join()).toContain('provider_metadata');
  });

  test('is asked again when it is back', async () => {
    provider.instead.metadata = () => new Response(null, { status: 500 });
    expect((await goToProvider()).location).toBe('');
    delete provider.instead.metadata;
    expect((await goToProvider()).location).toContain(ISSUER);
  });

  test('tells of another person at the userinfo endpoint: nobody is signed in', async () => {
    const { email } = await newAccount();
    provider.info = { sub: 'somebody-else', email, email_verified: true };
    const { back } = await signInAs({ sub: 'user-1' });
    expect([back.status, back.values('as')]).toEqual([403, []]);
  });
});

describe('what the operator does holds for the next sign-in', () => {
  test('a suspended tenant lets nobody in, until it is resumed', async () => {
    const { tenant, account } = await newAccount();
    await operate('POST', `/tenants/${tenant}/suspend`);
    const { back } = await signInAs(account);
    expect([back.status, back.values('as')]).toEqual([403, []]);
    expect(back.text).toContain('suspended');
    await operate('POST', `/tenants/${tenant}/resume`);
    expect((await signInAs(account)).back.values('as')).toHaveLength(1);
  });

  test('a removed member is a stranger, in an open browser too, and what was allowed ends', async () => {
    const { tenant, id, account } = await newAccount();
    const { browser, client, back } = await signInAs(account);
    const done = await browser.allow(back);
    const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
    await operate('DELETE', `/tenants/${tenant}/members/${id}`);
    expect((await postMcp(tokens.access_token, callTool('tenant_limits'))).status).toBe(401);
    expect((await browser.allow(back)).status).toBe(403);
    const again = await signInAs(account);
    expect([again.back.status, again.back.values('as')]).toEqual([403, []]);
    // Added anew, under the same address.
    await addMember(tenant, { email: account.email });
    expect((await signInAs(account)).back.values('as')).toHaveLength(1);
  });

  test('a membership that has ended is none', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account } = await newAccount({ ttl_s: 60 });
    expect((await signInAs(account)).back.values('as')).toHaveLength(1);
    vi.setSystemTime(Date.now() + 60_000);
    expect((await signInAs(account)).back.status).toBe(403);
  });

  test('an erased tenant knows nobody, nor does one that is made again under its name', async () => {
    const { tenant, account } = await newAccount();
    await operate('DELETE', `/tenants/${tenant}`);
    expect((await signInAs(account)).back.status).toBe(403);
    await operate('POST', '/tenants', { id: tenant });
    expect((await signInAs(account)).back.status).toBe(403);
  });

  test('a list of tenants that was lost knows the accounts again when the tenant has reported itself', async () => {
    const { tenant, account } = await newAccount();
    await env.REGISTRY.getByName('registry').reset();
    expect((await signInAs(account)).back.status).toBe(403);
    await operate('GET', `/tenants/${tenant}`);
    expect((await signInAs(account)).back.values('as')).toHaveLength(1);
  });

  test('a list that does not answer is said to be out of reach, and is no refusal', async () => {
    const broken = { getByName: () => ({ tenantsOfIdentity: () => Promise.reject(new Error('gone')) }) };
    here = serverWith({ ...OIDC_SETTINGS, REGISTRY: broken });
    expect((await signInAs(ANN)).back.status).toBe(503);
  });
});

describe('a member is added with an account', () => {
  const add = async (tenant: string, body: Record<string, unknown>, fetchHere = here) => {
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
    const { back } = await signInAs({ sub: 'shared-1', email_verified: false });
    expect([back.status, back.values('as')]).toEqual([403, []]);
  });
});

test('a sealed state is worth nothing where another credential is taken', async () => {
  const { account, key } = await newAccount();
  const { browser, client, page, location, back } = await signInAs(account);
  const done = await browser.allow(back);
  const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
  const state = new URL(location).searchParams.get('state') ?? '';
  expect((await postMcp(state, callTool('tenant_limits'))).status).toBe(401);
  expect((await client.redeem(state)).status).toBe(400);
  expect((await client.refresh(state)).status).toBe(400);
  expect((await client.refresh(tokens.refresh_token, { client_id: state })).status).toBe(401);
  expect((await browser.open(client.authorizeUrl({ client_id: state }))).status).toBe(400);
  expect((await browser.signIn(page, state)).status).toBe(403);
  const other = new Browser(ORIGIN, here);
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
  const { browser, callback, back } = await signInAs((await newAccount()).account);
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
  const { browser, location, callback, back } = await signInAs(account);
  await browser.allow(back);
  await browser.open(callback);
  await signInAs({ ...account, email: 'eve@example.com' });
  const lines = logged.join('\n');
  expect(lines).toContain('oauth.signed_in');
  expect(lines).toContain('unknown_identity');
  const asked = new URL(location).searchParams;
  const [token] = provider.requests.filter(({ endpoint }) => endpoint === 'token');
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
