import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ALL_SCOPES, CONNECTIONS_SCOPE } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { HttpTenant, operate, type Sent } from '../support/http.ts';
import { addMember, newMember, type TestMember } from '../support/oauth-worker.ts';

/** The pages on which a member sets up, tests, rotates and removes connections. */

const CANARY = 'CANARY-of-a-form';
const CRM = {
  action: 'set',
  name: 'crm',
  url: 'https://crm.example.com/api/',
  header: 'Authorization',
  secret: `Bearer ${CANARY}`,
};

let ann: TestMember;
let browser: ConsoleBrowser;
let home: string;
/** What the service is sent, and what it answers. */
let sent: Request[] = [];
let answer: () => Response = () => new Response('{}');
const logged: string[] = [];

async function signedIn(key: string): Promise<ConsoleBrowser> {
  const fresh = new ConsoleBrowser();
  expect((await fresh.signIn(key)).status).toBe(303);
  return fresh;
}

beforeAll(async () => {
  for (const level of ['log', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((...line) => void logged.push(line.map(String).join(' ')));
  vi.stubGlobal('fetch', async (input: string, init?: RequestInit) => {
    sent.push(new Request(input, init));
    return answer();
  });
  ann = await newMember({ scopes: [...ALL_SCOPES] });
  browser = await signedIn(ann.key);
  home = `/console/${ann.tenant}/connections`;
});
afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const post = (path: string, fields: Record<string, string>, headers: Sent['headers'] = {}, by = browser) =>
  by.post(path, new URLSearchParams(fields).toString(), headers);

async function set(fields: Record<string, string> = {}): Promise<void> {
  const { status, headers } = await post(home, { ...CRM, ...fields });
  expect([status, headers.get('location')]).toEqual([303, expect.stringContaining(`${home}?notice=`)]);
}

const listed = async () =>
  (await operate('GET', `/tenants/${ann.tenant}/connections`)).connections as Record<string, unknown>[];

describe('a member', () => {
  test('is told what a connection is where there is none, and sets one up', async () => {
    expect(await browser.page(home)).toMatch(/There are no connections.*declares which it needs/s);
    const { headers } = await post(home, CRM);
    const page = await browser.page(headers.get('location') ?? '');
    expect(page).toContain('“crm” is set up. Test it on its page.');
    expect(page).toMatch(
      /href="[^"]*\/connections\/crm".*in use.*https:\/\/crm\.example\.com\/api\/.*in the header Authorization/s,
    );
    expect(await listed()).toMatchObject([{ name: 'crm', url: CRM.url, header: 'Authorization' }]);
  });

  test('tests it with its secret, and is told what the service answers', async () => {
    await set();
    for (const [status, words] of [
      [200, 'The service answered with status 200'],
      [401, 'The service answered with status 401'],
    ] as const) {
      sent = [];
      answer = () => new Response('{}', { status });
      const tested = await post(`${home}/crm`, { action: 'test' });
      expect([tested.status, await tested.text()]).toEqual([200, expect.stringContaining(words)]);
      expect(sent.map(({ url, headers }) => [url, headers.get('authorization')])).toEqual([
        [CRM.url, CRM.secret],
      ]);
    }
    answer = () => {
      throw new TypeError('network');
    };
    expect(await (await post(`${home}/crm`, { action: 'test' })).text()).toContain('It is not reachable');
    answer = () => new Response('{}');
  });

  test('rotates its secret, which the next request sends', async () => {
    await set();
    const { status, headers } = await post(`${home}/crm`, { action: 'rotate', secret: `Bearer ${CANARY}-2` });
    expect(status).toBe(303);
    expect(await browser.page(headers.get('location') ?? '')).toContain('The secret is replaced.');
    sent = [];
    await post(`${home}/crm`, { action: 'test' });
    expect(sent[0]?.headers.get('authorization')).toBe(`Bearer ${CANARY}-2`);
  });

  test('removes it, behind a question', async () => {
    await set({ name: 'old' });
    expect(await browser.page(`${home}/old`)).toMatch(/<summary class="bad">Remove<.*Yes, remove it/s);
    const { headers } = await post(`${home}/old`, { action: 'remove' });
    expect(await browser.page(headers.get('location') ?? '')).toContain('“old” is removed.');
    expect((await browser.get(`${home}/old`)).status).toBe(404);
  });

  test('is named in the record of each change, of which none has the secret', async () => {
    await set({ name: 'noted' });
    await post(`${home}/noted`, { action: 'rotate', secret: `Bearer ${CANARY}-3` });
    await post(`${home}/noted`, { action: 'remove' });
    await post(`${home}/noted`, { action: 'remove' });
    const { calls } = await operate('GET', `/tenants/${ann.tenant}/calls?tool=admin&limit=4`);
    expect(calls).toMatchObject([
      { outcome: 'error', code: 'not_found', args: { action: 'remove connection noted', by: 'Ann' } },
      { outcome: 'answer', args: { action: 'remove connection noted', by: 'Ann' } },
      { args: { action: 'rotate connection noted' } },
      { token_label: 'Ann', args: { action: 'set connection noted' } },
    ]);
    expect(JSON.stringify(calls)).not.toContain('CANARY');
    expect(logged.join('\n')).toContain('"action":"set connection noted"');
    expect(logged.join('\n')).not.toContain('CANARY');
  });

  test.each([
    ['a name that is none', { name: 'CRM 1' }, 'name'],
    ['no name', { name: '' }, 'name'],
    ['an address of the machine', { url: 'https://127.0.0.1/' }, 'url'],
    ['no https', { url: 'http://crm.example.com/' }, 'url'],
    ['no URL', { url: 'crm' }, 'url'],
    ['a header that carries no secret', { header: 'Host' }, 'header'],
    ['a secret of two lines', { secret: `Bearer\n${CANARY}` }, 'secret'],
    ['no secret', { secret: '' }, 'secret'],
  ])(
    'is told what is wrong with %s, and finds what was typed but for the secret',
    async (_name, fields, field) => {
      const before = await listed();
      const refused = await post(home, { ...CRM, ...fields });
      const page = await refused.text();
      expect([refused.status, page]).toEqual([400, expect.stringContaining('role="alert"')]);
      expect(page).toMatch(new RegExp(`name="${field}"[^>]*aria-invalid="true"`));
      if (field !== 'url') expect(page).toContain(`value="${CRM.url}"`);
      expect(page).not.toContain('CANARY');
      expect(await listed()).toEqual(before);
    },
  );

  test('does not change what is the operator’s', async () => {
    await operate('PUT', `/tenants/${ann.tenant}/connections/inside`, {
      kind: 'http',
      url: 'https://10.0.0.1/',
      header: 'Authorization',
      secret: 'x',
      allow_internal: true,
    });
    expect(await browser.page(`${home}/inside`)).toContain('only the operator changes it');
    for (const [path, fields] of [
      [home, { ...CRM, name: 'inside' }],
      [`${home}/inside`, { action: 'test' }],
      [`${home}/inside`, { action: 'rotate', secret: 'y' }],
      [`${home}/inside`, { action: 'remove' }],
    ] as const) {
      const refused = await post(path, fields);
      expect([refused.status, await refused.text()]).toEqual([
        400,
        expect.stringContaining('Only the operator manages'),
      ]);
    }
    expect(await listed()).toContainEqual(expect.objectContaining({ name: 'inside' }));
  });
});

describe('a form changes nothing', () => {
  test.each([
    ['of another site', { origin: 'https://evil.example' }, 403],
    ['of JSON', { 'content-type': 'application/json' }, 415],
  ])('%s', async (_name, headers, status) => {
    await set({ name: 'kept' });
    expect((await post(`${home}/kept`, { action: 'remove' }, headers)).status).toBe(status);
    expect(await listed()).toContainEqual(expect.objectContaining({ name: 'kept' }));
  });

  test('with a token of every scope, without the scope, or signed out', async () => {
    await set({ name: 'kept' });
    const token = new ConsoleBrowser();
    await token.signIn((await HttpTenant.issue(ann.tenant, { scopes: [...ALL_SCOPES] })).token);
    expect(await token.page(home)).toContain('You are signed in with a token');
    const scopes = ALL_SCOPES.filter((scope) => scope !== CONNECTIONS_SCOPE);
    const reader = await signedIn((await addMember(ann.tenant, { scopes })).key);
    expect(await reader.page(`${home}/kept`)).toContain('you need the scope connections:write');
    const gone = await addMember(ann.tenant, { scopes: [...ALL_SCOPES] });
    const removed = await signedIn(gone.key);
    await operate('DELETE', `/tenants/${ann.tenant}/members/${gone.id}`);
    for (const [by, status] of [
      [token, 403],
      [reader, 403],
      [removed, 401],
      [new ConsoleBrowser(), 401],
    ] as const)
      for (const fields of [{ action: 'remove' }, { action: 'rotate', secret: 'x' }, { action: 'test' }])
        expect((await post(`${home}/kept`, fields, {}, by)).status).toBe(status);
    expect((await post(home, CRM, {}, token)).status).toBe(403);
    expect(await listed()).toContainEqual(expect.objectContaining({ name: 'kept' }));
  });

  test('without an action, or of a connection that is not there', async () => {
    await set({ name: 'kept' });
    expect((await post(`${home}/kept`, {})).status).toBe(400);
    expect((await post(`${home}/nothing`, { action: 'remove' })).status).toBe(404);
    expect((await post(`${home}/NOTHING`, { action: 'remove' })).status).toBe(404);
  });
});

test('the page needs a scope that reads', async () => {
  const reader = await signedIn((await addMember(ann.tenant, { scopes: ['blackboard:read'] })).key);
  const refused = await reader.get(home);
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('records:read')]);
});

describe('a credential by OAuth', () => {
  const OAUTH = {
    action: 'set-oauth',
    name: 'shop',
    url: 'https://shop.example.com/api/',
    grant: 'client_credentials',
    token_url: 'https://login.example.com/token',
    client_id: 'bulkhead',
    client_auth: 'client_secret_post',
    client_secret: CANARY,
    scope: 'orders.read',
    resource: '',
  };

  test('is set up by a form, and tested with the access token that it gets', async () => {
    expect((await post(home, OAUTH)).status).toBe(303);
    expect(await listed()).toContainEqual(
      expect.objectContaining({
        name: 'shop',
        header: 'Authorization',
        oauth: {
          grant: 'client_credentials',
          token_url: OAUTH.token_url,
          client_id: 'bulkhead',
          client_auth: 'client_secret_post',
          scope: 'orders.read',
        },
      }),
    );
    sent = [];
    answer = () => Response.json({ access_token: 'of-the-test', token_type: 'Bearer', expires_in: 600 });
    const tested = await post(`${home}/shop`, { action: 'test' });
    expect(await tested.text()).toContain('The service answered with status 200');
    expect(sent.map(({ url, headers }) => [url, headers.get('authorization')])).toEqual([
      [OAUTH.token_url, null],
      [OAUTH.url, 'Bearer of-the-test'],
    ]);
    answer = () => new Response('{}');
  });

  test.each([
    ['token_url', { token_url: 'http://login.example.com/' }, 'The token url '],
    ['token_url', { token_url: '' }, 'The token url '],
    ['client_id', { client_id: '' }, 'The client id '],
    ['client_secret', { client_secret: '' }, 'The client secret is missing.'],
    ['client_auth', { client_auth: 'none', client_secret: '' }, 'The client auth must prove'],
    ['refresh_token', { grant: 'refresh_token' }, 'The refresh token is missing.'],
    ['name', { name: 'SHOP 1' }, 'The name '],
  ])(
    'is told that %s is wrong, and finds what was typed but for the secrets',
    async (field, fields, words) => {
      const refused = await post(home, { ...OAUTH, name: 'wrong', ...fields });
      const page = await refused.text();
      expect([refused.status, page]).toEqual([400, expect.stringContaining(words)]);
      const form = page.slice(page.indexOf('Set up one with access tokens'));
      expect(form).toMatch(new RegExp(`name="${field}"[^>]*aria-invalid="true"`));
      expect(form).toContain(`value="${OAUTH.url}"`);
      expect(page.slice(0, page.indexOf('Set up one with access tokens'))).not.toContain('role="alert"');
      expect(page).not.toContain('CANARY');
    },
  );

  test('has its refresh token rotated, and keeps its client secret', async () => {
    const bob = await newMember({ scopes: [...ALL_SCOPES] });
    const own = await signedIn(bob.key);
    const path = `/console/${bob.tenant}/connections/erp`;
    const oauth = {
      grant: 'refresh_token',
      token_url: 'https://login.example.com/token',
      client_id: 'bulkhead',
      client_secret: CANARY,
      refresh_token: CANARY,
    };
    const { action: _, name: __, header: ___, secret: ____, url } = CRM;
    await operate('PUT', `/tenants/${bob.tenant}/connections/erp`, { kind: 'http', url, oauth });
    const page = await (await own.get(path)).text();
    expect(page).toContain('New refresh token');
    expect(page).toContain('value="refresh_token"');
    const fields = { action: 'rotate', part: 'refresh_token', secret: `${CANARY}-2` };
    const rotated = await post(path, fields, {}, own);
    expect(rotated.status).toBe(303);
    expect((await post(path, { action: 'rotate', secret: CANARY }, {}, own)).status).toBe(400);
    expect(page + logged.join('')).not.toContain(CANARY);
  });
});
