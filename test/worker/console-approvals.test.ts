import { beforeAll, describe, expect, test } from 'vitest';
import { ALL_SCOPES, SCOPES, type Scope } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { newBrowser, newClient, newMember, type TestMember } from '../support/oauth-worker.ts';

/** The page Approvals, inside workerd: what it shows, and who may decide on it. */

const WRITE = { run_id: 'release-42', key: 'plan', value: { steps: ['tag'], password: 'hunter2hunter2' } };

async function signedIn(member: TestMember): Promise<ConsoleBrowser> {
  const browser = new ConsoleBrowser();
  await browser.signIn(member.key);
  return browser;
}

/** A tenant whose writes need approval, and a member of it. */
async function holding(
  scopes: readonly Scope[] = ALL_SCOPES,
): Promise<{ member: TestMember; agent: HttpTenant }> {
  const member = await newMember({ scopes: [...scopes] });
  await operate('PATCH', `/tenants/${member.tenant}/policy`, { tool: 'blackboard_write', approval: true });
  return { member, agent: await HttpTenant.issue(member.tenant, { scopes: [...SCOPES] }) };
}

async function hold(agent: HttpTenant, args: object = WRITE): Promise<string> {
  return (await agent.call('blackboard_write', args)).structuredContent.error.approval_id;
}

const redeem = async (agent: HttpTenant, id: string) =>
  (await agent.call('tenant_approval', { approval_id: id })).structuredContent;
const decide = (browser: ConsoleBrowser, home: string, id: string, fields: Record<string, string>) =>
  browser.post(`${home}/approvals/${id}`, new URLSearchParams(fields).toString());

let member: TestMember;
let agent: HttpTenant;
let browser: ConsoleBrowser;
let home: string;
beforeAll(async () => {
  ({ member, agent } = await holding());
  browser = await signedIn(member);
  home = `/console/${member.tenant}`;
}, 60_000);

test('an empty page teaches how a call comes to wait', async () => {
  const page = await browser.page(`${home}/approvals`);
  expect(page).toContain('No call waits for approval.');
  expect(page).toContain(`npm run -s tenant -- policy ${member.tenant} --tool`);
});

describe('a member', () => {
  test('sees a held call in full, with what it would do, and approves it once', async () => {
    const id = await hold(agent);
    expect(await browser.page(`${home}/approvals`)).toContain(`href="${home}/approvals/${id}"`);
    const page = await browser.page(`${home}/approvals/${id}`);
    for (const text of [
      'release-42',
      'plan',
      'set release-42/plan',
      '&quot;status&quot;: &quot;created&quot;',
      'Approve once',
    ])
      expect(page).toContain(text);
    expect(page).not.toContain('hunter2');
    const answer = await decide(browser, home, id, { action: 'approve' });
    expect(answer.status).toBe(303);
    const list = await browser.page(answer.headers.get('location') ?? '');
    expect(list).toContain('The call of blackboard_write was approved.');
    expect(list).toContain(`member ${member.id} (Ann)`);
    expect(await redeem(agent, id)).toMatchObject({ status: 'done' });
    const { calls } = (await admin('GET', `/tenants/${member.tenant}/calls?tool=admin&limit=1`)).body;
    expect(calls).toMatchObject([
      { approval: id, status: 'approved', decided_by: `member ${member.id} (Ann)` },
    ]);
    expect(await browser.page(`${home}/approvals/${id}`)).toContain('Its answer');
  });

  test('refuses with a reason, which the agent is told', async () => {
    const id = await hold(agent);
    const empty = await decide(browser, home, id, { action: 'refuse', reason: ' ' });
    expect([empty.status, await empty.text()]).toEqual([400, expect.stringContaining('Give a reason')]);
    const long = await decide(browser, home, id, { action: 'refuse', reason: 'x'.repeat(501) });
    expect([long.status, await long.text()]).toEqual([400, expect.stringContaining('x'.repeat(501))]);
    expect((await decide(browser, home, id, { action: 'refuse', reason: 'Not <now>.' })).status).toBe(303);
    expect(await redeem(agent, id)).toMatchObject({ status: 'refused', reason: 'Not <now>.' });
    const late = await decide(browser, home, id, { action: 'approve' });
    expect([late.status, await late.text()]).toEqual([
      400,
      expect.stringContaining('is refused, so it cannot'),
    ]);
    expect(await browser.page(`${home}/approvals/${id}`)).toContain('Not &lt;now&gt;.');
  });

  test('approves for a run, sees that it stands, and takes it back', async () => {
    const id = await hold(agent);
    await decide(browser, home, id, { action: 'standing' });
    expect(await browser.page(`${home}/approvals`)).toContain('<h2>Standing</h2>');
    expect((await agent.call('blackboard_write', { key: 'later', value: 1 })).isError).toBeUndefined();
    await redeem(agent, id);
    expect(await browser.page(`${home}/approvals/${id}`)).toContain('Take it back');
    await decide(browser, home, id, { action: 'refuse', reason: 'Enough.' });
    expect(await browser.page(`${home}/approvals`)).not.toContain('<h2>Standing</h2>');
    expect((await agent.call('blackboard_write', { key: 'latest', value: 1 })).isError).toBe(true);
  });

  test('is told that a call does not exist, or that a form has no such action', async () => {
    expect((await browser.get(`${home}/approvals/ap_nothing`)).status).toBe(404);
    const id = await hold(agent, { key: 'x', value: 1 });
    expect((await decide(browser, home, id, { action: 'delete' })).status).toBe(400);
    expect((await decide(browser, home, 'ap_nothing', { action: 'approve' })).status).toBe(404);
  });
});

describe('nobody else decides', () => {
  const stateOf = async (id: string) =>
    (await admin('GET', `/tenants/${member.tenant}/approvals/${id}`)).body.state;

  test('by a form of another site', async () => {
    const id = await hold(agent, { key: 'foreign', value: 1 });
    const sent = await browser.post(`${home}/approvals/${id}`, 'action=approve', {
      origin: 'https://evil.example',
    });
    expect([sent.status, await stateOf(id)]).toEqual([403, 'pending']);
  });

  test('signed in with a token, whatever its scopes are, which only reads', async () => {
    const id = await hold(agent, { key: 'by token', value: 1 });
    const issued = await HttpTenant.issue(member.tenant, { scopes: [...ALL_SCOPES] });
    const reader = new ConsoleBrowser();
    await reader.signIn(issued.token);
    const page = await reader.page(`${home}/approvals/${id}`);
    expect(page).toContain('by token');
    expect(page).toContain('which only reads. To decide this call, sign in as a member');
    expect(page).not.toContain('Approve once');
    expect((await decide(reader, home, id, { action: 'approve' })).status).toBe(403);
    expect(await stateOf(id)).toBe('pending');
  });

  test('by a client that a member has let in with approvals:write, neither by the API nor by the console', async () => {
    const client = await newClient();
    const { access_token: granted } = await client.tokens(newBrowser(), member.key, {
      scope: ALL_SCOPES.join(' '),
    });
    const its = new HttpTenant(member.tenant, { token_id: '', token: granted });
    const id = await hold(its, { key: 'by grant', value: 1 });
    const answered = await send(`/v1/approvals/${id}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${granted}`, 'content-type': 'application/json' },
      body: JSON.stringify({ decision: 'approve' }),
    });
    expect([answered.status, (await jsonOf(answered)).code]).toEqual([403, 'forbidden']);
    const signedInWithIt = new ConsoleBrowser();
    await signedInWithIt.signIn(granted);
    expect((await decide(signedInWithIt, home, id, { action: 'approve' })).status).toBe(403);
    // Nor is its token worth anything in the place of a session.
    const forged = new ConsoleBrowser();
    forged.keep(member.tenant, granted);
    expect((await decide(forged, home, id, { action: 'approve' })).status).toBe(401);
    expect(await stateOf(id)).toBe('pending');
  });

  test('without approvals:write, who does not even see the page', async () => {
    const { member: other, agent: theirs } = await holding(SCOPES);
    const id = await hold(theirs);
    const outsider = await signedIn(other);
    expect(await outsider.page(`/console/${other.tenant}/limits`)).not.toContain('>Approvals<');
    for (const path of ['approvals', `approvals/${id}`])
      expect((await outsider.get(`/console/${other.tenant}/${path}`)).status).toBe(403);
    expect((await decide(outsider, `/console/${other.tenant}`, id, { action: 'approve' })).status).toBe(403);
  });

  test('of another tenant', async () => {
    const id = await hold(agent, { key: 'theirs', value: 1 });
    const { member: other } = await holding();
    const stranger = await signedIn(other);
    expect((await stranger.get(`/console/${other.tenant}/approvals/${id}`)).status).toBe(404);
    expect((await decide(stranger, `/console/${other.tenant}`, id, { action: 'approve' })).status).toBe(404);
    expect((await decide(stranger, home, id, { action: 'approve' })).status).toBe(401);
    expect(await stateOf(id)).toBe('pending');
  });
});

test('the operator decides in the console as well', async () => {
  const id = await hold(agent, { key: 'operator', value: 1 });
  const operator = new ConsoleBrowser();
  await operator.signInAsOperator({ name: 'ops' });
  const at = `/console/@operator/tenants/${member.tenant}`;
  expect(await operator.page(`${at}/approvals/${id}`)).toContain('Approve once');
  const answer = await decide(operator, at, id, { action: 'approve' });
  expect([answer.status, await operator.page(answer.headers.get('location') ?? '')]).toEqual([
    303,
    expect.stringContaining('was approved.'),
  ]);
  expect(await redeem(agent, id)).toMatchObject({ status: 'done' });
});

test('a call with very many arguments is shown in full and has no more elements than a small one', async () => {
  const elements = async (args: object) => {
    const page = await browser.page(`${home}/approvals/${await hold(agent, args)}`);
    return { page, tags: page.split('<').length };
  };
  const many = Object.fromEntries(Array.from({ length: 9000 }, (_, n) => [`member ${n}`, n]));
  const small = await elements({ key: 'small', value: 1 });
  const large = await elements({ key: 'large', value: many });
  expect(large.tags).toBe(small.tags);
  expect(large.page).toContain('&quot;member 8999&quot;: 8999');
  // Shown twice: as arguments, and cut in what the call would answer.
  expect(large.page.length).toBeLessThan(4 * JSON.stringify(many).length);
});

test('hostile text of an agent is shown as text', async () => {
  const id = await hold(agent, { key: 'h', value: '<script>alert(1)</script>\u202e' });
  const page = await browser.page(`${home}/approvals/${id}`);
  expect(page).toContain('&lt;script&gt;');
  expect(page).not.toContain('<script>alert');
  expect(page).not.toContain('\u202e');
});
