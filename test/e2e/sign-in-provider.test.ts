import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChromium, launchChromium } from '../support/browser/chromium.ts';
import { Visit } from '../support/browser/visit.ts';
import { Browser, HandClient, type ShownPage, tokensOf } from '../support/oauth-person.ts';
import { CLIENT_ID, CLIENT_SECRET, OpenIdServer, signInAt } from '../support/openid-provider.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

/** Signing in at a real OpenID provider. What a provider must not do is tried in `test/worker/provider-sign-in.test.ts`. */

let provider: OpenIdServer;
let server: TestServer;
let operator: Operator;
beforeAll(async () => {
  provider = await OpenIdServer.start();
  server = await startServer({
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: CLIENT_SECRET,
    OIDC_NAME: 'Example ID',
  });
  operator = new Operator(server);
});
afterAll(async () => {
  await server?.stop();
  provider?.stop();
});

/** The server under the other name of this machine, which is another site than the provider's. */
const atLocalhost = () => server.url.replace('127.0.0.1', 'localhost');

const request = async (url: string, init?: RequestInit) => fetch(url, init);

interface SignedIn {
  readonly browser: Browser;
  readonly client: HandClient;
  readonly callback: URL;
  readonly page: ShownPage;
}

async function goToProvider() {
  const client = await HandClient.register(server.url, request);
  const browser = new Browser(server.url, request);
  const asked = await browser.open(client.authorizeUrl());
  const link = asked.links.find((href) => href.startsWith('/oauth/sign-in')) ?? '';
  return { client, browser, sent: await browser.open(new URL(link, server.url)) };
}

async function signIn(account: string): Promise<SignedIn> {
  const { client, browser, sent } = await goToProvider();
  const callback = await signInAt(provider.issuer, sent.headers.get('location') ?? '', account);
  return { client, browser, callback, page: await browser.open(callback) };
}

const addMember = (tenant: string, account: Record<string, string>) =>
  operator.request('POST', `/tenants/${tenant}/members`, { name: 'Ann', ...account });

test('a provider that is not up yet is out of reach, and from then on signs in the members of several tenants', async () => {
  expect((await goToProvider()).sent.status).toBe(503);
  await provider.serve(...[server.url, atLocalhost()].map((origin) => `${origin}/oauth/callback`));
  await operator.tenant('one');
  await operator.tenant('two');
  const one = await addMember('one', { email: 'ann@example.com' });
  const two = await addMember('two', { sub: 'ann' });
  const { client, browser, page } = await signIn('ann');
  expect(page.values('as').sort()).toEqual([`one/${one.member_id}`, `two/${two.member_id}`]);
  const done = await browser.allow(page, ['cache:read'], `two/${two.member_id}`);
  const tokens = await tokensOf(await client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
  expect(tokens.scope).toBe('cache:read');
  const { grants } = await operator.request('GET', '/tenants/two/grants');
  expect(grants).toHaveLength(1);

  await operator.request('POST', '/tenants/two/suspend');
  expect((await signIn('ann')).page.values('as')).toEqual([`one/${one.member_id}`]);
  await operator.request('DELETE', `/tenants/one/members/${one.member_id}`);
  expect((await signIn('ann')).page.text).toContain('suspended');
});

test('strangers, and members whose address is not verified, are told which name to give to the operator', async () => {
  const stranger = await signIn('eve');
  expect([stranger.page.status, stranger.page.values('as')]).toEqual([403, []]);
  expect(stranger.page.text).toContain('email eve@example.com');
  await operator.tenant('three');
  await addMember('three', { email: 'unverified@example.com' });
  const unverified = await signIn('unverified');
  expect([unverified.page.status, unverified.page.values('as')]).toEqual([403, []]);
  expect(unverified.page.text).toContain('sub unverified');
});

test('an answer of the provider is good once, in the browser that asked', async () => {
  await operator.tenant('four');
  await addMember('four', { sub: 'dan' });
  const { browser, callback, page } = await signIn('dan');
  expect(page.values('as')).toHaveLength(1);
  const again = await browser.open(callback);
  expect([again.status, again.values('as')]).toEqual([403, []]);
  const { sent } = await goToProvider();
  const fresh = await signInAt(provider.issuer, sent.headers.get('location') ?? '', 'dan');
  const foreign = await new Browser(server.url, request).open(fresh);
  expect([foreign.status, foreign.values('as')]).toEqual([400, []]);
});

// `test/e2e/sign-in-pages.test.ts` says so when there is no Chromium.
const chromium = findChromium();
if (chromium !== undefined)
  test('a browser goes to the provider, which is another site, and comes back to the page of consent', async () => {
    await operator.tenant('five');
    await addMember('five', { email: 'fay@example.com' });
    const client = await HandClient.register(atLocalhost(), request);
    const browser = await launchChromium(chromium);
    const visit = await Visit.start(browser, [atLocalhost(), provider.issuer]);
    const { page } = visit;
    await page.goto(client.authorizeUrl().href);
    expect(await visit.accessibilityFaults()).toEqual([]);
    await page.getByRole('link', { name: 'Sign in with Example ID' }).click();
    await page.waitForURL(`${provider.issuer}/**`);
    await page.locator('[name=login]').fill('fay');
    await page.locator('[name=password]').fill('any');
    await page.locator('[type=submit]').click();
    await page.locator('[name=prompt][value=consent]').waitFor({ state: 'attached' });
    await page.locator('[type=submit]').click();
    await page.waitForURL(`${atLocalhost()}/oauth/callback**`);
    expect(await page.getByRole('radio').inputValue()).toMatch(/^five\//);
    await visit.follow(page.getByRole('button', { name: 'Use another account' }));
    const again = await page.getByRole('link', { name: 'Sign in with Example ID' }).getAttribute('href');
    expect(again).toContain('anew=');
    await browser.close();
  });
