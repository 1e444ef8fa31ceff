import { describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/tools/tool.ts';
import { HttpTenant, jsonOf, newAddress, send } from '../support/http.ts';
import { tokensOf } from '../support/oauth-person.ts';
import { fetchHere, newBrowser, newClient, newMember, ORIGIN } from '../support/oauth-worker.ts';
import { fetchWith } from '../support/worker-with.ts';

/** Attacks on registrations and requests, the fence, and settings that would weaken them. */

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
