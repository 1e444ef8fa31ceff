import { writeSync } from 'node:fs';
import type { Browser as Chromium, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedirectListener } from '../../src/bridge/login/redirect-listener.ts';
import { findChromium, launchChromium } from '../support/browser/chromium.ts';
import { LoopbackSite } from '../support/browser/loopback-site.ts';
import { Visit } from '../support/browser/visit.ts';
import { HandClient, tokensOf } from '../support/oauth-person.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

/** The pages of the sign-in in a real browser, on one server. */

const executable = findChromium();
if (executable === undefined)
  test('left out for want of Chromium: the pages of the sign-in', () => {
    // To the terminal itself, because what passing tests log is not shown.
    writeSync(
      2,
      'The tests of pages were left out, because Chromium is not installed: apt-get install chromium\n',
    );
    expect(process.env.CI, 'CI must have Chromium: .ci/run installs it').toBeUndefined();
  });
else inChromium(executable);

function inChromium(executablePath: string) {
  let server: TestServer;
  let chromium: Chromium;
  let site: LoopbackSite;
  let key: string;

  beforeAll(async () => {
    [server, chromium, site] = await Promise.all([
      startServer(),
      launchChromium(executablePath),
      new LoopbackSite().start(),
    ]);
    const operator = new Operator(server);
    await operator.tenant('pages');
    key = String((await operator.request('POST', '/tenants/pages/members', { name: 'Ann' })).key);
    site.page('/callback', '<title>The client</title>');
  });
  afterAll(async () => {
    await Promise.all([chromium?.close(), server?.stop(), site?.stop()]);
  });

  /** This machine has two names, and a server is asked under either. */
  const serverAt = (hostname: string) => {
    const url = new URL(server.url);
    url.hostname = hostname;
    return url.origin;
  };
  const visit = (options: Parameters<typeof Visit.start>[2] = {}, origins: string[] = []) =>
    Visit.start(
      chromium,
      [...['127.0.0.1', 'localhost'].flatMap((name) => [serverAt(name), site.origin(name)]), ...origins],
      options,
    );
  const newClient = (origin: string, redirectUri: string) =>
    HandClient.register(origin, fetch, { redirect_uris: [redirectUri] });

  async function signIn(person: Visit, as = key): Promise<void> {
    await person.page.getByLabel('Sign-in key').fill(as);
    await person.follow(person.page.getByRole('button', { name: 'Sign in', exact: true }));
  }
  const allow = (page: Page) => page.getByRole('button', { name: 'Allow', exact: true });
  /** The answer that the browser has brought to the client, of the newest visit. */
  const answer = () => new URL(site.asked.at(-1) ?? '', site.origin()).searchParams;

  test('each page is accessible and fits, light and dark, wide and narrow, at 320 px and with text of 200 %', async () => {
    const person = await visit();
    const { page } = person;
    const client = await newClient(server.url, `${site.origin()}/callback`);
    await person.stayBefore(site.origin());
    const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) =>
      [1280, 390].map((width) => ({ colorScheme, width })),
    );
    const look = async (title: RegExp, looks = LOOKS) => {
      await expect.poll(() => page.title()).toMatch(title);
      for (const { colorScheme, width } of looks) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        expect(await person.accessibilityFaults(), `${title} ${colorScheme} ${width}`).toEqual([]);
      }
      // 640 px at a zoom of 200 % is the same.
      await page.setViewportSize({ width: 320, height: 640 });
      expect(await person.overflow()).toBe(0);
      await person.enlargeText(200);
      expect(await person.overflow()).toBe(0);
    };
    await page.goto(client.authorizeUrl().href);
    await look(/^Sign in to/);
    await signIn(person, 'bhk_wrong');
    expect(await page.getByRole('alert').textContent()).toMatch(/not valid/);
    await look(/^Sign in to/, LOOKS.slice(-1));
    await signIn(person);
    await look(/^Let this app use/);
    await page.getByText('Choose single things').click();
    await look(/^Let this app use/, LOOKS.slice(-1));
    for (const box of await page.getByRole('checkbox').all()) await box.uncheck();
    await person.follow(allow(page));
    expect(await page.getByRole('alert').textContent()).toMatch(/Tick at least one/);
    await look(/^Let this app use/, LOOKS.slice(-1));
    await page.getByRole('checkbox').first().check();
    await allow(page).click();
    await look(/^The app has access/);
    await page.goto(client.authorizeUrl({ client_id: 'unknown' }).href);
    await look(/^This cannot go on/, LOOKS.slice(-1));
    await page.goto(client.authorizeUrl({ code_challenge: undefined }).href);
    await look(/^This cannot go on/);
    expect(await page.getByRole('link', { name: 'Back to the app' }).getAttribute('href')).toContain(
      'error=',
    );
    // The console names the statuses of the refusals, and nothing else.
    expect(
      person.faults.filter((fault) => !/the server responded with a status of 40[03]/.test(fault)),
    ).toEqual([]);
    await person.end();
  });

  test.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', 'localhost', true],
    ['localhost', '127.0.0.1', true],
    ['localhost', 'localhost', false],
  ])(
    'a server at %s sends the browser back to %s, and its code is good; scripts run: %s',
    async (from, to, javaScriptEnabled) => {
      const person = await visit({ javaScriptEnabled });
      const client = await newClient(serverAt(from), `${site.origin(to)}/callback`);
      await person.page.goto(client.authorizeUrl().href);
      await signIn(person);
      await allow(person.page).click();
      await person.page.waitForURL(/\/callback\?/);
      const back = answer();
      expect([back.get('iss'), back.get('state')]).toEqual([serverAt(from), client.state]);
      const tokens = await tokensOf(await client.redeem(back.get('code') ?? ''));
      expect(tokens.access_token).toMatch(/^eyJ/);
      expect(person.faults).toEqual([]);
      await person.end();
    },
  );

  test('a callback may send the browser on, to another site or to an application', async () => {
    const person = await visit();
    site.redirect('/moves', `${site.origin('localhost')}/moved`);
    site.page('/moved', '<title>Moved</title>');
    site.redirect('/opens', 'claude://done');
    for (const path of ['/moves', '/opens']) {
      const client = await newClient(server.url, `${site.origin()}${path}`);
      await person.page.goto(client.authorizeUrl().href);
      if ((await person.page.title()).startsWith('Sign in')) await signIn(person);
      await allow(person.page).click();
      if (path === '/moves') await person.page.waitForURL(/\/moved$/);
      else await expect.poll(() => site.asked.at(-1)).toMatch(/^\/opens\?code=/);
    }
    expect(person.faults.filter((fault) => !/claude:/.test(fault))).toEqual([]);
    await person.end();
  });

  test('no other site shows the pages in a frame', async () => {
    const person = await visit();
    const client = await newClient(server.url, `${site.origin()}/callback`);
    site.page('/frame', `<iframe src="${client.authorizeUrl().href.replaceAll('&', '&amp;')}"></iframe>`);
    await person.page.goto(`${site.origin()}/frame`);
    await expect.poll(() => person.faults.join()).toMatch(/frame-ancestors|X-Frame-Options/);
    const frame = person.page.frames().at(1);
    expect(await frame?.evaluate('document.documentElement.textContent')).not.toContain('Sign-in key');
    await person.end();
  });

  test('a form of another site allows nothing, though the browser is signed in and sends its cookies', async () => {
    const person = await visit();
    const { page } = person;
    const client = await newClient(server.url, `${site.origin()}/callback`);
    await page.goto(client.authorizeUrl().href);
    await signIn(person);
    const hidden = async (name: string) =>
      (await page.locator(`input[name="${name}"]`).first().getAttribute('value')) ?? '';
    const fields = {
      request: await hidden('request'),
      as: await hidden('as'),
      scope: 'scar:read',
      action: 'allow',
    };
    const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
    const before = site.asked.length;
    site.page(
      '/foreign',
      `<form method="post" action="${server.url}/authorize">${inputs.join('')}<button>Win a prize</button></form>`,
    );
    for (const name of ['127.0.0.1', 'localhost']) {
      await page.goto(`${site.origin(name)}/foreign`);
      await person.follow(page.getByRole('button'));
      expect(await page.title()).toBe('This cannot go on');
      expect(await page.locator('main').textContent()).toContain('sent by a page of another site');
    }
    expect(site.asked.slice(before)).toEqual(['/foreign', '/foreign']);
    await person.end();
  });

  describe('the form of the key', () => {
    test('is one that password managers fill and keep, and the keyboard alone gets to the end', async () => {
      const person = await visit();
      const { page } = person;
      const client = await newClient(server.url, `${site.origin()}/callback`);
      await page.goto(client.authorizeUrl().href);
      const fields = await page.locator('form input:not([type=hidden])').all();
      const attributes = await Promise.all(
        fields.map((field) =>
          Promise.all(['type', 'autocomplete', 'name'].map((name) => field.getAttribute(name))),
        ),
      );
      expect(attributes).toEqual([
        ['text', 'username', 'username'],
        ['password', 'current-password', 'key'],
      ]);
      expect(await fields[0]?.inputValue()).toBe(new URL(server.url).host);

      expect(await person.focused()).toEqual({ name: 'key=', hasRing: true });
      await page.keyboard.type(key);
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/authorize$/);
      const passed: string[] = [];
      for (let tabs = 0; tabs < 20 && passed.at(-1) !== 'action=allow'; tabs++) {
        await page.keyboard.press('Tab');
        const { name, hasRing } = await person.focused();
        expect(hasRing, name).toBe(true);
        passed.push(name);
        if (name.endsWith('=scar:write')) await page.keyboard.press('Space');
      }
      expect(passed[0]).toMatch(/^as=pages\//);
      expect(passed.filter((name) => name.startsWith('scope='))).toContain('scope=scar:write');
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/callback\?/);
      const { scope } = await tokensOf(await client.redeem(answer().get('code') ?? ''));
      expect(scope.split(' ')).toContain('scar:read');
      expect(scope.split(' ')).not.toContain('scar:write');
      expect(person.faults).toEqual([]);
      await person.end();
    });
  });

  test('the page with which a program on this machine ends its own sign-in is accessible', async () => {
    for (const isSignedIn of [true, false]) {
      const listener = await RedirectListener.open();
      const person = await visit({}, [new URL(listener.redirectUri).origin]);
      const answered = listener.answerTo('s').then(({ show }) => show(isSignedIn));
      await person.page.goto(`${listener.redirectUri}?state=s&code=c`);
      await answered;
      expect(await person.page.title()).toBe(isSignedIn ? 'Signed in' : 'Not signed in');
      expect(await person.accessibilityFaults()).toEqual([]);
      listener.close();
      await person.end();
    }
  });

  test('what these tests listen for is heard', async () => {
    const person = await visit();
    const client = await newClient(server.url, `${site.origin()}/callback`);
    await person.page.goto(client.authorizeUrl().href);
    await person.page.evaluate(
      `document.body.insertAdjacentHTML('beforeend', '<p style="color:red">x</p><img src="https://evil.example/">')`,
    );
    await expect.poll(() => person.faults.join()).toMatch(/style-src.*img-src|img-src.*style-src/s);
    expect(await person.accessibilityFaults()).not.toEqual([]);
    await person.end();
  });
}
