import { beforeAll, describe, expect, test } from 'vitest';
import { ALL_SCOPES, SCOPES, TOKENS_SCOPE } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { HttpTenant, operate, type Sent } from '../support/http.ts';
import { addMember, newMember, type TestMember } from '../support/oauth-worker.ts';
import { call } from '../support/v1.ts';

/** The pages on which a member issues, narrows and revokes tokens. */

let ann: TestMember;
let browser: ConsoleBrowser;
let home: string;

async function signedIn(member: TestMember): Promise<ConsoleBrowser> {
  const fresh = new ConsoleBrowser();
  expect((await fresh.signIn(member.key)).status).toBe(303);
  return fresh;
}

beforeAll(async () => {
  ann = await newMember({ scopes: ALL_SCOPES.filter((scope) => scope !== 'cache:write') });
  browser = await signedIn(ann);
  home = `/console/${ann.tenant}/tokens`;
});

type Fields = Readonly<Record<string, string | readonly string[]>>;

function formOf(fields: Fields): string {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    for (const one of [value].flat()) body.append(name, one);
  return body.toString();
}

const post = (path: string, fields: Fields, headers: Sent['headers'] = {}, by = browser) =>
  by.post(path, formOf(fields), headers);

const ISSUE = {
  action: 'issue',
  label: 'nightly import',
  ttl: '3600',
  scope: ['blackboard:read', 'blackboard:write'],
};

/** The token that the page shows, and its id. */
async function issued(fields: Fields = {}): Promise<{ token: string; id: string; page: string }> {
  const answer = await post(home, { ...ISSUE, ...fields });
  const page = await answer.text();
  expect([answer.status, page]).toEqual([200, expect.stringContaining('The token is issued')]);
  const token = /<code id="token">(eyJ[^<]*)</.exec(page)?.[1] ?? '';
  const claims: { jti: string } = JSON.parse(atob(token.split('.')[1] ?? ''));
  return { token, id: claims.jti, page };
}

const statusOf = async (token: string) => (await call(token, 'blackboard_list')).status;
const tokensOf = async () =>
  (await operate('GET', `/tenants/${ann.tenant}/tokens`)).tokens as Record<string, unknown>[];

describe('issuing', () => {
  test('shows the token once, which works, and afterwards only what it is', async () => {
    const { token, id, page } = await issued();
    expect(await statusOf(token)).toBe(200);
    expect(page).toContain('blackboard:read, blackboard:write');
    for (const path of [home, `${home}/${id}`]) {
      const later = await browser.page(path);
      expect(later).toContain('nightly import');
      expect(later).not.toContain(token.split('.')[2]);
    }
    expect(await browser.page(`${home}/${id}`)).toMatch(/issued, by <bdi>Ann<\/bdi>/);
  });

  test('holds the token to the tools that are ticked, and forgets a scope without one', async () => {
    const { id } = await issued({ tools_listed: 'true', tool: ['blackboard_list'] });
    expect(await tokensOf()).toContainEqual(
      expect.objectContaining({ token_id: id, scopes: ['blackboard:read'], tools: ['blackboard_list'] }),
    );
  });

  test('offers what the member has, and marks what tokens have by default', async () => {
    const page = await browser.page(home);
    const boxes = [...page.matchAll(/name="scope" value="([^"]*)"( checked="")?/g)];
    const offered = ALL_SCOPES.filter((scope) => scope !== 'cache:write');
    expect(boxes.map(([, scope]) => scope)).toEqual(offered);
    const ticked = boxes.flatMap(([, scope, checked]) => (checked === undefined ? [] : [scope]));
    expect(ticked).toEqual(SCOPES.filter((scope) => scope !== 'cache:write'));
  });

  test('a scope that the member lacks is not given, whatever the form says', async () => {
    const { id } = await issued({ scope: ['blackboard:read', 'cache:write', 'nothing'] });
    expect(await tokensOf()).toContainEqual(
      expect.objectContaining({ token_id: id, scopes: ['blackboard:read'] }),
    );
  });

  test.each([
    ['without a label', { label: ' ' }, /Give the token a label/],
    ['with a label that cannot be seen', { label: '\u202E\u200B' }, /Give the token a label/],
    ['with too long a label', { label: 'x'.repeat(65) }, /more than 64 characters/],
    ['with two labels', { label: ['a', 'b'] }, /Give the token a label/],
    ['without a scope', { scope: [] }, /Tick at least one thing/],
    ['with a life that is not offered', { ttl: '1' }, /Choose when the token ends/],
    ['without a tool', { tools_listed: 'true', tool: [] }, /Tick at least one thing/],
  ])('%s is refused, and keeps what was typed', async (_name, fields, words) => {
    const before = (await tokensOf()).length;
    const answer = await post(home, { ...ISSUE, ...fields });
    const page = await answer.text();
    expect([answer.status, page]).toEqual([400, expect.stringMatching(words)]);
    expect(page).toContain('<details class="form" open="">');
    expect(page).toMatch(/value="blackboard:write"( checked="")?/);
    if (!('label' in fields)) expect(page).toContain('value="nightly import"');
    expect((await tokensOf()).length).toBe(before);
  });

  test('no longer than the membership', async () => {
    const brief = await addMember(ann.tenant, { name: 'Ben', scopes: [...ALL_SCOPES], ttl_s: 7200 });
    const answer = await post(home, { ...ISSUE, ttl: '86400' }, {}, await signedIn(brief));
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining('A token cannot live longer than who issues it'),
    ]);
  });

  test('a hostile label is shown as text, and its strange characters as codes', async () => {
    const label = '"><img src=x onerror=alert(1)>\u202Ex';
    const { id, page } = await issued({ label });
    for (const shown of [page, await browser.page(home), await browser.page(`${home}/${id}`)]) {
      expect(shown).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;⟨U+202E⟩x');
      expect(shown).not.toContain('<img');
    }
  });
});

describe('narrowing', () => {
  test('takes scopes and tools away, at once, and says so on the page', async () => {
    const { token, id } = await issued();
    const answer = await post(`${home}/${id}`, { action: 'narrow', scope: 'blackboard:read' });
    expect(answer.status).toBe(303);
    const location = answer.headers.get('location') ?? '';
    expect(await browser.page(location)).toContain('“nightly import” may do less from now on.');
    // The same words are not for another session.
    expect(await (await signedIn(ann)).page(location)).not.toContain('may do less');
    expect((await call(token, 'blackboard_write', { key: 'k', value: 1 })).status).toBe(403);
    const tools = { tools_listed: 'true', tool: 'blackboard_list' };
    expect(
      (await post(`${home}/${id}`, { action: 'narrow', scope: 'blackboard:read', ...tools })).status,
    ).toBe(303);
    expect((await call(token, 'blackboard_read', { key: 'k' })).status).toBe(403);
    expect(await statusOf(token)).toBe(200);
  });

  test.each([
    ['nothing', { scope: ['blackboard:read', 'blackboard:write'] }, /Nothing was taken from the token/],
    ['everything', { scope: [] }, /Leave at least one thing/],
  ])('by %s is refused', async (_name, fields, words) => {
    const { id } = await issued();
    const answer = await post(`${home}/${id}`, { action: 'narrow', ...fields });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(words)]);
  });

  test('is refused where the token was revoked in between, and of what a member has granted', async () => {
    const { id } = await issued();
    await operate('DELETE', `/tenants/${ann.tenant}/tokens/${id}`);
    const late = await post(`${home}/${id}`, { action: 'narrow', scope: 'blackboard:read' });
    expect([late.status, await late.text()]).toEqual([
      400,
      expect.stringContaining('The token is revoked or expired'),
    ]);
    const session: { jti: string } = JSON.parse(atob(browser.cookie(ann.tenant).split('.')[1] ?? ''));
    const grant = await post(`${home}/${session.jti}`, { action: 'narrow', scope: 'blackboard:read' });
    expect([grant.status, await grant.text()]).toEqual([400, expect.stringContaining('role="alert"')]);
  });

  test('never widens', async () => {
    const { id } = await issued({ scope: ['blackboard:read', 'scar:read'] });
    await post(`${home}/${id}`, { action: 'narrow', scope: ['blackboard:read', 'records:read'] });
    expect(await tokensOf()).toContainEqual(
      expect.objectContaining({ token_id: id, scopes: ['blackboard:read'] }),
    );
  });
});

describe('revoking', () => {
  test('is behind a question, holds at once, and is a record that names the member', async () => {
    const { token, id } = await issued({ label: 'old' });
    expect(await browser.page(`${home}/${id}`)).toMatch(/<summary class="bad">Revoke<.*Yes, revoke it/s);
    const answer = await post(`${home}/${id}`, { action: 'revoke' });
    expect(await browser.page(answer.headers.get('location') ?? '')).toContain('“old” is revoked.');
    expect(await statusOf(token)).toBe(401);
    const page = await browser.page(`${home}/${id}`);
    expect(page).toContain('revoked');
    expect(page).not.toContain('Yes, revoke it');
    const { calls } = await operate('GET', `/tenants/${ann.tenant}/calls?tool=admin&limit=1`);
    expect(calls).toMatchObject([{ token_label: 'Ann', args: { action: `revoke token ${id}`, by: 'Ann' } }]);
  });

  test('of one’s own session signs out', async () => {
    const other = await signedIn(ann);
    const claims: { jti: string } = JSON.parse(atob(other.cookie(ann.tenant).split('.')[1] ?? ''));
    expect(await other.page(`${home}/${claims.jti}`)).toContain('you are signed out');
    await post(`${home}/${claims.jti}`, { action: 'revoke' }, {}, other);
    expect((await other.get(home)).status).toBe(401);
  });
});

describe('a form changes nothing', () => {
  let target: string;
  beforeAll(async () => {
    target = `${home}/${(await issued({ label: 'kept' })).id}`;
  });
  const unchanged = async () => expect(await browser.page(target)).toContain('Yes, revoke it');

  test.each([
    ['of another site', { origin: 'https://evil.example' }, 403],
    ['of a page without an origin', { origin: 'null' }, 403],
    ['that another site sent', { 'sec-fetch-site': 'cross-site' }, 403],
    ['of JSON', { 'content-type': 'application/json' }, 415],
    ['of text', { 'content-type': 'text/plain' }, 415],
  ])('%s', async (_name, headers, status) => {
    const answer = await post(target, { action: 'revoke' }, headers);
    expect([answer.status, await answer.text()]).toEqual([
      status,
      expect.stringContaining('Nothing was changed'),
    ]);
    await unchanged();
  });

  test('with a token of every scope', async () => {
    const holder = new ConsoleBrowser();
    await holder.signIn((await HttpTenant.issue(ann.tenant, { scopes: [...ALL_SCOPES] })).token);
    expect(await holder.page(home)).toContain('You are signed in with a token, which only reads');
    expect(await holder.page(target)).not.toContain('Yes, revoke it');
    const answer = await post(target, { action: 'revoke' }, {}, holder);
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('sign in as a member'),
    ]);
    await unchanged();
  });

  test('of a member without the scope', async () => {
    const reader = await addMember(ann.tenant, {
      name: 'Ben',
      scopes: ALL_SCOPES.filter((scope) => scope !== TOKENS_SCOPE),
    });
    const holder = await signedIn(reader);
    expect(await holder.page(home)).toContain('you need the scope tokens:write');
    const answer = await post(target, { action: 'revoke' }, {}, holder);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('tokens:write')]);
    await unchanged();
  });

  test('of a member who was removed, or is not signed in', async () => {
    const gone = await addMember(ann.tenant, { name: 'Cleo', scopes: [...ALL_SCOPES] });
    const holder = await signedIn(gone);
    await operate('DELETE', `/tenants/${ann.tenant}/members/${gone.id}`);
    for (const by of [holder, new ConsoleBrowser()]) {
      const answer = await post(target, { action: 'revoke' }, {}, by);
      expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining('Sign in')]);
    }
    await unchanged();
  });

  test('without an action, of a token that is not there, or of another tenant', async () => {
    expect((await post(target, {})).status).toBe(400);
    expect((await post(`${home}/${'0'.repeat(24)}`, { action: 'revoke' })).status).toBe(404);
    const other = await HttpTenant.create();
    expect((await post(`${home}/${other.tokenId}`, { action: 'revoke' })).status).toBe(404);
    expect(await statusOf(other.token)).toBe(200);
    await unchanged();
  });

  test('by another method', async () => {
    expect((await browser.send('DELETE', target)).status).toBe(405);
    await unchanged();
  });
});
