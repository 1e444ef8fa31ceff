import { describe, expect, test, vi } from 'vitest';
import { REFRESH_GRACE_MS } from '../../src/tenant/members/grants.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { forge } from '../support/forge.ts';
import { HttpTenant, jsonOf, listTools, newAddress, operate, postMcp, send } from '../support/http.ts';
import { Browser, type HandClient, ShownPage, tokensOf } from '../support/oauth-person.ts';
import { addMember, fetchHere, newBrowser, newClient, newMember, ORIGIN } from '../support/oauth-worker.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { fetchWith } from '../support/worker-with.ts';

const errorOf = async (response: Response) => [response.status, (await jsonOf(response)).error];

describe('no error sends the browser anywhere', () => {
  const REQUESTS: readonly (readonly [string, Record<string, string | undefined>, isTold: boolean])[] = [
    ['an unknown client', { client_id: 'nobody' }, false],
    ['no client', { client_id: undefined }, false],
    ['another redirect URI', { redirect_uri: 'https://evil.example/' }, false],
    ['a redirect URI that only begins right', { redirect_uri: 'https://client.example/callback/x' }, false],
    [
      'a redirect URI of another host that looks alike',
      { redirect_uri: 'https://client.example@evil.example/callback' },
      false,
    ],
    [
      'a redirect URI with a backslash',
      { redirect_uri: 'https://client.example\\@evil.example/callback' },
      false,
    ],
    ['a redirect URI with a fragment', { redirect_uri: 'https://client.example/callback#x' }, false],
    ['a script for a redirect URI', { redirect_uri: 'javascript:alert(1)//client.example/callback' }, false],
    ['a state that is too long', { state: 'x'.repeat(2049) }, false],
    ['another response type', { response_type: 'token' }, true],
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, true],
    ['plain PKCE', { code_challenge_method: 'plain' }, true],
    ['a challenge that is none', { code_challenge: 'short' }, true],
    ['another resource', { resource: 'https://evil.example/mcp' }, true],
    ['unknown scopes alone', { scope: 'admin everything' }, true],
    ['the answer in a fragment', { response_mode: 'fragment' }, true],
  ];

  test.each(REQUESTS)('%s', async (_name, parameters, isTold) => {
    const client = await newClient();
    const page = await newBrowser().open(client.authorizeUrl(parameters));
    expect([page.status, page.goesTo]).toEqual([400, undefined]);
    expect(page.headers.get('location')).toBeNull();
    expect(page.links.length).toBe(isTold ? 1 : 0);
    if (!isTold) return;
    const back = new URL(page.links[0] ?? '');
    expect(`${back.origin}${back.pathname}`).toBe(client.redirectUri);
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ state: client.state, iss: ORIGIN });
    expect(back.searchParams.get('error')).toMatch(/^(invalid|unsupported)_/);
  });

  test('a parameter that is sent twice', async () => {
    const client = await newClient();
    const url = client.authorizeUrl();
    url.searchParams.append('redirect_uri', 'https://evil.example/');
    const page = await newBrowser().open(url);
    expect([page.status, page.links, page.goesTo]).toEqual([400, [], undefined]);
    const token = await send('/token', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `client_id=${client.id}&grant_type=refresh_token&grant_type=authorization_code`,
    });
    expect(await errorOf(token)).toEqual([400, 'invalid_request']);
  });
});

describe('redirect URIs of a registration', () => {
  test.each([
    [['https://a.example/cb'], ['https://a.example/cb']],
    [['http://a.example/cb', 'https://a.example/cb'], ['https://a.example/cb']],
    [
      ['http://localhost:1234/cb', 'http://127.0.0.1/cb', 'http://[::1]:9/cb'],
      ['http://localhost:1234/cb', 'http://127.0.0.1/cb', 'http://[::1]:9/cb'],
    ],
    [
      [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'cursor://anysphere.cursor-mcp/other',
        'https://a.example/',
      ],
      ['cursor://anysphere.cursor-mcp/oauth/callback', 'https://a.example/'],
    ],
    [['https://a.example/cb', 'https://a.example/cb'], ['https://a.example/cb']],
  ])('%j: %j are kept', async (sent, kept) => {
    const response = await fetchHere(`${ORIGIN}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: sent }),
    });
    expect(await jsonOf(response)).toMatchObject({
      redirect_uris: kept,
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: expect.any(String),
    });
  });

  test.each([
    ['http://evil.example/cb'],
    ['javascript:alert(1)'],
    ['data:text/html,x'],
    ['https://u:p@a.example/cb'],
    ['https://a.example/cb#x'],
    ['https://a.example/\u202Ecb'],
    ['//a.example/cb'],
    ['https:a.example/cb'],
    [`https://a.example/${'x'.repeat(512)}`],
    ['http://localhost.evil.example/cb'],
    ['http://127.0.0.1.evil.example/cb'],
  ])('%s is none', async (uri) => {
    const response = await fetchHere(`${ORIGIN}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [uri] }),
    });
    expect(await errorOf(response)).toEqual([400, 'invalid_redirect_uri']);
  });

  test('on this machine any port is the registered one, but no other host, path or scheme', async () => {
    const client = await newClient({ redirect_uris: ['http://localhost:7000/cb?x=1'] });
    const statusOf = async (redirect_uri: string) =>
      (await newBrowser().open(client.authorizeUrl({ redirect_uri }))).status;
    expect(await statusOf('http://localhost:9999/cb?x=1')).toBe(200);
    for (const uri of [
      'http://127.0.0.1:7000/cb?x=1',
      'http://localhost:7000/other?x=1',
      'http://localhost:7000/cb',
      'https://localhost:7000/cb?x=1',
      'http://evil@localhost:7000/cb?x=1',
    ])
      expect([uri, await statusOf(uri)]).toEqual([uri, 400]);
  });

  test('two equal registrations in one moment are two clients with two secrets', async () => {
    const metadata = { token_endpoint_auth_method: 'client_secret_post' };
    const [one, two] = await Promise.all([newClient(metadata), newClient(metadata)]);
    expect(one.id).not.toBe(two.id);
    expect(one.secret).not.toBe(two.secret);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ redirect_uris: Array(17).fill('https://a.example/') }, 'invalid_redirect_uri'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri'],
    [{ redirect_uris: 'https://a.example/' }, 'invalid_redirect_uri'],
    [
      { redirect_uris: ['https://a.example/'], token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
    ],
    [{ redirect_uris: ['https://a.example/'], client_name: 5 }, 'invalid_client_metadata'],
    [
      { redirect_uris: Array.from({ length: 16 }, (_, at) => `https://a.example/${at}${'x'.repeat(400)}`) },
      'invalid_client_metadata',
    ],
    [{ redirect_uris: ['https://a.example/'], client_name: 'x'.repeat(20_000) }, 'invalid_client_metadata'],
  ])('%j is refused', async (metadata, error) => {
    const response = await fetchHere(`${ORIGIN}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(metadata),
    });
    expect((await jsonOf(response)).error).toBe(error);
    expect(response.status).toBeGreaterThanOrEqual(400);
  });
});

describe('a page', () => {
  const HEADERS = {
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
  };

  test('of every kind is never framed, runs nothing, and is kept nowhere', async () => {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const signIn = await browser.open(client.authorizeUrl());
    const consent = await browser.signIn(signIn, member.key);
    const pages = [
      signIn,
      consent,
      await browser.allow(consent),
      await browser.press(consent, 'deny'),
      await browser.press(consent, 'other_key'),
      await browser.signIn(signIn, 'wrong'),
      await browser.press(consent, 'unknown'),
      await browser.open(client.authorizeUrl({ client_id: 'nobody' })),
    ];
    for (const page of pages) {
      expect(Object.fromEntries(page.headers)).toMatchObject(HEADERS);
      const policy = page.headers.get('content-security-policy') ?? '';
      for (const part of [
        "default-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ])
        expect(policy).toContain(part);
      expect(page.html).not.toMatch(/<script|<img|javascript:|\son\w+=/i);
      expect(page.headers.get('access-control-allow-origin')).toBeNull();
      expect(page.html).not.toContain(member.key);
    }
    // What the client has sent is sealed, until it is given back.
    for (const page of [signIn, consent]) expect(page.html).not.toContain(client.state);
  });

  test('shows a name as text, without what would change how the page reads', async () => {
    const name = `</bdi><script>alert(1)</script>\u202Eevil\u0000\u200B\n${'x'.repeat(100)}`;
    const client = await newClient({ client_name: name });
    const page = await newBrowser().open(client.authorizeUrl());
    expect(page.html).not.toContain('<script');
    expect(page.html).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]/u);
    const [, shown = ''] = /<bdi>([^<]*)<\/bdi>/.exec(page.html) ?? [];
    expect(shown.length).toBeLessThan(200);
    // The host that can be checked comes first.
    expect(page.text.indexOf('client.example')).toBeLessThan(page.text.indexOf('alert(1)'));
  });

  test('keeps its cookies to this host, from scripts, and on TLS', async () => {
    const member = await newMember();
    const client = await newClient();
    const response = await fetchHere(String(client.authorizeUrl()));
    const cookies = response.headers.getSetCookie();
    const page = await ShownPage.of(response);
    const browser = newBrowser();
    const asked = await browser.open(client.authorizeUrl());
    const signedIn = await browser.signIn(asked, member.key);
    for (const cookie of [...cookies, ...signedIn.headers.getSetCookie()])
      expect(cookie).toMatch(
        /^__Host-bulkhead-\w+=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
    expect(page.status).toBe(200);
  });
});

describe('a form', () => {
  async function atConsent() {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const consent = await browser.signIn(await browser.open(client.authorizeUrl()), member.key);
    const fields = [
      ['request', consent.values('request')[0] ?? ''],
      ['action', 'allow'],
      ['as', `${member.tenant}/${member.id}`],
      ['scope', 'cache:read'],
    ] as const;
    return { member, client, browser, consent, fields };
  }

  test.each<[string, Record<string, string | undefined>]>([
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['that says it is of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of a sister site', { origin: 'https://other.mcp.test', 'sec-fetch-site': 'same-site' }],
    ['of a sandbox', { origin: 'null' }],
    ['without an origin', { origin: undefined }],
  ])('%s grants nothing', async (_name, headers) => {
    const { browser, fields } = await atConsent();
    const page = await browser.submit(fields, headers);
    expect([page.status, page.goesTo]).toEqual([400, undefined]);
  });

  test('made for one browser grants nothing in another, whoever is signed in there', async () => {
    const attacker = await atConsent();
    const victim = await atConsent();
    const page = await victim.browser.submit([['request', attacker.fields[0][1]], ...victim.fields.slice(1)]);
    expect([page.status, page.goesTo]).toEqual([400, undefined]);
    // Nor does a key that an attacker puts into a victim's browser sign the victim in.
    const forced = await victim.browser.submit([
      ['request', attacker.fields[0][1]],
      ['action', 'sign_in'],
      ['key', attacker.member.key],
    ]);
    expect(forced.status).toBe(400);
    expect(forced.headers.getSetCookie()).toEqual([]);
  });

  test('that is too old grants nothing', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { browser, fields } = await atConsent();
    vi.setSystemTime(Date.now() + 600_000);
    expect((await browser.submit(fields)).text).toContain('too old');
  });

  test('cannot name a tenant or a member that the browser has not signed in as', async () => {
    const { browser, fields, member } = await atConsent();
    const other = await newMember();
    const colleague = await addMember(member.tenant);
    for (const as of [
      `${other.tenant}/${other.id}`,
      `${member.tenant}/${other.id}`,
      `${member.tenant}/${colleague.id}`,
      `../${other.tenant}/${other.id}`,
      member.tenant,
      '',
    ]) {
      const page = await browser.submit(fields.map(([name, value]) => [name, name === 'as' ? as : value]));
      expect([as, page.goesTo]).toEqual([as, undefined]);
      expect(page.text).toContain('not signed in any more');
    }
  });

  test('cannot add what was not asked for, and must tick something', async () => {
    const { browser, fields } = await atConsent();
    const page = await browser.submit(fields.filter(([name]) => name !== 'scope'));
    expect([page.status, page.goesTo]).toEqual([400, undefined]);
    expect(page.text).toContain('Tick at least one thing');
  });

  test('without a session, or with one that was changed, grants nothing', async () => {
    const { browser, fields } = await atConsent();
    const session = browser.cookies.get('__Host-bulkhead-session') ?? '';
    for (const value of ['', `${session}x`, session.slice(0, -1), session.replace('bhs_', 'bhq_')]) {
      browser.cookies.set('__Host-bulkhead-session', value);
      expect((await browser.submit(fields)).goesTo).toBeUndefined();
    }
  });

  test('of a method or size that is not served is refused', async () => {
    const { browser, fields } = await atConsent();
    const page = await browser.submit([...fields, ['key', 'x'.repeat(20_000)]]);
    expect(page.status).toBe(400);
    expect((await send('/authorize', { method: 'PUT' })).status).toBe(405);
    expect((await send('/token')).status).toBe(405);
  });
});

describe('a signed text is worth nothing anywhere but in its place', () => {
  interface Texts {
    readonly client: HandClient;
    readonly browser: Browser;
    readonly page: ShownPage;
    readonly by: Readonly<Record<string, string>>;
  }
  async function texts(): Promise<Texts> {
    const member = await newMember();
    const client = await newClient({ token_endpoint_auth_method: 'client_secret_post' });
    const browser = newBrowser();
    const tokens = await client.tokens(browser, member.key);
    const code = await client.code(browser, member.key);
    const page = await browser.open(client.authorizeUrl());
    const staticToken = (await HttpTenant.issue(member.tenant)).token;
    return {
      client,
      browser,
      page,
      by: {
        client_id: client.id,
        client_secret: client.secret ?? '',
        request: page.values('request')[0] ?? '',
        session: browser.cookies.get('__Host-bulkhead-session') ?? '',
        browser: browser.cookies.get('__Host-bulkhead-browser') ?? '',
        sign_in_key: member.key,
        code,
        refresh_token: tokens.refresh_token,
        access_token: tokens.access_token,
        static_token: staticToken,
        admin_key: TEST_SECRETS.ADMIN_KEY,
      },
    };
  }

  /** Each place where a credential is taken: whether it takes this one. */
  const PLACES: Readonly<
    Record<string, { own: readonly string[]; takes: (texts: Texts, text: string) => Promise<boolean> }>
  > = {
    'Authorization at /mcp': {
      own: ['access_token', 'static_token'],
      takes: async (_, text) => (await postMcp(text, listTools)).status === 200,
    },
    'Authorization at /v1': {
      own: ['access_token', 'static_token'],
      takes: async (_, text) =>
        (await send('/v1/tools', { headers: { authorization: `Bearer ${text}` } })).status === 200,
    },
    'Authorization at /admin': {
      own: ['admin_key'],
      takes: async (_, text) =>
        (await send('/admin/tenants', { headers: { authorization: `Bearer ${text}` } })).status === 200,
    },
    'code at /token': {
      own: ['code'],
      takes: async ({ client }, text) => (await client.redeem(text)).status === 200,
    },
    'refresh_token at /token': {
      own: ['refresh_token'],
      takes: async ({ client }, text) => (await client.refresh(text)).status === 200,
    },
    'client_id at /authorize': {
      own: ['client_id'],
      takes: async ({ client }, text) =>
        (await newBrowser().open(client.authorizeUrl({ client_id: text }))).status === 200,
    },
    'client_secret at /token': {
      own: ['client_secret'],
      takes: async ({ client, by }, text) =>
        (await client.refresh(by.refresh_token ?? '', { client_secret: text })).status === 200,
    },
    'key on the page': {
      own: ['sign_in_key'],
      takes: async ({ browser, page }, text) => (await browser.signIn(page, text)).values('as').length > 0,
    },
    'request of a form': {
      own: ['request'],
      takes: async ({ browser }, text) =>
        (
          await browser.submit([
            ['request', text],
            ['action', 'other_key'],
          ])
        ).status === 200,
    },
    'cookie of the session': {
      own: ['session'],
      takes: async ({ client }, text) => {
        const browser = new Browser(ORIGIN, fetchHere);
        browser.cookies.set('__Host-bulkhead-session', text);
        return (await browser.open(client.authorizeUrl())).values('as').length > 0;
      },
    },
  };

  test.each(Object.entries(PLACES))('%s', async (_name, { own, takes }) => {
    const made = await texts();
    const taken: string[] = [];
    // Its own last, because some can be used once.
    const others = Object.entries(made.by).filter(([purpose]) => !own.includes(purpose));
    const owned = Object.entries(made.by).filter(([purpose]) => own.includes(purpose));
    for (const [purpose, text] of [...others, ...owned]) if (await takes(made, text)) taken.push(purpose);
    expect(taken.sort()).toEqual([...own].sort());
  });

  test('/revoke ends nothing but a grant', async () => {
    const made = await texts();
    const { refresh_token = '', access_token = '', ...others } = made.by;
    for (const text of Object.values(others))
      expect((await made.client.post('/revoke', { token: text })).status).toBe(200);
    for (const token of [made.by.static_token, access_token])
      expect((await postMcp(token, listTools)).status).toBe(200);
    await made.client.post('/revoke', { token: refresh_token });
    expect((await postMcp(access_token, listTools)).status).toBe(401);
    expect((await postMcp(made.by.static_token, listTools)).status).toBe(200);
  });

  test('one that was changed or put together is none', async () => {
    const made = await texts();
    const other = await texts();
    const splice = (a: string, b: string) =>
      `${a.slice(0, a.lastIndexOf('.'))}${b.slice(b.lastIndexOf('.'))}`;
    const flip = (text: string, at: number) =>
      `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
    const { refresh_token: refresh = '', access_token: access = '' } = made.by;
    for (const text of [
      splice(refresh, other.by.refresh_token ?? ''),
      splice(refresh, made.by.code ?? ''),
      flip(refresh, 12),
      flip(refresh, refresh.length - 5),
      refresh.replace(/^bhr_[^.]+/, 'bhr_other'),
      `${refresh}.`,
      '',
    ])
      expect(await errorOf(await made.client.refresh(text))).toEqual([400, 'invalid_grant']);
    expect((await postMcp(splice(access, other.by.access_token ?? ''), listTools)).status).toBe(401);
    expect(await errorOf(await other.client.refresh(refresh))).toEqual([400, 'invalid_grant']);
    expect((await made.client.refresh(refresh)).status).toBe(200);
  });

  test('an access token is for this audience and its own tenant', async () => {
    const made = await texts();
    const member = await newMember();
    const { grants } = await operate('GET', `/tenants/${member.tenant}/grants`);
    expect(grants).toEqual([]);
    const claims = JSON.parse(atob((made.by.access_token ?? '').split('.')[1] ?? ''));
    expect(claims).toMatchObject({ aud: `${ORIGIN}/mcp` });
    for (const token of [
      await forge(claims.sub, claims.jti, { claims: { aud: 'https://evil.example/mcp' } }),
      // Well signed, as by a leaked key, for a tenant that has granted nothing.
      await forge(member.tenant, claims.jti),
    ])
      expect((await postMcp(token, listTools)).status).toBe(401);
  });
});

describe('refresh tokens', () => {
  test('the one before may be used again for two minutes, after that it ends the grant', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const member = await newMember();
    const client = await newClient();
    const first = await client.tokens(newBrowser(), member.key);
    const second = await tokensOf(await client.refresh(first.refresh_token));
    vi.setSystemTime(Date.now() + REFRESH_GRACE_MS - 1);
    expect((await tokensOf(await client.refresh(first.refresh_token))).refresh_token).toBe(
      second.refresh_token,
    );
    vi.setSystemTime(Date.now() + 1);
    expect(await errorOf(await client.refresh(first.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(await errorOf(await client.refresh(second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect((await postMcp(second.access_token, listTools)).status).toBe(401);
  });

  test('grants end with the membership, and access tokens not later', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const member = await newMember({ ttl_s: 600 });
    const client = await newClient();
    const tokens = await client.tokens(newBrowser(), member.key);
    expect(tokens.expires_in).toBeLessThanOrEqual(600);
    vi.setSystemTime(Date.now() + 600_000);
    expect(await errorOf(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
    expect((await postMcp(tokens.access_token, listTools)).status).toBe(401);
    const page = await newBrowser().open(client.authorizeUrl());
    expect((await newBrowser().signIn(page, member.key)).status).toBe(400);
  });
});

describe('the fence counts what goes wrong', () => {
  const from =
    (address: string) =>
    (url: string, init: RequestInit = {}) =>
      fetchHere(url, {
        ...init,
        headers: { ...Object.fromEntries(new Headers(init.headers)), 'cf-connecting-ip': address },
      });

  test('never what goes well, as when all users of a hosted client share an address', async () => {
    const address = newAddress();
    const member = await newMember();
    const client = await newClient();
    const { refresh_token } = await client.tokens(newBrowser(), member.key);
    const here = from(address);
    let token = refresh_token;
    for (let count = 0; count < 70; count++) {
      const answer = await here(`${ORIGIN}/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          client_id: client.id,
          grant_type: 'refresh_token',
          refresh_token: token,
        }).toString(),
      });
      expect(answer.status).toBe(200);
      token = (await tokensOf(answer)).refresh_token;
    }
  });

  test('and answers 429 to an address that guesses', async () => {
    const here = from(newAddress());
    const guess = () =>
      here(`${ORIGIN}/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'client_id=nobody&grant_type=refresh_token&refresh_token=x',
      });
    const statuses: number[] = [];
    for (let count = 0; count < 62; count++) statuses.push((await guess()).status);
    expect([...new Set(statuses)]).toEqual([401, 429]);
    expect((await guess()).headers.get('retry-after')).not.toBeNull();
  });
});

describe('settings', () => {
  const offer = async (bindings: Record<string, string>, redirectUri: string) => {
    const client = await newClient({ redirect_uris: [redirectUri] });
    const { pathname, search } = client.authorizeUrl();
    return (await fetchWith(bindings, `${pathname}${search}`)).status;
  };

  test.each([
    ['', 'https://a.example/cb', 200],
    ['claude.ai', 'https://a.example/cb', 400],
    ['a.example', 'https://a.example/cb', 200],
    ['a.example', 'http://localhost/cb', 400],
    ['a.example,loopback', 'http://localhost/cb', 200],
    ['dynamic', 'https://a.example/cb', 200],
    ['dynamic', 'http://localhost/cb', 400],
  ])('OAUTH_CLIENTS=%s with %s: %i', async (clients, uri, status) => {
    expect(await offer({ OAUTH_CLIENTS: clients }, uri)).toBe(status);
  });

  test('OAUTH=off serves nothing of it, and tokens of the operator work as before', async () => {
    const off = { OAUTH: 'off' };
    for (const [path, method] of [
      ['/authorize', 'GET'],
      ['/token', 'POST'],
      ['/register', 'POST'],
      ['/revoke', 'POST'],
      ['/.well-known/oauth-authorization-server', 'GET'],
    ] as const)
      expect((await fetchWith(off, path, { method })).status).toBe(404);
    const metadata = await jsonOf(await fetchWith(off, '/.well-known/oauth-protected-resource'));
    expect(metadata.authorization_servers).toBeUndefined();
    const refused = await fetchWith(off, '/mcp');
    expect(refused.headers.get('www-authenticate')).not.toContain('scope');
    const { token } = await HttpTenant.create({ scopes: [...SCOPES] });
    const listed = await fetchWith(off, '/v1/tools', { headers: { authorization: `Bearer ${token}` } });
    expect(listed.status).toBe(200);
  });
});
