import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { redactSecrets } from '../../src/telemetry/secrets.ts';
import { callTool, HttpTenant, listTools, operate, postMcp } from '../support/http.ts';
import { Browser, type Fetch, HandClient, tokensOf } from '../support/oauth-person.ts';
import { newBrowser, newClient, newMember, ORIGIN } from '../support/oauth-worker.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { serverWith } from '../support/worker-with.ts';

/** What must not come out of the sign-in, and what must not depend on how a token was issued. */

let lines: string[];
beforeEach(() => {
  lines = [];
  for (const level of ['log', 'warn', 'error', 'info', 'debug'] as const)
    vi.spyOn(console, level).mockImplementation((...line) => void lines.push(line.map(String).join(' ')));
});
afterEach(() => void vi.restoreAllMocks());

test('no key, code, state, challenge, verifier, cookie, secret or token is in a log line, a record or a page', async () => {
  const member = await newMember({ name: 'Ann' });
  const client = await newClient({ token_endpoint_auth_method: 'client_secret_post' });
  const browser = newBrowser();
  const asked = await browser.open(client.authorizeUrl());
  const wrong = await browser.signIn(asked, `${member.key}x`);
  const consent = await browser.signIn(asked, member.key);
  const done = await browser.allow(consent);
  const code = done.goesTo?.searchParams.get('code') ?? '';
  await client.redeem(code, { code_verifier: 'w'.repeat(43) });
  const tokens = await tokensOf(await client.redeem(code));
  const newer = await tokensOf(await client.refresh(tokens.refresh_token));
  await client.refresh(newer.refresh_token, { client_secret: 'wrong' });
  await postMcp(newer.access_token, callTool('tenant_limits'));
  await postMcp(newer.access_token, callTool('blackboard_write', { key: 'a' }));
  const problem = await browser.press(consent, 'unknown');
  const lost = await browser.open(client.authorizeUrl({ redirect_uri: 'https://evil.example/' }));
  await client.post('/revoke', { token: newer.refresh_token });
  await client.redeem(code);
  const secrets: Record<string, string> = {
    key: member.key,
    code,
    state: client.state,
    challenge: client.challenge,
    verifier: client.verifier,
    client_secret: client.secret ?? '',
    client_id: client.id,
    request: asked.values('request')[0] ?? '',
    session: browser.cookies.get('__Host-bulkhead-session') ?? '',
    browser: browser.cookies.get('__Host-bulkhead-browser') ?? '',
    access_token: tokens.access_token,
    refresh_token: tokens.refresh_token,
    newer_access_token: newer.access_token,
    newer_refresh_token: newer.refresh_token,
  };
  const { calls } = await operate('GET', `/tenants/${member.tenant}/calls`);
  const stored = JSON.stringify([
    calls,
    await operate('GET', `/tenants/${member.tenant}/grants`),
    await operate('GET', `/tenants/${member.tenant}/members`),
  ]);
  const logged = lines.join('\n');
  for (const event of ['oauth.signed_in', 'oauth.granted', 'oauth.issued', 'oauth.refused', 'oauth.ended'])
    expect(logged).toContain(event);
  const inPages = ['key', 'verifier', 'client_secret', 'session', 'access_token', 'refresh_token'];
  for (const [name, secret] of Object.entries(secrets)) {
    expect([name, secret.length > 10]).toEqual([name, true]);
    expect([name, logged.includes(secret)]).toEqual([name, false]);
    expect([name, stored.includes(secret)]).toEqual([name, false]);
    for (const page of [asked, wrong, consent, problem, lost])
      if (inPages.includes(name)) expect([name, page.html.includes(secret)]).toEqual([name, false]);
  }
  // A text that quotes one, such as an error that a client reports, is redacted before it is logged.
  for (const secret of [member.key, code, tokens.refresh_token, tokens.access_token, secrets.session ?? ''])
    expect(redactSecrets(`connect failed: ${secret}`).text).not.toContain(secret.slice(8));
  // Only the answer to the client has the code and the state.
  for (const page of [asked, wrong, consent, problem, lost])
    for (const secret of [code, client.state]) expect(page.html).not.toContain(secret);
});

test('a key that a page of another site sends signs nobody in', async () => {
  const mallory = await newMember();
  const client = await newClient();
  const browser = newBrowser();
  const page = await browser.open(client.authorizeUrl());
  const fields = [
    ['request', page.values('request')[0] ?? ''],
    ['action', 'sign_in'],
    ['key', mallory.key],
  ] as const;
  for (const headers of [
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'null' },
    { origin: undefined, 'sec-fetch-site': undefined },
  ])
    expect((await browser.submit(fields, headers)).status).toBe(400);
  // Nor does one with a request that was made for the other's own browser.
  const own = await newBrowser().open(client.authorizeUrl());
  expect((await browser.signIn(own, mallory.key)).status).toBe(400);
  expect((await browser.open(client.authorizeUrl())).values('as')).toEqual([]);
});

describe('a token of a grant', () => {
  test('costs a call no more steps than one of the operator', async () => {
    const member = await newMember();
    const granted = await (await newClient()).tokens(newBrowser(), member.key);
    const issued = await HttpTenant.issue(member.tenant);
    const steps: string[] = [];
    const counting = {
      getByName: (name: string) => {
        const stub = env.TENANTS.getByName(name) as unknown as Record<
          string,
          (...args: unknown[]) => unknown
        >;
        return new Proxy(
          {},
          {
            get:
              (_, method: string) =>
              (...args: unknown[]) => {
                steps.push(method);
                return stub[method]?.(...args);
              },
          },
        );
      },
    };
    const here = serverWith({ TENANTS: counting });
    const stepsOf = async (token: string, body: unknown) => {
      steps.length = 0;
      const response = await here(`${ORIGIN}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify(body),
      });
      await response.text();
      expect(response.status).toBe(200);
      return [...steps];
    };
    for (const [body, expected] of [
      [callTool('tenant_limits'), ['call']],
      [listTools, ['admit']],
    ] as const) {
      expect(await stepsOf(issued.token, body)).toEqual(expected);
      expect(await stepsOf(granted.access_token, body)).toEqual(expected);
    }
  });
});

describe('when the operator changes the signing key', () => {
  const [kid, secret] = TEST_SECRETS.TOKEN_KEYS.split(':');
  const NEXT = `next:${'bmV4dC10ZXN0LWtl'.repeat(3)}`;
  const keysOf = (...keys: string[]) => serverWith({ TOKEN_KEYS: keys.join(',') });

  test('everything is good while the old key stands beside the new one, and a refresh signs anew', async () => {
    const member = await newMember();
    const before = await newClient();
    const tokens = await before.tokens(newBrowser(), member.key);
    const both = keysOf(NEXT, `${kid}:${secret}`);
    const client = new HandClient(ORIGIN, both, { client_id: before.id }, before.redirectUri);
    expect((await listed(both, tokens.access_token)).status).toBe(200);
    const newer = await tokensOf(await client.refresh(tokens.refresh_token));
    expect(newer.refresh_token).toMatch(/^bhr_next\./);
    const browser = new Browser(ORIGIN, both);
    const page = await browser.open(client.authorizeUrl());
    expect((await browser.signIn(page, member.key)).values('as')).toHaveLength(1);

    const only = keysOf(NEXT);
    expect((await listed(only, newer.access_token)).status).toBe(200);
    expect((await listed(only, tokens.access_token)).status).toBe(401);
    // A registration is as old as its key: the client registers again, and is told so.
    const old = new HandClient(ORIGIN, only, { client_id: before.id }, before.redirectUri);
    const refused = await old.refresh(newer.refresh_token);
    expect([refused.status, (await refused.json<{ error: string }>()).error]).toEqual([
      401,
      'invalid_client',
    ]);
  });

  const listed = (here: Fetch, token: string) =>
    here(`${ORIGIN}/v1/tools`, { headers: { authorization: `Bearer ${token}` } });
});
