import { writeSync } from 'node:fs';
import type { Browser as Chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { findChromium, launchChromium } from '../support/browser/chromium.ts';
import { LoopbackSite } from '../support/browser/loopback-site.ts';
import { Visit } from '../support/browser/visit.ts';
import { CLIENTS } from '../support/clients.ts';
import { editLimit, OPERATOR_PATHS, signInAsOperator, watchRefresh } from '../support/console-operator.ts';
import { seedConsole } from '../support/console-seed.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

/** The pages of the console in a real browser, on one server. */

const executable = findChromium();
if (executable === undefined)
  test('left out for want of Chromium: the pages of the console', () => {
    // To the terminal itself, because what passing tests log is not shown.
    writeSync(
      2,
      'The tests of the console were left out, because Chromium is not installed: apt-get install chromium\n',
    );
    expect(process.env.CI, 'CI must have Chromium: .ci/run installs it').toBeUndefined();
  });
else inChromium(executable);

function inChromium(executablePath: string) {
  let server: TestServer;
  let chromium: Chromium;
  let site: LoopbackSite;
  let operator: Operator;
  const tokens = new Map<string, string>();
  /** The sign-in key of a member of acme with every scope. */
  let memberKey: string;
  /** A call that waits for approval. */
  let held: string;

  const newToken = async (tenant: string) => {
    const issued = await operator.request('POST', `/tenants/${tenant}/tokens`, {
      label: 'console',
      scopes: ALL_SCOPES,
    });
    return { id: String(issued.token_id), token: String(issued.token) };
  };
  const call = async (tool: string, args: unknown) => {
    const response = await fetch(`${server.url}/v1/tools/${tool}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.get('acme')}`, 'content-type': 'application/json' },
      body: JSON.stringify(args),
    });
    return response.json() as Promise<Record<string, unknown>>;
  };

  beforeAll(async () => {
    [server, chromium, site] = await Promise.all([
      startServer(),
      launchChromium(executablePath),
      new LoopbackSite().start(),
    ]);
    operator = new Operator(server);
    for (const tenant of ['acme', 'globex']) {
      await operator.tenant(tenant);
      tokens.set(tenant, (await newToken(tenant)).token);
    }
    const member = { name: 'Ann <b>', scopes: ALL_SCOPES };
    memberKey = String((await operator.request('POST', '/tenants/acme/members', member)).key);
    await operator.request('PUT', '/tenants/acme/connections/crm', {
      kind: 'http',
      url: 'https://crm.example.com/api/',
      header: 'Authorization',
      secret: 'x',
    });
    await seedConsole(call);
    await operator.request('PATCH', '/tenants/acme/limits', { tool: 'scar_check', rate: 0.01, burst: 3 });
    for (let times = 0; times < 5; times++) await call('scar_check', { action: 'deploy' });
    await operator.request('PATCH', '/tenants/acme/policy', { tool: 'blackboard_delete', approval: true });
    const hostile = `<img src=x onerror=alert(1)>${'x'.repeat(200)}`;
    held = String(
      (await call('blackboard_delete', { run_id: 'release', keys: [hostile, 'plan'] })).approval_id,
    );
  });
  afterAll(async () => {
    await Promise.all([chromium?.close(), server?.stop(), site?.stop()]);
  });

  const visit = (options: Parameters<typeof Visit.start>[2] = {}) =>
    Visit.start(chromium, [server.url, site.origin()], options);

  async function signIn({ page }: Visit, tenant: string, token = tokens.get(tenant) ?? ''): Promise<void> {
    await page.goto(`${server.url}/console`);
    await enterToken(page, token);
    await page.waitForURL(`${server.url}/console/${tenant}/calls`);
  }

  async function enterToken(page: Visit['page'], token: string): Promise<void> {
    await page.getByLabel('Token').fill(token);
    await page.getByLabel('Token').press('Enter');
  }

  /** Every page, the last ones of an expected refusal. */
  const PATHS = [
    'calls',
    'calls?key=nothing',
    'runs',
    'runs/1',
    'approvals',
    'boards',
    'board?board=release',
    'cell?board=release&key=plan&from=1&to=2',
    'cell?board=release&key=job%2F1',
    'failures',
    'cache',
    'limits',
    'tokens',
    'connections',
    'connections/crm',
  ];
  /** Each page is seen light and dark, wide and narrow; colours do not depend on the width, nor the layout on the colours. */
  const LOOKS = [
    { colorScheme: 'light', width: 1280 },
    { colorScheme: 'dark', width: 390 },
  ] as const;

  test('each page is accessible and fits, light and dark, wide and narrow, with text of 200 %, and asks nobody else', async () => {
    const person = await visit({ reducedMotion: 'reduce' });
    const { page } = person;
    await page.goto(`${server.url}/console`);
    expect(await person.accessibilityFaults()).toEqual([]);
    await signIn(person, 'acme', memberKey);
    const own = (await newToken('acme')).id;
    await page.goto(`${server.url}/console/@operator`);
    expect(await person.accessibilityFaults()).toEqual([]);
    await signInAsOperator(person, server.url);
    const tenants = [...PATHS, `approvals/${held}`, `tokens/${own}`].map((path) => `acme/${path}`);
    for (const path of [...tenants, ...OPERATOR_PATHS]) {
      const answer = await page.goto(`${server.url}/console/${path}`);
      expect(answer?.status(), path).toBe(200);
      await page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true");
      for (const { colorScheme, width } of LOOKS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        expect(await person.accessibilityFaults(), `${path} ${colorScheme} ${width}`).toEqual([]);
        expect(await person.overflow(), `${path} ${width}`).toBe(0);
      }
      await person.enlargeText(200);
      expect(await person.overflow(), `${path} with large text`).toBe(0);
      expect(person.faults, path).toEqual([]);
    }
    await person.end();
  });

  test('from a call to its run, to the cell that it changed, and back, by the keyboard alone', async () => {
    const person = await visit();
    const { page } = person;
    await page.goto(`${server.url}/console`);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the page');
    await page.keyboard.press('Tab');
    await page.keyboard.type(tokens.get('acme') ?? '');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/calls$/);
    await page.keyboard.press('/');
    expect((await person.focused()).name).toBe('tool=');
    await page.locator('body').press('Escape');
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    expect(await person.focused()).toMatchObject({ hasRing: true });
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/runs\/\d+#call-\d+$/);
    await page.keyboard.press('Shift+?');
    expect(await page.locator('details.keys').getAttribute('open')).not.toBeNull();
    expect(await page.locator('time').first().getAttribute('title')).toMatch(/2\d{3}|\d:\d\d/);
    await page.goBack();
    expect(await page.title()).toBe('Calls · acme · Bulkhead');
    expect(person.faults).toEqual([]);
    await person.end();
  });

  test('without scripts everything is there: signing in, filters, pages, signing out', async () => {
    const person = await visit({ javaScriptEnabled: false });
    const { page } = person;
    await signIn(person, 'acme');
    await person.follow(page.getByRole('link', { name: 'Not ok', exact: true }).first());
    await page.waitForURL(/outcome=bad$/);
    await page.getByLabel('Tool').selectOption('blackboard_write');
    await person.follow(page.getByRole('button', { name: 'Filter' }));
    await page.waitForURL(/outcome=bad&tool=blackboard_write/);
    expect(await page.locator('tbody tr').count()).toBe(2);
    await person.follow(page.getByRole('link', { name: 'Boards', exact: true }));
    await person.follow(page.getByRole('link', { name: 'release' }));
    await person.follow(page.getByRole('link', { name: 'plan' }));
    await person.follow(page.getByRole('link', { name: /^compare with rev/ }));
    expect(await page.locator('h2', { hasText: 'From revision' }).count()).toBe(1);
    await person.follow(page.getByRole('button', { name: 'Sign out' }));
    await page.waitForURL(/\/console$/);
    await page.goto(`${server.url}/console/acme/calls`);
    expect(await page.title()).toBe('Sign in · Bulkhead');
    await person.end();
  });

  test('a member issues, narrows and revokes a token, without scripts', async () => {
    const person = await visit({ javaScriptEnabled: false });
    const { page } = person;
    await signIn(person, 'acme', memberKey);
    await person.follow(page.getByRole('link', { name: 'Tokens', exact: true }));
    await page.getByText('Issue a token').click();
    await page.getByLabel('Label').fill('nightly import');
    await person.follow(page.getByRole('button', { name: 'Issue' }));
    const token = (await page.locator('#token').textContent()) ?? '';
    const use = async (tool: string) => {
      const response = await fetch(`${server.url}/v1/tools/${tool}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(tool === 'blackboard_write' ? { key: 'k', value: 1 } : {}),
      });
      return response.status;
    };
    expect([await use('blackboard_list'), await use('blackboard_write')]).toEqual([200, 200]);
    await person.follow(page.getByRole('link', { name: 'Back to all tokens' }));
    await person.follow(page.getByRole('link', { name: 'nightly import' }));
    await page.getByText('Narrow', { exact: true }).first().click();
    await page.getByLabel('blackboard:write').uncheck();
    await person.follow(page.getByRole('button', { name: 'Narrow' }));
    expect(await page.getByRole('status').textContent()).toBe('“nightly import” may do less from now on.');
    expect([await use('blackboard_list'), await use('blackboard_write')]).toEqual([200, 403]);
    await page.getByText('Revoke', { exact: true }).click();
    await person.follow(page.getByRole('button', { name: 'Yes, revoke it' }));
    expect(await page.getByRole('status').textContent()).toBe('“nightly import” is revoked.');
    expect(await use('blackboard_list')).toBe(401);
    await person.end();
  });

  test('two tenants are side by side; whoever looks with a token that is revoked is asked to sign in again without a reload', async () => {
    const person = await visit();
    const { page } = person;
    const { id, token } = await newToken('acme');
    await signIn(person, 'acme', token);
    await signIn(person, 'globex');
    await page.goto(`${server.url}/console/acme/runs`);
    expect(await page.title()).toBe('Runs · acme · Bulkhead');
    await page.locator('.live.on').waitFor();
    await operator.request('DELETE', `/tenants/acme/tokens/${id}`);
    // Nobody loads the page. It takes some 30 ms, and longer on a busy machine; that the stream ends within a second is tested in workerd.
    await page.getByRole('alert').waitFor({ timeout: 5000 });
    expect(await page.getByRole('alert').textContent()).toMatch(/signed out of acme/);
    await Promise.all([page.waitForEvent('load'), enterToken(page, tokens.get('acme') ?? '')]);
    expect(await page.title()).toBe('Runs · acme · Bulkhead');
    await page.goto(`${server.url}/console/globex/calls`);
    expect(await page.locator('.empty').textContent()).toContain('No agent has called yet');
    await person.end();
  });

  test('a form of another site signs nobody in or out, and no site shows the pages in a frame', async () => {
    const person = await visit();
    const { page } = person;
    await signIn(person, 'acme');
    const forms = { out: '/console/acme/sign-out', in: '/console' };
    for (const [name, action] of Object.entries(forms)) {
      site.page(
        `/${name}`,
        `<form method="post" action="${server.url}${action}"><input name="token" value="x"><button>Win</button></form>`,
      );
      await page.goto(`${site.origin()}/${name}`);
      await person.follow(page.getByRole('button', { name: 'Win' }));
      expect(await page.getByRole('alert').textContent()).toContain('sent by a page of another site');
    }
    await page.goto(`${server.url}/console/acme/calls`);
    expect(await page.title()).toBe('Calls · acme · Bulkhead');
    site.page('/frame', `<iframe src="${server.url}/console/acme/calls"></iframe>`);
    await page.goto(`${site.origin()}/frame`);
    await expect.poll(() => person.faults.join()).toMatch(/frame-ancestors|X-Frame-Options/);
    await person.end();
  });

  /** A page changes within a second or three; a busy machine needs longer. */
  const SLOW = { timeout: 10_000 };

  /** As a browser does when its person turns to another tab, which a test cannot. */
  const setHidden = ({ page }: Visit, isHidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);

  const keysOf = ({ page }: Visit) => page.locator('tbody .c-args').allTextContents();

  test('a call of a client appears as it ends; paused, calls are counted and shown when it goes on; filters hold', async () => {
    const person = await visit({ reducedMotion: 'reduce' });
    const { page } = person;
    await signIn(person, 'acme');
    await page.locator('.live.on').waitFor();
    const [, , connect] = CLIENTS[2] ?? [];
    const client = await connect?.(server.url, tokens.get('acme') ?? '');
    await client?.call('blackboard_write', { key: 'live/one', value: 1 });
    await page.locator('tbody tr', { hasText: 'key=live/one' }).waitFor();
    expect(await page.locator('tbody tr').first().textContent()).toContain('bulkhead-tests');
    await page.keyboard.press('p');
    await client?.call('blackboard_write', { key: 'live/two', value: 1 });
    await call('blackboard_write', { key: 'live/three', value: 1 });
    await page.getByRole('button', { name: 'Show 2 new' }).waitFor();
    expect((await keysOf(person)).join()).not.toContain('live/t');
    expect(await person.accessibilityFaults()).toEqual([]);
    await page.getByRole('button', { name: 'Show 2 new' }).click();
    expect((await keysOf(person)).slice(0, 3)).toEqual(['key=live/three', 'key=live/two', 'key=live/one']);
    await page.goto(`${server.url}/console/acme/calls?outcome=bad&tool=blackboard_write`);
    await page.locator('.live.on').waitFor();
    await client?.call('blackboard_write', { key: 'live/four', value: 1 });
    await client?.call('blackboard_write', { key: 'live/four', value: 1, if_rev: 1 });
    await page.locator('tbody tr', { hasText: 'key=live/four' }).waitFor();
    expect((await keysOf(person)).filter((args) => args.includes('four'))).toHaveLength(1);
    await client?.close();
    expect(person.faults).toEqual([]);
    await person.end();
  });

  test('a tab in the background has no stream; it resumes, as after a break, without a gap or a double', async () => {
    const person = await visit();
    await signIn(person, 'acme');
    await person.page.locator('.live.on').waitFor();
    const closed = person.page.waitForEvent('requestfailed');
    await setHidden(person, true);
    expect((await closed).headers().accept).toBe('text/event-stream');
    await call('blackboard_write', { key: 'back/one', value: 1 });
    await setHidden(person, false);
    await person.page.locator('tbody tr', { hasText: 'back/one' }).waitFor();
    await server.evict('acme', 'close');
    await call('blackboard_write', { key: 'back/two', value: 1 });
    await person.page.locator('tbody tr', { hasText: 'back/two' }).waitFor();
    const shown = (await keysOf(person)).filter((args) => args.includes('back/'));
    expect(shown).toEqual(['key=back/two', 'key=back/one']);
    await person.end();
  });

  test('a run that goes on grows, a changed cell is marked, a claim and the limits count by the clock', async () => {
    const person = await visit();
    const { page } = person;
    await signIn(person, 'acme');
    await person.follow(page.locator('tbody tr', { hasText: 'back/two' }).getByRole('link'));
    await page.locator('.live.on').waitFor();
    const bars = await page.locator('.waterfall li').count();
    await call('blackboard_write', { run_id: 'grown', key: 'job/1', value: 1 });
    await expect.poll(() => page.locator('.waterfall li').count(), SLOW).toBeGreaterThan(bars);
    await page.goto(`${server.url}/console/acme/board?board=grown`);
    await page.locator('.live.on').waitFor();
    await call('blackboard_claim', { run_id: 'grown', prefix: 'job/', ttl_s: 600, by: 'ann' });
    await page.locator('tr.flash', { hasText: 'held' }).waitFor();
    const left = page.locator('[data-left]');
    const shown = await left.textContent();
    expect(shown).toMatch(/10 min/);
    await operator.request('PATCH', '/tenants/acme/limits', { tool: 'scar_lookup', rate: 0.2, burst: 5 });
    for (let times = 0; times < 3; times++) await call('scar_lookup', {});
    await page.goto(`${server.url}/console/acme/limits`);
    const row = page.locator('tr', { hasText: 'scar_lookup' });
    const before = await row.locator('.d-saved').textContent();
    await expect.poll(() => row.locator('.d-saved').textContent(), SLOW).not.toBe(before);
    expect(person.faults).toEqual([]);
    await person.end();
  });

  test('the operator edits a limit and sees the bucket, also without scripts, beside a tenant in one browser', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const person = await visit({ javaScriptEnabled });
      await signIn(person, 'acme');
      await signInAsOperator(person, server.url);
      await editLimit(person, server.url, javaScriptEnabled ? 'blackboard_watch' : 'cache_stats');
      if (javaScriptEnabled) await watchRefresh(person, server.url);
      await person.follow(person.page.getByRole('button', { name: 'Sign out' }));
      await person.page.waitForURL(/@operator$/);
      await person.page.goto(`${server.url}/console/acme/calls`);
      expect(await person.page.title()).toBe('Calls · acme · Bulkhead');
      // The answer to what was typed wrong.
      expect(person.faults).toEqual([expect.stringContaining('status of 400')]);
      await person.end();
    }
  });
}
