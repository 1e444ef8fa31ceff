import { beforeAll, describe, expect, test } from 'vitest';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, operate } from '../support/http.ts';
import { call } from '../support/v1.ts';

/** What the operator changes in the console. */

const HOME = '/console/@operator';

let acme: HttpTenant;
let operator: ConsoleBrowser;
let manage: string;

beforeAll(async () => {
  acme = await HttpTenant.create();
  manage = `${HOME}/tenants/${acme.id}/manage`;
  operator = new ConsoleBrowser();
  await operator.signInAsOperator({ name: 'Ann' });
});

const submit = (fields: Record<string, string>, path = manage, headers: Record<string, string> = {}) =>
  operator.post(path, new URLSearchParams(fields).toString(), headers);

/** Sends a form that is taken, and shows the page that it leads to. */
async function submitted(fields: Record<string, string>): Promise<string> {
  const taken = await submit(fields);
  const page = taken.headers.get('location') ?? '';
  if (taken.status !== 303) throw new Error(`${taken.status} ${await taken.text()}`);
  return operator.page(page);
}

const newestChange = async () => {
  const { calls } = await operate('GET', `/tenants/${acme.id}/calls?tool=admin&limit=1`);
  return (calls as { args: Record<string, unknown>; by?: string }[])[0];
};

test('a limit is edited, and the page of the limits shows the bucket at its new size', async () => {
  expect(await operator.page(manage)).toContain('name="rate"');
  const page = await submitted({ action: 'limit', tool: 'scar_check', rate: '2.5', burst: '7' });
  expect(page).toContain('role="status"');
  expect(page).toContain('The bucket of scar_check now refills 2.5 tokens a second and holds 7.');
  expect(page).toMatch(/scar_check<\/td>.*?7 of 7/s);
  expect(await newestChange()).toMatchObject({
    by: 'Ann',
    args: {
      action: 'PATCH limits',
      changed: [
        { what: 'limits.tools.scar_check.rate', to: 2.5 },
        { what: 'limits.tools.scar_check.burst', to: 7 },
      ],
    },
  });
  await call(acme.token, 'scar_check', { action: 'deploy' });
  expect(await operator.page(`${HOME}/tenants/${acme.id}/limits`)).toMatch(/scar_check<\/td>.*?\d of 7/s);
  expect(await submitted({ action: 'unset', tool: 'scar_check' })).toContain(
    'The default limit applies to scar_check',
  );
  expect(await newestChange()).toMatchObject({
    args: { changed: [{ what: 'limits.tools.scar_check.rate', from: 2.5 }, { from: 7 }] },
  });
});

test('the tenant’s bucket and that of each tool are edited as well', async () => {
  await submitted({ action: 'limit', tool: '', rate: '400', burst: '5000' });
  await submitted({ action: 'limit', tool: '*', rate: '300', burst: '4000' });
  expect((await operate('GET', `/tenants/${acme.id}`)).limits).toMatchObject({
    tenant: { rate: 400, burst: 5000 },
    tool: { rate: 300, burst: 4000 },
  });
});

test('quotas are set, and removed by an empty field', async () => {
  await submitted({ action: 'quotas', storage: '200 MB', day: '5000', month: '' });
  expect(await operate('GET', `/tenants/${acme.id}`)).toMatchObject({
    storage: { quota_bytes: 200_000_000, own_quota: true },
    calls: { day: { quota: 5000 }, month: { quota: null } },
  });
  expect(await operator.page(manage)).toMatch(/name="storage" value="200MB"/);
  expect(await newestChange()).toMatchObject({
    args: {
      changed: [
        { what: 'storage_quota_bytes', to: 200_000_000 },
        { what: 'calls.day', to: 5000 },
      ],
    },
  });
  await submitted({ action: 'quotas', storage: '', day: '', month: '' });
  expect(await operate('GET', `/tenants/${acme.id}`)).toMatchObject({
    storage: { own_quota: false },
    calls: { day: { quota: null } },
  });
});

test.each([
  [
    { action: 'limit', tool: 'scar_check', rate: 'much', burst: '7' },
    'rate',
    /Tokens a second must be a number/,
  ],
  [{ action: 'limit', tool: 'scar_check', rate: '0', burst: '7' }, 'rate', /from 0.001 to 100000/],
  [{ action: 'limit', tool: 'scar_check', rate: '1e3', burst: '7' }, 'rate', /at most three decimals/],
  [{ action: 'limit', tool: 'scar_check', rate: '5', burst: '1.5' }, 'burst', /Burst must be a whole number/],
  [{ action: 'limit', tool: '', rate: '5', burst: '1' }, '', /below the cost of/],
  [{ action: 'limit', tool: '<b>no</b>', rate: '5', burst: '7' }, '', /no tool named &lt;b&gt;no/],
  [{ action: 'quotas', storage: '1 KB', day: '', month: '' }, 'storage', /Storage must be a size from 1MiB/],
  [{ action: 'quotas', storage: '', day: '-5', month: '' }, 'day', /Calls a day must be a whole number/],
  [{ action: 'erase', name: 'other' }, 'name', /Nothing was erased/],
  [{ action: 'explode' }, '', /no such action/],
  [{}, '', /no such action/],
] as const)('%j is not taken, and the page says why, with what was typed', async (fields, field, words) => {
  const settings = async () => {
    const { status, limits, calls } = await operate('GET', `/tenants/${acme.id}`);
    return { status, limits, calls };
  };
  const before = await settings();
  const refused = await submit({ ...fields });
  const page = await refused.text();
  expect(refused.status).toBe(400);
  expect(page).toMatch(/role="alert"/);
  expect(page).toMatch(words);
  if (field !== '') expect(page).toMatch(new RegExp(`name="${field}"[^>]*aria-invalid="true"`));
  expect(await settings()).toEqual(before);
});

test('suspending and resuming hold for the next call, and are recorded from what to what', async () => {
  expect(await submitted({ action: 'suspend' })).toContain('value="resume"');
  expect((await call(acme.token, 'blackboard_list')).status).toBe(403);
  expect(await newestChange()).toMatchObject({
    args: { action: 'POST suspend', changed: [{ what: 'status', from: 'active', to: 'suspended' }] },
  });
  expect(await submitted({ action: 'resume' })).toContain('The tenant is active again.');
  expect((await call(acme.token, 'blackboard_list')).status).toBe(200);
});

test('the storage is shown and compacted', async () => {
  for (const value of [1, 2, 3]) await call(acme.token, 'blackboard_write', { key: 'plan', value });
  expect(await operator.page(manage)).toMatch(/History of boards<\/td><td class="number soft">3/);
  expect(await submitted({ action: 'compact' })).toMatch(/\d old versions and 0 expired rows were deleted/);
  expect(await newestChange()).toMatchObject({ args: { action: 'POST compact', by: 'Ann' } });
});

test('the records are verified, with the verdict in words', async () => {
  const verified = await submit({ action: 'verify' });
  expect([verified.status, await verified.text()]).toEqual([
    200,
    expect.stringMatching(/<strong>Intact\.<\/strong> Records 1 to \d+ are as they were written/),
  ]);
});

test('a tenant is erased only when its name is typed', async () => {
  const doomed = await HttpTenant.create();
  const path = `${HOME}/tenants/${doomed.id}/manage`;
  expect((await submit({ action: 'erase' }, path)).status).toBe(400);
  expect((await submit({ action: 'erase', name: acme.id }, path)).status).toBe(400);
  const erased = await submit({ action: 'erase', name: ` ${doomed.id} ` }, path);
  expect(erased.status).toBe(303);
  expect(await operator.page(erased.headers.get('location') ?? '')).toContain(`${doomed.id} was erased.`);
  expect((await admin('GET', `/tenants/${doomed.id}`)).status).toBe(404);
  expect((await operator.get(path)).status).toBe(404);
  expect((await submit({ action: 'suspend' }, path)).status).toBe(404);
});

describe('nothing is changed', () => {
  test.each([
    ['by a form of another site', { origin: 'https://evil.example' }, 403],
    ['by a form without an origin', { origin: 'null' }, 403],
    ['by JSON', { 'content-type': 'application/json' }, 415],
    ['by text', { 'content-type': 'text/plain' }, 415],
  ])('%s', async (_name, headers, status) => {
    expect((await submit({ action: 'suspend' }, manage, headers)).status).toBe(status);
    expect((await operate('GET', `/tenants/${acme.id}`)).status).toBe('active');
  });

  test('by GET, or by who is not the operator', async () => {
    expect((await operator.get(`${manage}?action=suspend`)).status).toBe(200);
    expect((await operator.send('PUT', manage)).status).toBe(405);
    const tenant = new ConsoleBrowser();
    await tenant.signIn(acme.token);
    expect((await tenant.post(manage, 'action=suspend')).status).toBe(401);
    expect((await tenant.get(manage)).status).toBe(401);
    expect((await operate('GET', `/tenants/${acme.id}`)).status).toBe('active');
  });

  test('and a notice is shown on its own page alone', async () => {
    const taken = await submit({ action: 'suspend' });
    const page = taken.headers.get('location') ?? '';
    await submit({ action: 'resume' });
    expect(await operator.page(page)).toContain('The tenant is suspended.');
    expect(await operator.page(page.replace('/manage', '/limits'))).not.toContain('The tenant is suspended.');
  });
});
