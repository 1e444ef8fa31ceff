import { beforeAll, describe, expect, test, vi } from 'vitest';
import { PAGES } from '../../src/edge/console/layout.tsx';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { bearer, call } from '../support/v1.ts';
import { fetchWith } from '../support/worker-with.ts';

/** The operator's console as a browser without scripts meets it. */

const HOME = '/console/@operator';

let acme: HttpTenant;
let operator: ConsoleBrowser;

beforeAll(async () => {
  acme = await HttpTenant.create({ scopes: ['records:read', 'blackboard:read', 'blackboard:write'] });
  operator = new ConsoleBrowser();
  await operator.signInAsOperator({ name: 'Ann' });
});

describe('signing in', () => {
  test('with the admin key sets a cookie of an hour that scripts cannot read, and leads to the tenants', async () => {
    const fresh = new ConsoleBrowser();
    const signedIn = await fresh.signInAsOperator({ name: 'Ann' });
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, `${HOME}/tenants`]);
    expect(signedIn.headers.get('set-cookie')).toMatch(
      /^__Host-bulkhead-operator=eyJ[^;]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(signedIn.headers.get('set-cookie')).not.toContain(TEST_SECRETS.ADMIN_KEY);
    expect((await fresh.get(HOME)).headers.get('location')).toBe(`${HOME}/tenants`);
    expect(await fresh.page(`${HOME}/tenants`)).toMatch(/operator <bdi>Ann<\/bdi>/);
    await fresh.post(`${HOME}/sign-out`);
    expect((await fresh.get(`${HOME}/tenants`)).status).toBe(401);
  });

  test('leads back to the page that was asked for, and to no other place', async () => {
    const asked = await new ConsoleBrowser().get(`${HOME}/tenants?sort=calls`);
    expect([asked.status, await asked.text()]).toEqual([
      401,
      expect.stringContaining(`name="to" value="${HOME}/tenants?sort=calls"`),
    ]);
    for (const [to, place] of [
      [`${HOME}/tenants?sort=calls`, `${HOME}/tenants?sort=calls`],
      ['https://evil.example/', `${HOME}/tenants`],
      ['/console/acme/calls', `${HOME}/tenants`],
      [`${HOME}/\r\nx: y`, `${HOME}/tenants`],
    ] as const) {
      const signedIn = await new ConsoleBrowser().signInAsOperator({ to });
      expect(signedIn.headers.get('location')).toBe(place);
    }
  });

  test.each([
    ['a wrong key', { key: 'x'.repeat(40) }],
    ['nothing', { key: '' }],
    ['the token of a tenant', { key: '' }],
  ])('is refused with %s, which does not come back in the page', async (_name, fields) => {
    const key = _name.startsWith('the token') ? acme.token : fields.key;
    const refused = await new ConsoleBrowser().signInAsOperator({ key, name: 'Ann' });
    expect([refused.status, refused.headers.get('set-cookie')]).toEqual([401, null]);
    const page = await refused.text();
    expect(page).toMatch(/role="alert".*not the admin key/s);
    expect(page).toContain('value="Ann"');
    if (key !== '') expect(page).not.toContain(key);
  });

  test('the admin key signs in to no tenant', async () => {
    expect((await new ConsoleBrowser().signIn(TEST_SECRETS.ADMIN_KEY)).status).toBe(401);
  });

  test('guessing is fenced by address together with the API, and the right key never is', async () => {
    const address = { 'cf-connecting-ip': '2001:db8:0b:1::1' };
    const answers = new Set<number>();
    for (let sent = 0; sent < 245 && !answers.has(429); sent++)
      answers.add((await new ConsoleBrowser().signInAsOperator({ key: 'guess' }, address)).status);
    expect([...answers]).toEqual([401, 429]);
    const wrong = { ...address, authorization: 'Bearer guess' };
    expect((await admin('GET', '/tenants', undefined, wrong)).status).toBe(429);
    expect((await new ConsoleBrowser().signInAsOperator({}, address)).status).toBe(303);
  });

  test.each([
    ['of another site', { origin: 'https://evil.example' }, 403],
    ['without an origin', { origin: undefined }, 403],
    ['that another site sent, by its own word', { 'sec-fetch-site': 'cross-site' }, 403],
    ['of JSON', { 'content-type': 'application/json' }, 415],
  ])('a form %s changes nothing', async (_name, headers, status) => {
    const refused = await new ConsoleBrowser().signInAsOperator({}, headers);
    expect([refused.status, refused.headers.get('set-cookie')]).toEqual([status, null]);
  });
});

describe('the session', () => {
  const askWith = (cookie: string, bindings: Record<string, unknown>) =>
    fetchWith(bindings, `${HOME}/tenants`, { headers: { cookie: `__Host-bulkhead-operator=${cookie}` } });

  test('ends when the admin key or the signing key is changed', async () => {
    const { ADMIN_KEY, TOKEN_KEYS } = TEST_SECRETS;
    const settings = { ...TEST_SECRETS, PUBLIC_URL: 'https://mcp.test' };
    const { operatorCookie: cookie } = operator;
    expect((await askWith(cookie, settings)).status).toBe(200);
    const ended = await askWith(cookie, { ...settings, ADMIN_KEY: `${ADMIN_KEY}2` });
    expect([ended.status, ended.headers.get('set-cookie')]).toEqual([
      401,
      expect.stringContaining('Max-Age=0'),
    ]);
    expect(await ended.text()).toContain('the admin key was changed');
    const [kid = '', secret = ''] = TOKEN_KEYS.split(',')[0]?.split(':') ?? [];
    const signedAnew = `${kid}:${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`;
    expect((await askWith(cookie, { ...settings, TOKEN_KEYS: signedAnew })).status).toBe(401);
  });

  test('ends after an hour', async () => {
    const person = new ConsoleBrowser();
    await person.signInAsOperator();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_599_000 });
    expect((await person.get(`${HOME}/tenants`)).status).toBe(200);
    vi.setSystemTime(Date.now() + 2000);
    const ended = await person.get(`${HOME}/tenants`);
    expect([ended.status, await ended.text()]).toEqual([401, expect.stringContaining('an hour has passed')]);
  });

  test('is worth nothing at the API, and no other credential is worth anything as a session', async () => {
    const { operatorCookie: cookie } = operator;
    const asBearer = { authorization: bearer(cookie) };
    expect((await call(cookie, 'blackboard_list')).status).toBe(401);
    expect((await admin('GET', '/tenants', undefined, asBearer)).status).toBe(401);
    expect((await send('/mcp', { method: 'POST', headers: asBearer, body: '{}' })).status).toBe(401);
    const tenant = new ConsoleBrowser();
    await tenant.signIn(acme.token);
    for (const value of [acme.token, tenant.cookie(acme.id), TEST_SECRETS.ADMIN_KEY, 'x'.repeat(3000)]) {
      const forged = new ConsoleBrowser();
      forged.keepOperator(value);
      expect((await forged.get(`${HOME}/tenants`)).status).toBe(401);
    }
    const swapped = new ConsoleBrowser();
    swapped.keep(acme.id, cookie);
    expect((await swapped.get(`/console/${acme.id}/calls`)).status).toBe(401);
  });

  test('stands beside that of a tenant in one browser, and neither opens what the other does', async () => {
    const both = new ConsoleBrowser();
    await both.signIn(acme.token);
    expect((await both.get(`${HOME}/tenants/${acme.id}/calls`)).status).toBe(401);
    await both.signInAsOperator();
    expect(await both.page(`/console/${acme.id}/calls`)).toContain(`href="/console/${acme.id}/runs"`);
    expect(await both.page(`${HOME}/tenants/${acme.id}/calls`)).toContain(
      `href="${HOME}/tenants/${acme.id}/runs"`,
    );
    await both.post(`/console/${acme.id}/sign-out`);
    expect((await both.get(`${HOME}/tenants/${acme.id}/calls`)).status).toBe(200);
    expect((await operator.get(`/console/${acme.id}/calls`)).status).toBe(401);
  });

  test('a tenant may have any name: none is taken for the operator', async () => {
    for (const name of ['operator', 'admin', 'assets', 'tenants']) {
      await admin('POST', '/tenants', { id: name });
      const named = await HttpTenant.issue(name, { scopes: ['blackboard:read'] });
      const person = new ConsoleBrowser();
      await person.signIn(named.token);
      expect(await person.page(`/console/${name}/boards`)).toContain(`<span class="tenant">${name}</span>`);
      expect((await person.get(`${HOME}/tenants`)).status).toBe(401);
      await operate('DELETE', `/tenants/${name}`);
    }
  });
});

describe('a tenant’s pages', () => {
  const records = async (filter: string) => {
    const listed = await operate('GET', `/tenants/${acme.id}/calls?${filter}`);
    return listed.calls as { tool: string; token_id: string; by?: string; run: number }[];
  };

  test('are those that the tenant sees, also while it is suspended', async () => {
    await call(acme.token, 'blackboard_write', { key: 'plan', value: 'notes' });
    const pages = [...PAGES.map(({ path }) => path), 'board?board=default', 'cell?board=default&key=plan'];
    for (const path of pages) {
      const page = await operator.page(`${HOME}/tenants/${acme.id}/${path}`);
      expect(page, path).toContain(`href="${HOME}/tenants/${acme.id}/runs"`);
      expect(page, path).not.toContain(`"/console/${acme.id}/`);
    }
    await operate('POST', `/tenants/${acme.id}/suspend`);
    const page = await operator.page(`${HOME}/tenants/${acme.id}/cell?board=default&key=plan`);
    await operate('POST', `/tenants/${acme.id}/resume`);
    expect(page).toContain('notes');
  });

  test('are recorded as the operator’s, charged to nobody, and counted as no use of the tenant', async () => {
    const before = await operate('GET', `/tenants/${acme.id}`);
    const used = await operate('GET', `/tenants/${acme.id}/usage`);
    await operator.page(`${HOME}/tenants/${acme.id}/cell?board=default&key=plan`);
    await operator.page(`${HOME}/tenants/${acme.id}/limits`);
    const looked = await records('token=operator&internal=true');
    expect(looked.slice(0, 4)).toMatchObject([
      { tool: 'records_summary', by: 'Ann' },
      { tool: 'console_limits', by: 'Ann' },
      { tool: 'records_list', by: 'Ann' },
      { tool: 'blackboard_read', by: 'Ann', args: { key: 'plan' } },
    ]);
    expect((await records('key=plan&tool=blackboard_read'))[0]).toMatchObject({ token_id: 'operator' });
    // What was only looked at is not in the way of what was done.
    expect((await records('token=operator')).map(({ tool }) => tool)).not.toContain('blackboard_read');
    const runs = await operate('GET', `/tenants/${acme.id}/runs`);
    expect((runs.runs as { run: number }[]).map(({ run }) => run)).not.toContain(looked[3]?.run);
    const after = await operate('GET', `/tenants/${acme.id}`);
    expect(after.calls).toEqual(before.calls);
    expect((await operate('GET', `/tenants/${acme.id}/usage`)).total).toEqual(used.total);
    const limits = await jsonOf(await call(acme.token, 'tenant_limits'));
    expect(limits.limits).toEqual([]);
  });

  test('are bounded in number for each tenant', async () => {
    const tenant = await HttpTenant.create();
    const answers = new Set<number>();
    for (let sent = 0; sent < 200 && !answers.has(429); sent++)
      answers.add((await operator.get(`${HOME}/tenants/${tenant.id}/runs`)).status);
    expect([...answers]).toEqual([200, 429]);
  });

  test('of a tenant that does not exist say so, and make none', async () => {
    for (const path of ['calls', 'limits', 'tokens', 'connections']) {
      const missing = await operator.get(`${HOME}/tenants/no-such-tenant/${path}`);
      expect([missing.status, await missing.text()]).toEqual([
        404,
        expect.stringMatching(/no (such )?tenant/),
      ]);
    }
    expect((await admin('GET', '/tenants/no-such-tenant')).status).toBe(404);
    expect((await operator.get(`${HOME}/tenants/UPPER/calls`)).status).toBe(404);
  });
});
