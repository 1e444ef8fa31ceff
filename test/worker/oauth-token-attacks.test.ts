import { describe, expect, test, vi } from 'vitest';
import { REFRESH_GRACE_MS } from '../../src/tenant/members/grants.ts';
import { forge } from '../support/forge.ts';
import { HttpTenant, jsonOf, listTools, operate, postMcp, send } from '../support/http.ts';
import { Browser, type HandClient, type ShownPage, tokensOf } from '../support/oauth-person.ts';
import { fetchHere, newBrowser, newClient, newMember, ORIGIN } from '../support/oauth-worker.ts';
import { TEST_SECRETS } from '../support/secrets.ts';

/** Attacks with codes, tokens and other signed texts, and the end of grants. */

const errorOf = async (response: Response) => [response.status, (await jsonOf(response)).error];

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
