import { beforeAll, describe, expect, test } from 'vitest';
import { SESSION_MS } from '../../src/tenant/members/grants.ts';
import { ALL_SCOPES, SCOPES } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, operate, send } from '../support/http.ts';
import { addMember, newBrowser, newClient, newMember, type TestMember } from '../support/oauth-worker.ts';
import { bearer, call } from '../support/v1.ts';

/** Members in the console: their sessions, inside workerd. */

const signIn = (browser: ConsoleBrowser, fields: Record<string, string>) =>
  browser.post('/console', new URLSearchParams(fields).toString());

async function signedIn(member: TestMember): Promise<ConsoleBrowser> {
  const browser = new ConsoleBrowser();
  const answer = await signIn(browser, { token: member.key });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, `/console/${member.tenant}`]);
  return browser;
}

let ann: TestMember;
beforeAll(async () => {
  ann = await newMember({ scopes: [...ALL_SCOPES] });
});

describe('a member', () => {
  test('signs in with a key, for twelve hours, with every scope of theirs, and is named on each page', async () => {
    const browser = await signedIn(ann);
    const page = await browser.page(`/console/${ann.tenant}/limits`);
    expect(page).toContain('<bdi>Ann</bdi></span>');
    const { grants } = await operate('GET', `/tenants/${ann.tenant}/grants?member=${ann.id}`);
    const [session] = grants as { kind: string; scopes: string[]; created_at: string; expires_at: string }[];
    expect(session).toMatchObject({ kind: 'console', scopes: ALL_SCOPES });
    const lasts = Date.parse(session?.expires_at ?? '') - Date.parse(session?.created_at ?? '');
    expect(lasts).toBeGreaterThan(SESSION_MS - 1001);
    expect(lasts).toBeLessThanOrEqual(SESSION_MS);
  });

  test('has a session that is worth nothing at the API, nor anywhere else', async () => {
    const browser = await signedIn(ann);
    const cookie = browser.cookie(ann.tenant);
    const asBearer = { authorization: bearer(cookie) };
    expect((await call(cookie, 'blackboard_list')).status).toBe(401);
    for (const path of ['/v1/records', '/v1/connections'])
      expect((await send(path, { headers: asBearer })).status).toBe(401);
    expect((await send('/mcp', { method: 'POST', headers: asBearer, body: '{}' })).status).toBe(401);
    expect((await admin('GET', '/tenants', undefined, asBearer)).status).toBe(401);
    const client = await newClient();
    expect((await client.post('/revoke', { token: cookie })).status).toBe(200);
    expect((await browser.get(`/console/${ann.tenant}/limits`)).status).toBe(200);
    expect((await signIn(new ConsoleBrowser(), { token: cookie })).status).toBe(401);
  });

  test('is signed in to two tenants side by side, and out of one alone', async () => {
    const other = await newMember();
    const browser = await signedIn(ann);
    await signIn(browser, { token: other.key });
    for (const { tenant } of [ann, other])
      expect(await browser.page(`/console/${tenant}/limits`)).toContain(`>${tenant}</span>`);
    const kept = browser.cookie(other.tenant);
    await browser.post(`/console/${other.tenant}/sign-out`);
    expect((await browser.get(`/console/${other.tenant}/limits`)).status).toBe(401);
    // Not only the cookie: the session has ended in the tenant.
    browser.keep(other.tenant, kept);
    expect((await browser.get(`/console/${other.tenant}/limits`)).status).toBe(401);
    expect((await browser.get(`/console/${ann.tenant}/limits`)).status).toBe(200);
  });

  test.each([
    [
      'is removed',
      (member: TestMember) => operate('DELETE', `/tenants/${member.tenant}/members/${member.id}`),
    ],
    [
      'gets a new key',
      (member: TestMember) => operate('POST', `/tenants/${member.tenant}/members/${member.id}/key`),
    ],
    [
      'was of a tenant that was suspended',
      async ({ tenant }: TestMember) => {
        await operate('POST', `/tenants/${tenant}/suspend`);
        await operate('POST', `/tenants/${tenant}/resume`);
      },
    ],
    [
      'has the session revoked',
      async ({ tenant }: TestMember) => {
        const { grants } = await operate('GET', `/tenants/${tenant}/grants`);
        for (const { token_id } of grants as { token_id: string }[])
          await operate('DELETE', `/tenants/${tenant}/tokens/${token_id}`);
      },
    ],
  ])('who %s is signed out', async (_name, end) => {
    const member = await newMember();
    const browser = await signedIn(member);
    await end(member);
    const page = await browser.get(`/console/${member.tenant}/limits`);
    expect([page.status, await page.text()]).toEqual([401, expect.stringContaining('You are signed out of')]);
    expect(browser.cookie(member.tenant)).toBe('');
  });

  test('whose live page asks first still sees on the page itself why the session has ended', async () => {
    const member = await newMember();
    const browser = await signedIn(member);
    await operate('DELETE', `/tenants/${member.tenant}/members/${member.id}`);
    const path = `/console/${member.tenant}/limits`;
    for (const accept of ['text/event-stream', 'text/html']) {
      const asked = await browser.send('GET', path, { headers: { accept, 'sec-fetch-mode': 'cors' } });
      expect([asked.status, browser.cookie(member.tenant)]).toEqual([401, expect.stringMatching(/^eyJ/)]);
    }
    const loaded = await browser.send('GET', path, { headers: { 'sec-fetch-mode': 'navigate' } });
    expect(await loaded.text()).toContain('You are signed out of');
    expect(browser.cookie(member.tenant)).toBe('');
  });

  test('keeps eight sessions, and none of what clients were granted is lost by signing in', async () => {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const done = await browser.allow(
      await browser.signIn(await browser.open(client.authorizeUrl()), member.key),
    );
    await client.redeem(done.goesTo?.searchParams.get('code') ?? '');
    const first = await signedIn(member);
    const browsers = [first];
    for (let more = 0; more < 8; more++) browsers.push(await signedIn(member));
    const statuses = await Promise.all(
      browsers.map(async (each) => (await each.get(`/console/${member.tenant}/limits`)).status),
    );
    expect(statuses).toEqual([401, ...Array(8).fill(200)]);
    const { grants } = await operate('GET', `/tenants/${member.tenant}/grants`);
    const kinds = (grants as { kind: string }[]).map(({ kind }) => kind);
    expect([kinds.filter((kind) => kind === 'client').length, kinds.length]).toEqual([1, 9]);
  });

  test('who signs in again in one browser has one session', async () => {
    const member = await newMember();
    const browser = await signedIn(member);
    const before = browser.cookie(member.tenant);
    await signIn(browser, { token: member.key });
    const stolen = new ConsoleBrowser();
    stolen.keep(member.tenant, before);
    expect((await stolen.get(`/console/${member.tenant}/limits`)).status).toBe(401);
    expect((await browser.get(`/console/${member.tenant}/limits`)).status).toBe(200);
  });
});

describe('signing in', () => {
  test.each([
    ['a key of nobody', async () => ({ token: 'bhk_nothing' })],
    ['nothing', async () => ({ token: '' })],
    [
      'an old key',
      async () => {
        const member = await newMember();
        await operate('POST', `/tenants/${member.tenant}/members/${member.id}/key`);
        return { token: member.key };
      },
    ],
    [
      'a member as whom the browser has not signed in',
      async () => ({ action: 'enter', as: `${ann.tenant}/${ann.id}` }),
    ],
  ])('is refused with %s', async (_name, fields) => {
    const browser = new ConsoleBrowser();
    const refused = await signIn(browser, await fields());
    expect(refused.status).toBe(401);
    expect(refused.headers.getSetCookie()).toEqual([]);
    expect(await refused.text()).toContain('role="alert"');
  });

  test('of a suspended tenant is refused with the reason', async () => {
    const member = await newMember();
    await operate('POST', `/tenants/${member.tenant}/suspend`);
    const refused = await signIn(new ConsoleBrowser(), { token: member.key });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('is suspended')]);
  });

  test('a browser that has let a client in opens the console by one click, and signs out of both', async () => {
    const member = await newMember();
    const consent = newBrowser();
    await consent.signIn(await consent.open((await newClient()).authorizeUrl()), member.key);
    const name = [...consent.cookies.keys()].find((each) => each.endsWith('bulkhead-session')) ?? '';
    const browser = new ConsoleBrowser();
    browser.keepCookie(name, consent.cookies.get(name) ?? '');
    const page = await browser.page('/console');
    expect(page).toContain(`name="as" value="${member.tenant}/${member.id}"`);
    const entered = await signIn(browser, {
      action: 'enter',
      as: `${member.tenant}/${member.id}`,
      to: `/console/${member.tenant}/tokens`,
    });
    expect(entered.headers.get('location')).toBe(`/console/${member.tenant}/tokens`);
    expect((await browser.get(`/console/${member.tenant}/limits`)).status).toBe(200);
    await browser.post(`/console/${member.tenant}/sign-out`);
    expect(await browser.page('/console')).not.toContain('name="as"');
  });

  test('a name that is hostile is shown as text', async () => {
    const member = await addMember(ann.tenant, { name: '<img src=x onerror=alert(1)> "Ben"' });
    const page = await (await signedIn(member)).page(`/console/${ann.tenant}/limits`);
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt; &quot;Ben&quot;');
    expect(page).not.toContain('<img');
  });
});

test('a session of a token is no person, and its pages say who it is', async () => {
  const tenant = await HttpTenant.create({ scopes: [...SCOPES, 'records:read'] });
  const browser = new ConsoleBrowser();
  await browser.signIn(tenant.token);
  expect(await browser.page(`/console/${tenant.id}/limits`)).toContain('with a token</span>');
});
