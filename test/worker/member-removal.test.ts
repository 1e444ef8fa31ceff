import { expect, test } from 'vitest';
import { ALL_SCOPES, TOKENS_SCOPE } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { newBrowser, newClient, newMember, type TestMember } from '../support/oauth-worker.ts';
import { bearer, call } from '../support/v1.ts';

/** What stays of a member who is removed: nothing that the member could still use, unless the operator keeps the tokens. */

interface Issued {
  readonly token: string;
  readonly id: string;
}

const SCOPES = ['blackboard:read', 'blackboard:write', TOKENS_SCOPE] as const;
const isAlive = async ({ token }: Issued) => (await call(token, 'blackboard_list')).status === 200;

/** A token that a token issues. */
async function issueBy(token: string, label: string): Promise<Issued> {
  const answer = await send('/v1/tokens', {
    method: 'POST',
    headers: { authorization: bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify({ label, scopes: SCOPES, ttl_s: 600 }),
  });
  const { token: issued, token_id: id } = await jsonOf(answer);
  return { token: issued, id };
}

/** A token that a member issues in the console. */
async function issueInConsole(browser: ConsoleBrowser, { tenant }: TestMember): Promise<Issued> {
  const form = new URLSearchParams({ action: 'issue', label: 'by hand', ttl: '3600' });
  for (const scope of SCOPES) form.append('scope', scope);
  const page = await (await browser.post(`/console/${tenant}/tokens`, form.toString())).text();
  const token = /<code id="token">(eyJ[^<]*)</.exec(page)?.[1] ?? '';
  return { token, id: JSON.parse(atob(token.split('.')[1] ?? '')).jti };
}

/** A member with tokens of every origin, and a token of the operator's. */
async function memberWithTokens() {
  const ann = await newMember({ scopes: [...ALL_SCOPES] });
  const browser = new ConsoleBrowser();
  await browser.signIn(ann.key);
  const own = await issueInConsole(browser, ann);
  const { access_token: granted } = await (await newClient()).tokens(newBrowser(), ann.key, {
    scope: ALL_SCOPES.join(' '),
  });
  const issued = [own, await issueBy(own.token, 'by a token'), await issueBy(granted, 'by a client')];
  const operators = await HttpTenant.issue(ann.tenant, { scopes: [...SCOPES] });
  return { ann, browser, issued, operators };
}

const remove = ({ tenant, id }: TestMember, query = '') =>
  admin('DELETE', `/tenants/${tenant}/members/${id}${query}`);

test('the tokens that a member has issued end with the member, also those that these have issued', async () => {
  const { ann, issued, operators } = await memberWithTokens();
  expect(await Promise.all(issued.map(isAlive))).toEqual([true, true, true]);
  const { status, body } = await remove(ann);
  expect(status).toBe(200);
  expect(body.revoked_tokens).toEqual([
    { token_id: issued[0]?.id, label: 'by hand' },
    { token_id: issued[1]?.id, label: 'by a token' },
    { token_id: issued[2]?.id, label: 'by a client' },
  ]);
  expect(await Promise.all(issued.map(isAlive))).toEqual([false, false, false]);
  expect(await isAlive({ token: operators.token, id: '' })).toBe(true);
  const [record] = (await operate('GET', `/tenants/${ann.tenant}/calls?tool=admin&limit=1`)).calls as never[];
  expect(JSON.stringify(record)).toContain(`token ${issued[0]?.id} revokedAt`);
});

test('they stay when the operator keeps them, who is told which they are', async () => {
  const { ann, issued } = await memberWithTokens();
  expect((await remove(ann, '?keep_tokens=yes')).status).toBe(400);
  const { body } = await remove(ann, '?keep_tokens=true');
  expect([body.kept_tokens.length, body.revoked_tokens]).toEqual([3, undefined]);
  expect(await Promise.all(issued.map(isAlive))).toEqual([true, true, true]);
});

test('what the member has approved waits for somebody else, and nothing stands by their word', async () => {
  const { ann, browser, operators } = await memberWithTokens();
  await operate('PATCH', `/tenants/${ann.tenant}/policy`, { tool: 'blackboard_write', approval: true });
  const hold = async (key: string): Promise<string> =>
    (await operators.call('blackboard_write', { key, value: 1 })).structuredContent.error.approval_id;
  const approve = async (action: string, id: string) =>
    browser.post(`/console/${ann.tenant}/approvals/${id}`, new URLSearchParams({ action }).toString());
  const redeem = async (id: string) =>
    (await operators.call('tenant_approval', { approval_id: id })).structuredContent.status;
  const [once, standing, others] = [await hold('once'), await hold('standing'), await hold('others')];
  await approve('approve', once);
  await approve('standing', standing);
  await operate('POST', `/tenants/${ann.tenant}/approvals/${others}`, { decision: 'approve' });
  await remove(ann);
  expect([await redeem(once), await redeem(standing), await redeem(others)]).toEqual([
    'pending',
    'pending',
    'done',
  ]);
  const { approvals, standing: stands } = await operate('GET', `/tenants/${ann.tenant}/approvals`);
  expect(stands).toEqual([]);
  expect(approvals).toContainEqual(
    expect.objectContaining({ approval_id: once, state: 'pending', decided_by: null }),
  );
});
