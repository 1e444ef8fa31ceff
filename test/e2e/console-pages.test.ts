import { writeSync } from 'node:fs';
import type { Browser as Chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { findChromium, launchChromium } from '../support/browser/chromium.ts';
import { LoopbackSite } from '../support/browser/loopback-site.ts';
import { Visit } from '../support/browser/visit.ts';
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
    const hostile = `<img src=x onerror=alert(1)>\u202E${'x'.repeat(60)}`;
    const cell = { run_id: 'release', key: 'plan' };
    await call('blackboard_write', { ...cell, value: { steps: ['notes'] }, by: hostile });
    await call('blackboard_write', {
      ...cell,
      value: { steps: ['tag'], long: 'x'.repeat(100_000) },
      by: 'ann',
      tags: ['plan'],
    });
    await call('blackboard_write', { ...cell, value: 1, if_rev: 1 });
    await call('blackboard_write', { kye: 'plan' });
    await call('blackboard_write', { run_id: 'release', key: 'job/1', value: hostile });
    await call('blackboard_claim', { run_id: 'release', prefix: 'job/', by: hostile });
    for (let times = 0; times < 5; times++) await call('blackboard_read', cell);
    const failure = {
      tool: 'deploy',
      error_type: 'LockTimeout',
      error_message: hostile,
      resolution: 'Wait for the lock.',
    };
    const { scar_id } = await call('scar_record', failure);
    await call('scar_resolve', { scar_id, outcome: 'worked', resolution: 'Wait for the lock.' });
    const prompt = { model: 'model-x', prompt: 'Summarise' };
    await call('cache_get', prompt);
    await call('cache_set', { ...prompt, response: 'x', usage: { input_tokens: 10, cost_usd: 0.25 } });
    await call('cache_get', prompt);
    await operator.request('PATCH', '/tenants/acme/limits', { tool: 'scar_check', rate: 0.01, burst: 3 });
    for (let times = 0; times < 5; times++) await call('scar_check', { action: 'deploy' });
  });
  afterAll(async () => {
    await Promise.all([chromium?.close(), server?.stop(), site?.stop()]);
  });

  const visit = (options: Parameters<typeof Visit.start>[2] = {}) =>
    Visit.start(chromium, [server.url, site.origin()], options);

  async function signIn({ page }: Visit, tenant: string, token = tokens.get(tenant) ?? ''): Promise<void> {
    await page.goto(`${server.url}/console`);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${server.url}/console/${tenant}/calls`);
  }

  /** Every page, the last ones of an expected refusal. */
  const PATHS = [
    'calls',
    'calls?key=nothing',
    'runs',
    'runs/1',
    'boards',
    'board?board=release',
    'cell?board=release&key=plan&from=1&to=2',
    'cell?board=release&key=job%2F1',
    'failures',
    'cache',
    'limits',
    'tokens',
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
    await signIn(person, 'acme');
    for (const path of PATHS) {
      const answer = await page.goto(`${server.url}/console/acme/${path}`);
      expect(answer?.status(), path).toBe(200);
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
    await page.getByRole('link', { name: 'Not ok', exact: true }).first().click();
    await page.waitForURL(/outcome=bad$/);
    await page.getByLabel('Tool').selectOption('blackboard_write');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL(/outcome=bad&tool=blackboard_write/);
    expect(await page.locator('tbody tr').count()).toBe(2);
    await page.getByRole('link', { name: 'Boards', exact: true }).click();
    await page.getByRole('link', { name: 'release' }).click();
    await page.getByRole('link', { name: 'plan' }).click();
    await page.getByRole('link', { name: /^compare with rev/ }).click();
    expect(await page.locator('h2', { hasText: 'From revision' }).count()).toBe(1);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(/\/console$/);
    await page.goto(`${server.url}/console/acme/calls`);
    expect(await page.title()).toBe('Sign in · Bulkhead');
    await person.end();
  });

  test('two tenants are side by side; the one whose token is revoked is asked to sign in again', async () => {
    const person = await visit();
    const { page } = person;
    const { id, token } = await newToken('acme');
    await signIn(person, 'acme', token);
    await signIn(person, 'globex');
    await page.goto(`${server.url}/console/acme/runs`);
    expect(await page.title()).toBe('Runs · acme · Bulkhead');
    await operator.request('DELETE', `/tenants/acme/tokens/${id}`);
    await page.reload();
    expect(await page.getByRole('alert').textContent()).toMatch(/signed out of acme/);
    await page.getByLabel('Token').fill(tokens.get('acme') ?? '');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/acme\/runs$/);
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
      await page.getByRole('button', { name: 'Win' }).click();
      expect(await page.getByRole('alert').textContent()).toContain('sent by a page of another site');
    }
    await page.goto(`${server.url}/console/acme/calls`);
    expect(await page.title()).toBe('Calls · acme · Bulkhead');
    site.page('/frame', `<iframe src="${server.url}/console/acme/calls"></iframe>`);
    await page.goto(`${site.origin()}/frame`);
    await expect.poll(() => person.faults.join()).toMatch(/frame-ancestors|X-Frame-Options/);
    await person.end();
  });
}
