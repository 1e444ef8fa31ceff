import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test, vi } from 'vitest';
import type { TenantReport } from '../../src/telemetry/metrics/report.ts';
import { VERSION } from '../../src/version.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, newTenantId, operate, send } from '../support/http.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import { call } from '../support/v1.ts';
import { failing, fetchWith } from '../support/worker-with.ts';

/** The operator's own pages: all tenants, what was done, the health of the deployment. */

const HOME = '/console/@operator';
const SETTINGS = { ...TEST_SECRETS, PUBLIC_URL: 'https://mcp.test' };

let operator: ConsoleBrowser;

beforeAll(async () => {
  operator = new ConsoleBrowser();
  await operator.signInAsOperator({ name: 'Ann' });
});

const meters = () => env.METERS.getByName('meters');

/** What a tenant reports of itself. */
const reported = (
  tenant: string,
  counted: Partial<TenantReport['counted']> = {},
  gauges: Partial<TenantReport['gauges']> = {},
): TenantReport => ({
  tenant,
  added: [],
  counted: { calls: 0, notOk: 0, refused: 0, ...counted },
  gauges: {
    status: 'active',
    storageBytes: 0,
    storageQuotaBytes: 1000,
    limitRemainingRatio: 1,
    openStreams: 0,
    waiters: 0,
    ...gauges,
  },
  anchor: undefined,
});

/** A guard against what never comes. */
const SLOW = { timeout: 20_000 };

const namesIn = (page: string) =>
  [...page.matchAll(/data-row="true" href="[^"]*\/tenants\/([a-z0-9-]+)"/g)].map(([, name]) => name);

test('a new tenant is in the list at once, and so are its suspension and its end', async () => {
  const tenant = await HttpTenant.create();
  const row = async () => operator.page(`${HOME}/tenants?prefix=${tenant.id}`);
  await vi.waitFor(async () => expect(await row()).toMatch(/status ok">ok/), SLOW);
  await operate('POST', `/tenants/${tenant.id}/suspend`);
  await vi.waitFor(async () => expect(await row()).toMatch(/suspended<\/span>/), SLOW);
  const suspended = await operator.page(`${HOME}/tenants?prefix=${tenant.id}&status=suspended`);
  expect(namesIn(suspended)).toEqual([tenant.id]);
  expect(await operator.page(`${HOME}/tenants?prefix=${tenant.id}&status=active`)).toContain(
    'No tenant matches',
  );
  await operate('DELETE', `/tenants/${tenant.id}`);
  await vi.waitFor(async () => expect(await row()).toContain('No tenant matches'), SLOW);
});

test('tenants are sorted by trouble, or as the URL says, and say what is wrong with them', async () => {
  const prefix = newTenantId();
  const id = (name: string) => `${prefix}-${name}`;
  await meters().addTenant(reported(id('fine'), { calls: 500 }));
  await meters().addTenant(reported(id('failing'), { calls: 100, notOk: 60, refused: 7 }));
  await meters().addTenant(reported(id('full'), {}, { storageBytes: 970 }));
  await meters().addTenant(reported(id('drained'), { calls: 50 }, { limitRemainingRatio: 0.02 }));
  const page = await operator.page(`${HOME}/tenants?prefix=${prefix}`);
  expect(namesIn(page)).toEqual(['drained', 'full', 'failing', 'fine'].map(id));
  for (const words of ['60 % not ok', '2.0 % of the bucket left', 'storage 97 % full', 'status ok">ok'])
    expect(page).toContain(words);
  expect(page).toContain(`${id('failing')}/calls?outcome=refused&amp;since=15m`);
  const sorted = async (sort: string) =>
    namesIn(await operator.page(`${HOME}/tenants?prefix=${prefix}&sort=${sort}`));
  expect((await sorted('calls'))[0]).toBe(id('fine'));
  expect((await sorted('refused'))[0]).toBe(id('failing'));
  expect((await sorted('storage'))[0]).toBe(id('full'));
  expect((await sorted('headroom'))[0]).toBe(id('drained'));
  expect(await sorted('nonsense')).toEqual(await sorted('trouble'));
  expect(page).toContain('data-refresh="10"');
});

test('1,500 tenants are shown 50 at a time, each once, by as many questions on every page', async () => {
  const prefix = newTenantId();
  await runInDurableObject(meters(), (object) => {
    for (let tenant = 0; tenant < 1500; tenant++)
      object.addTenant(reported(`${prefix}-${tenant}`, { calls: tenant, notOk: tenant % 40 }));
  });
  const asked: string[] = [];
  const counting = (name: string, namespace: { getByName(id: string): object }) => ({
    getByName: (id: string) =>
      new Proxy(namespace.getByName(id), {
        get: (stub, method) => {
          asked.push(`${name}.${String(method)}`);
          return (...args: unknown[]) => Reflect.get(stub, method)(...args);
        },
      }),
  });
  const counted = {
    ...SETTINGS,
    METERS: counting('meters', env.METERS as never),
    REGISTRY: counting('registry', env.REGISTRY as never),
    TENANTS: counting('tenant', env.TENANTS as never),
  };
  const seen = new Set<string | undefined>();
  let path: string | undefined = `${HOME}/tenants?prefix=${prefix}&sort=not_ok`;
  let pages = 0;
  while (path !== undefined) {
    const headers = { cookie: `__Host-bulkhead-operator=${operator.operatorCookie}` };
    const page: string = await (await fetchWith(counted, path, { headers })).text();
    const names = namesIn(page);
    expect(names.length).toBeLessThanOrEqual(50);
    for (const name of names) seen.add(name);
    path = /<a href="([^"]+)" rel="next">More tenants/.exec(page)?.[1]?.replaceAll('&amp;', '&');
    pages++;
  }
  expect([pages, seen.size]).toEqual([30, 1500]);
  expect(asked).toEqual(Array.from({ length: 30 }, () => 'meters.activity'));
});

test('a page of another list, or one that was made up, is the first page', async () => {
  const prefix = newTenantId();
  for (let tenant = 0; tenant < 60; tenant++) await meters().addTenant(reported(`${prefix}-${tenant}`));
  const first = await operator.page(`${HOME}/tenants?prefix=${prefix}`);
  const cursor = /cursor=([^"&]+)"/.exec(first)?.[1] ?? '';
  expect(namesIn(await operator.page(`${HOME}/tenants?prefix=${prefix}&cursor=${cursor}`))).toHaveLength(10);
  for (const other of [`sort=calls&cursor=${cursor}`, 'cursor=nonsense', `status=active&cursor=${cursor}`])
    expect(namesIn(await operator.page(`${HOME}/tenants?prefix=${prefix}&${other}`)), other).toHaveLength(50);
});

test('by name every tenant is there, also one that has never reported', async () => {
  const tenant = await HttpTenant.create();
  await vi.waitFor(
    async () =>
      expect(namesIn(await operator.page(`${HOME}/tenants?prefix=${tenant.id}`))).toEqual([tenant.id]),
    SLOW,
  );
  await meters().forget(tenant.id);
  for (const sort of ['name', 'trouble']) {
    const page = await operator.page(`${HOME}/tenants?prefix=${tenant.id}&sort=${sort}`);
    expect(namesIn(page)).toEqual([tenant.id]);
    expect(page).toContain('has not reported yet');
  }
});

test('without the metrics tenants are listed by name, and without the list the page says what to do', async () => {
  const headers = { cookie: `__Host-bulkhead-operator=${operator.operatorCookie}` };
  const broken = failing(new Error('down'));
  const show = async (bindings: Record<string, unknown>, path: string) => {
    const response = await fetchWith({ ...SETTINGS, ...bindings }, `${HOME}/${path}`, { headers });
    return [response.status, await response.text()] as const;
  };
  const [status, page] = await show({ METERS: broken }, 'tenants');
  expect([status, page]).toEqual([200, expect.stringContaining('The numbers cannot be read now')]);
  expect((await show({ METERS: broken, REGISTRY: broken }, 'tenants'))[0]).toBe(503);
  expect((await show({ REGISTRY: broken }, 'actions'))[0]).toBe(503);
  const [ill, health] = await show({ METERS: broken, REGISTRY: broken }, 'health');
  expect(ill).toBe(200);
  expect(health).toContain('>broken<');
  expect(health).toContain('POST /admin/registry/reset');
  const tenant = await HttpTenant.create();
  const [unreachable, said] = await show({ TENANTS: broken }, `tenants/${tenant.id}/calls`);
  expect([unreachable, said]).toEqual([503, expect.stringContaining('cannot be reached')]);
  expect((await show({ TENANTS: broken }, `tenants/${tenant.id}/manage`))[0]).toBe(503);
});

test('an empty deployment teaches how to create a tenant', async () => {
  const empty = {
    getByName: () => ({ activity: async () => [], activityOf: async () => [], list: async () => [] }),
  };
  const headers = { cookie: `__Host-bulkhead-operator=${operator.operatorCookie}` };
  const bindings = { ...SETTINGS, METERS: empty, REGISTRY: empty };
  const page = await (await fetchWith(bindings, `${HOME}/tenants`, { headers })).text();
  expect(page).toContain('npm run -s tenant -- create acme');
});

test('what was done is listed, newest first, with who said to have done it, also of a tenant that is gone', async () => {
  const tenant = await HttpTenant.create();
  const path = `${HOME}/tenants/${tenant.id}/manage`;
  await operator.post(path, 'action=limit&tool=scar_check&rate=3&burst=9');
  await operator.post(path, 'action=limit&tool=scar_check&rate=4&burst=9');
  await operator.post(path, `action=erase&name=${tenant.id}`);
  const page = await operator.page(`${HOME}/actions`);
  const rows = page.split('<tr>').filter((row) => row.includes(`/tenants/${tenant.id}/`));
  expect(rows.map((row) => /<code>([^<]+)</.exec(row)?.[1])).toEqual([
    'DELETE tenant',
    'PATCH limits',
    'PATCH limits',
    'POST tokens',
    'PATCH limits',
    'PATCH limits',
    'POST tenant',
  ]);
  expect(page).toMatch(/the deployment<\/span>.*<code>POST sign-in<\/code>.*<bdi>Ann<\/bdi>/s);
  expect(rows[0]).toContain('<bdi>Ann</bdi>');
  expect(rows[1]).toMatch(/limits\.tools\.scar_check\.rate<\/bdi>.*from <bdi>3<\/bdi>.*to <bdi>4<\/bdi>/);
  expect(rows[3]).toContain('not said');
  expect(page).not.toContain(tenant.token);
});

test('a refused action is on the list as well, and older ones are behind a link', async () => {
  const tenant = await HttpTenant.create();
  await operator.post(`${HOME}/tenants/${tenant.id}/manage`, 'action=limit&tool=&rate=3&burst=1');
  const page = await operator.page(`${HOME}/actions`);
  expect(page).toMatch(/<code>PATCH limits<\/code><span class="status bad">invalid_input/);
  for (let time = 0; time < 51; time++)
    await env.REGISTRY.getByName('registry').addAction({
      at: Date.now(),
      tenant: tenant.id,
      action: 'POST resume',
      as: undefined,
      code: undefined,
      changed: [],
    });
  const older = /<a href="([^"]+)" rel="next">/.exec(await operator.page(`${HOME}/actions`))?.[1] ?? '';
  expect(await operator.page(older)).toMatch(/invalid_input/);
});

test('the same is at /admin/actions, page by page', async () => {
  const tenant = await HttpTenant.create();
  await admin('PATCH', `/tenants/${tenant.id}/limits`, { rate: 3, burst: 1 }, { 'bulkhead-as': 'ann' });
  await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'scar_check', rate: 4, burst: 9 });
  const first = await operate('GET', '/actions?limit=1');
  expect(first.actions).toEqual([
    {
      at: expect.stringMatching(/Z$/),
      tenant: tenant.id,
      action: 'PATCH limits',
      by: null,
      code: null,
      changed: [
        { what: 'limits.tools.scar_check.rate', to: 4 },
        { what: 'limits.tools.scar_check.burst', to: 9 },
      ],
    },
  ]);
  const second = await operate('GET', `/actions?limit=1&cursor=${first.next_cursor}`);
  expect(second.actions).toMatchObject([
    { action: 'PATCH limits', by: 'ann', code: 'invalid_input', changed: [] },
  ]);
  for (const query of ['limit=0', 'limit=201', 'cursor=nothing', 'tenant=a'])
    expect((await admin('GET', `/actions?${query}`)).status).toBe(400);
  const { next_cursor: ofTenants } = await operate('GET', '/tenants?limit=1');
  expect((await admin('GET', `/actions?cursor=${ofTenants}`)).body.field).toBe('cursor');
  const request = { method: 'GET', headers: { authorization: `Bearer ${tenant.token}` } };
  expect((await send('/admin/actions', request)).status).toBe(401);
});

test('the health of the deployment is shown in words and numbers', async () => {
  await meters().addEdge([
    { metric: 'bulkhead_http_refusals_total', labels: ['429', 'too_many_requests'], sums: [41_234] },
    { metric: 'bulkhead_spans_dropped_total', labels: [], sums: [3] },
  ]);
  const page = await operator.page(`${HOME}/health`);
  expect(page).toContain(`>${VERSION}<`);
  expect(page).toMatch(/too_many_requests<\/code><span class="tag">a fence/);
  expect(page).toMatch(/\d migrations, up to 00\d\d_\w+\.sql/);
  expect(page).toMatch(/Spans lost<\/dt><dd class="bad">3/);
});

test('texts that nobody has checked are shown as text on every page', async () => {
  const hostile = '<img src=x onerror=alert(1)>\u202E"\'&';
  const person = new ConsoleBrowser();
  await person.signInAsOperator({ name: hostile });
  const tenant = await HttpTenant.create();
  await operate('POST', `/tenants/${tenant.id}/tokens`, {
    label: hostile,
    scopes: ['records:read'],
    ttl_s: 600,
  });
  await call(tenant.token, 'blackboard_write', { key: hostile, value: hostile, by: hostile });
  const home = `${HOME}/tenants/${tenant.id}`;
  await person.post(`${home}/manage`, 'action=limit&tool=scar_check&rate=3&burst=9');
  const typed = await person.post(
    `${home}/manage`,
    new URLSearchParams({ action: 'quotas', storage: hostile, day: hostile, month: hostile }).toString(),
  );
  const paths = ['tenants', `tenants?prefix=${encodeURIComponent(hostile)}`, 'actions', 'health'].map(
    (path) => `${HOME}/${path}`,
  );
  const pages = await Promise.all(
    [
      ...paths,
      `${home}/calls`,
      `${home}/calls?token=operator&internal=true`,
      `${home}/boards`,
      `${home}/tokens`,
    ].map((path) => person.page(path)),
  );
  for (const page of [...pages, await typed.text()]) {
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u202E');
    // Without the values of attributes, which are quoted.
    expect(page.replace(/"[^"]*"/g, '""')).not.toMatch(/<[^>]*\s(?:style|on\w+)=|<style/i);
    expect(page).not.toMatch(/="\s*javascript:/i);
  }
  expect(pages.filter((page) => page.includes('⟨U+202E⟩')).length).toBeGreaterThan(3);
});
