import { describe, expect, test, vi } from 'vitest';
import { send } from '../support/http.ts';
import { ShownPage } from '../support/oauth-person.ts';
import { addMember, fetchHere, newBrowser, newClient, newMember } from '../support/oauth-worker.ts';

/** Attacks on the pages and forms of the sign-in. */

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
