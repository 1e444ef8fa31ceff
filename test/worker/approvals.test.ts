import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { parseTenantId } from '../../src/tenant/contract/call.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { admin, HttpTenant, jsonOf, listTools, operate, postMcp, send } from '../support/http.ts';
import { modern } from '../support/streams-worker.ts';
import { bearer, call as callPlainly } from '../support/v1.ts';

/** Approvals over HTTP: the operator's API, the tenant's, and redemption in each protocol. */

const WRITE = { key: 'k', value: 1 };

async function holding(): Promise<HttpTenant> {
  const tenant = await HttpTenant.create();
  await operate('PATCH', `/tenants/${tenant.id}/policy`, { tool: 'blackboard_write', approval: true });
  return tenant;
}

async function hold(tenant: HttpTenant, args: object = WRITE): Promise<string> {
  const { isError, structuredContent } = await tenant.call('blackboard_write', args);
  expect([isError, structuredContent.error.code]).toEqual([true, 'pending_approval']);
  return structuredContent.error.approval_id;
}

const decide = (tenant: HttpTenant, id: string, body: object = { decision: 'approve' }) =>
  admin('POST', `/tenants/${tenant.id}/approvals/${id}`, body, { 'bulkhead-as': 'ann' });
const namesOf = async (response: Response): Promise<string[]> =>
  (await jsonOf(response)).result.tools.map(({ name }: { name: string }) => name);

describe('the policy', () => {
  test('names tools, or all that may destroy something, with exceptions', async () => {
    const tenant = await HttpTenant.create();
    const path = `/tenants/${tenant.id}/policy`;
    expect((await admin('GET', path)).body).toEqual({ tools: {}, destructive: false, needs_approval: [] });
    const { body } = await admin('PATCH', path, { destructive: true });
    expect(body.needs_approval).toEqual(expect.arrayContaining(['blackboard_delete', 'scar_delete']));
    expect(body.needs_approval).not.toContain('tenant_approval');
    const excepted = await operate('PATCH', path, { tool: 'scar_delete', approval: false });
    expect(excepted.needs_approval).not.toContain('scar_delete');
    const unset = await operate('PATCH', path, { tool: 'scar_delete', approval: null });
    expect(unset).toMatchObject({ tools: {}, destructive: true });
    expect(unset.needs_approval).toContain('scar_delete');
  });

  test.each([
    [{ tool: 'no_such_tool', approval: true }, 'no tool named no_such_tool'],
    [{ tool: 'tenant_approval', approval: true }, 'never needs approval'],
    [{ tool: 'resources_read', approval: true }, 'no tool named'],
    [{ tool: 'blackboard_write' }, '{"tool": NAME, "approval"'],
    [{ destructive: 'yes' }, '"destructive": true or false'],
    [{}, 'must be'],
  ])('refuses %j', async (change, message) => {
    const tenant = await HttpTenant.create();
    const { status, body } = await admin('PATCH', `/tenants/${tenant.id}/policy`, change);
    expect([status, body.code]).toEqual([400, 'invalid_input']);
    expect(body.detail).toContain(message);
  });

  test('lets clients see the tool that redeems, also those that are held to other tools', async () => {
    const tenant = await HttpTenant.create();
    const issued = await operate('POST', `/tenants/${tenant.id}/tokens`, { tools: ['blackboard_write'] });
    const narrow = new HttpTenant(tenant.id, {
      token_id: String(issued.token_id),
      token: String(issued.token),
    });
    const byUrl = () =>
      send('/mcp?tools=blackboard_write', {
        method: 'POST',
        headers: {
          authorization: bearer(tenant.token),
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify(listTools),
      });
    expect(await namesOf(await narrow.post(listTools))).toEqual(['blackboard_write']);
    expect(await namesOf(await byUrl())).toEqual(['blackboard_write']);
    await operate('PATCH', `/tenants/${tenant.id}/policy`, { tool: 'blackboard_write', approval: true });
    const both = ['blackboard_write', 'tenant_approval'];
    expect(await namesOf(await narrow.post(listTools))).toEqual(both);
    expect(await namesOf(await byUrl())).toEqual(both);
    const id = await hold(narrow);
    await decide(tenant, id);
    expect((await narrow.call('tenant_approval', { approval_id: id })).structuredContent.status).toBe('done');
  });
});

describe('a decision', () => {
  test('is made by the operator, who sees the call in full, and is recorded once', async () => {
    const tenant = await holding();
    const id = await hold(tenant);
    const path = `/tenants/${tenant.id}/approvals`;
    const listed = (await admin('GET', path)).body;
    expect(listed).toMatchObject({
      approvals: [{ approval_id: id, state: 'pending', tool: 'blackboard_write', token_id: tenant.tokenId }],
      standing: [],
    });
    expect((await admin('GET', `${path}/${id}`)).body).toMatchObject({
      approval_id: id,
      destructive: false,
      reaches_other_systems: false,
      args: WRITE,
      dry_run: { answer: { status: 'created' }, changes: ['rev 1: set default/k'] },
    });
    const { status, body } = await decide(tenant, id, {
      decision: 'approve',
      standing: true,
      reason: 'Fine.',
    });
    expect([status, body.state, body.decided_by]).toEqual([200, 'approved', 'operator (ann)']);
    expect((await admin('GET', path)).body.standing).toMatchObject([{ approval_id: id }]);
    const { calls } = (await admin('GET', `/tenants/${tenant.id}/calls?tool=admin&limit=1`)).body;
    expect(calls).toMatchObject([
      {
        approval: id,
        status: 'approved',
        decided_by: 'operator (ann)',
        args: { standing: true, reason: 'Fine.' },
      },
    ]);
  });

  test.each([
    [{ decision: 'maybe' }, 400, 'decision'],
    [{ decision: 'refuse', standing: true }, 400, 'standing'],
    [{ decision: 'approve', reason: 'x'.repeat(501) }, 400, 'reason'],
    [{}, 400, 'decision'],
  ])('that is %j is refused', async (body, status, field) => {
    const tenant = await holding();
    const answered = await decide(tenant, await hold(tenant), body);
    expect([answered.status, answered.body.field]).toEqual([status, field]);
  });

  test('of a call that does not exist or is over is refused', async () => {
    const tenant = await holding();
    expect((await decide(tenant, 'ap_nothing')).status).toBe(404);
    const id = await hold(tenant);
    await decide(tenant, id, { decision: 'refuse', reason: 'No.' });
    expect((await decide(tenant, id)).status).toBe(409);
    const other = await holding();
    expect((await decide(other, id)).status).toBe(404);
  });

  test('is no business of a token, whatever its scopes, which may only read with approvals:write', async () => {
    const tenant = await holding();
    const id = await hold(tenant);
    const approver = await HttpTenant.issue(tenant.id, { scopes: [...SCOPES, 'approvals:write'] as Scope[] });
    const ask = (token: string, path: string, method = 'GET', body?: object) =>
      send(`/v1/approvals${path}`, {
        method,
        headers: { authorization: bearer(token), 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    expect((await ask(tenant.token, '')).status).toBe(403);
    expect((await ask(tenant.token, `/${id}`)).status).toBe(403);
    expect((await jsonOf(await ask(approver.token, ''))).approvals).toMatchObject([{ approval_id: id }]);
    expect((await jsonOf(await ask(approver.token, `/${id}`))).args).toEqual(WRITE);
    for (const token of [tenant.token, approver.token]) {
      const refused = await ask(token, `/${id}`, 'POST', { decision: 'approve' });
      expect([refused.status, (await jsonOf(refused)).code]).toEqual([
        403,
        token === approver.token ? 'forbidden' : 'insufficient_scope',
      ]);
    }
    const name = parseTenantId(tenant.id);
    if (name === undefined) throw new Error('not an id');
    // Not even where the page of the console decides: the token is nobody's own session.
    const request = {
      requestId: 'r',
      trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined },
      receivedAt: Date.now(),
    };
    const decision = { approve: true, standing: false, reason: undefined };
    const by = { kind: 'member', grant: approver.tokenId as never } as const;
    expect(await env.TENANTS.getByName(name).decideApproval(by, id, decision, request)).toMatchObject({
      ok: false,
      error: { reason: 'forbidden' },
    });
    expect((await admin('GET', `/tenants/${tenant.id}/approvals/${id}`)).body.state).toBe('pending');
  });
});

describe('an approved call is redeemed', () => {
  test('by the 2026 revision', async () => {
    const tenant = await holding();
    const id = await hold(tenant);
    await decide(tenant, id);
    const { body, headers } = modern(
      'tools/call',
      { name: 'tenant_approval', arguments: { approval_id: id } },
      'tenant_approval',
    );
    const answer = await jsonOf(await postMcp(tenant.token, body, headers));
    expect(answer.result.structuredContent).toMatchObject({ status: 'done', answer: { status: 'created' } });
  });

  test('by many at once, which have the same answer of one run', async () => {
    const tenant = await holding();
    const id = await hold(tenant);
    await decide(tenant, id);
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () =>
        jsonOf(await callPlainly(tenant.token, 'tenant_approval', { approval_id: id })),
      ),
    );
    expect(answers).toEqual(Array(8).fill(answers[0]));
    expect(answers[0]).toMatchObject({ status: 'done', answer: { status: 'created', rev: 1 } });
  });

  test('while it waits', async () => {
    const tenant = await holding();
    const id = await hold(tenant);
    const waiting = callPlainly(tenant.token, 'tenant_approval', { approval_id: id, wait_s: 20 });
    expect((await decide(tenant, id)).status).toBe(200);
    expect(await jsonOf(await waiting)).toMatchObject({ status: 'done', answer: { key: 'k' } });
  });

  test('by plain HTTP, where a held call is a conflict', async () => {
    const tenant = await holding();
    const held = await callPlainly(tenant.token, 'blackboard_write', WRITE);
    expect([held.status, held.headers.get('retry-after')]).toEqual([409, '5']);
    const { approval_id, code, expires_at } = await jsonOf(held);
    expect([code, Date.parse(expires_at) > Date.now()]).toEqual(['pending_approval', true]);
    await decide(tenant, approval_id, { decision: 'refuse', reason: 'Not now.' });
    const answer = await jsonOf(await callPlainly(tenant.token, 'tenant_approval', { approval_id }));
    expect(answer).toMatchObject({ status: 'refused', reason: 'Not now.' });
  });

  test('in a batch', async () => {
    const tenant = await holding();
    const message = (id: number, name: string, args: object) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name, arguments: args },
    });
    const batch = async (...messages: object[]) =>
      jsonOf(
        await tenant.post(messages, { accept: 'application/json', 'mcp-protocol-version': '2025-03-26' }),
      );
    const [held] = (await batch(
      message(1, 'blackboard_write', WRITE),
      message(3, 'tenant_limits', {}),
    )) as unknown as { result: never }[];
    const { approval_id } = (
      held as never as { result: { structuredContent: { error: { approval_id: string } } } }
    ).result.structuredContent.error;
    await decide(tenant, approval_id);
    const redeemed = await batch(
      message(2, 'tenant_approval', { approval_id }),
      message(4, 'tenant_limits', {}),
    );
    expect(redeemed).toMatchObject([{ id: 2, result: { structuredContent: { status: 'done' } } }, { id: 4 }]);
  });
});
