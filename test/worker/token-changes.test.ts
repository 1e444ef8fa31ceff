import { beforeAll, describe, expect, test } from 'vitest';
import { ALL_SCOPES, TOKENS_SCOPE } from '../../src/tools/families.ts';
import { HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { bearer, call } from '../support/v1.ts';

/** `/v1/tokens`: a tenant's own tokens manage its tokens. */

const DAY_S = 86_400;
let acme: HttpTenant;

beforeAll(async () => {
  acme = await HttpTenant.create({
    scopes: [TOKENS_SCOPE, 'records:read', 'blackboard:read', 'blackboard:write'],
  });
});

async function ask(method: string, path = '', body?: unknown, token = acme.token) {
  const response = await send(`/v1/tokens${path}`, {
    method,
    headers: { authorization: bearer(token), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, ...(await jsonOf(response)) } as Record<string, unknown> & {
    status: number;
  };
}

const issue = (options: Record<string, unknown> = {}) =>
  ask('POST', '', { label: 'ci', scopes: ['blackboard:read', 'blackboard:write'], ttl_s: 600, ...options });
const boards = async (token: unknown) => (await call(String(token), 'blackboard_list')).status;
const write = async (token: unknown) =>
  (await call(String(token), 'blackboard_write', { run_id: 'r', key: 'k', value: 1 })).status;

describe('a token with tokens:write', () => {
  test('issues one that works, narrows it and revokes it, each of which holds at once', async () => {
    const issued = await issue({ tools: ['blackboard_list', 'blackboard_write'] });
    expect(issued).toMatchObject({
      status: 201,
      token: expect.stringMatching(/^eyJ/),
      scopes: ['blackboard:read', 'blackboard:write'],
      tools: ['blackboard_list', 'blackboard_write'],
      url: 'https://mcp.test/mcp',
    });
    const { token, token_id: id } = issued;
    expect([await boards(token), await write(token)]).toEqual([200, 200]);
    const narrowed = await ask('PATCH', `/${id}`, {
      remove: ['blackboard:write'],
      tools: ['blackboard_list'],
    });
    expect(narrowed).toMatchObject({ status: 200, scopes: ['blackboard:read'], tools: ['blackboard_list'] });
    expect([await boards(token), await write(token)]).toEqual([200, 403]);
    expect(await ask('DELETE', `/${id}`)).toMatchObject({ status: 200, revoked_at: expect.any(String) });
    expect(await boards(token)).toBe(401);
    const { tokens } = await ask('GET');
    expect(tokens).toContainEqual(expect.objectContaining({ token_id: id, scopes: ['blackboard:read'] }));
  });

  test('each change is a record that names who made it, from what to what', async () => {
    const { token_id: id } = await issue({ label: 'recorded' });
    await ask('PATCH', `/${id}`, { remove: ['blackboard:write'] });
    await ask('DELETE', `/${id}`);
    await ask('DELETE', '/nothing');
    const { calls } = await operate('GET', `/tenants/${acme.id}/calls?tool=admin&limit=4`);
    expect(calls).toMatchObject([
      { outcome: 'error', code: 'not_found', args: { action: 'revoke token nothing' } },
      {
        token_id: acme.tokenId,
        args: { action: `revoke token ${id}`, by: `token ${acme.tokenId.slice(0, 8)}` },
      },
      {
        token_id: acme.tokenId,
        args: {
          action: `narrow token ${id}`,
          changed: [
            { what: `token ${id} scopes`, from: 'blackboard:read blackboard:write', to: 'blackboard:read' },
          ],
        },
      },
      { token_id: acme.tokenId, args: { action: 'issue token' } },
    ]);
  });

  test.each([
    ['a scope that it lacks', { scopes: ['scar:read'] }, 'scopes', /you do not have scar:read/],
    ['more life than it has', { ttl_s: 365 * DAY_S }, 'ttl_s', /cannot live longer/],
    ['no scope', { scopes: [] }, 'scopes', /./],
    ['a tool that is not there', { tools: ['nothing'] }, undefined, /no tool named nothing/],
    [
      'nothing that reads, to read only',
      { scopes: ['blackboard:write'], read_only: true },
      'read_only',
      /reads/,
    ],
    ['a field that is unknown', { admin: true }, undefined, /admin/],
  ])('issues none with %s', async (_name, options, field, detail) => {
    const refused = await issue(options);
    expect([refused.status, refused.field]).toEqual([400, field]);
    expect(String(refused.detail)).toMatch(detail);
  });

  test.each([
    ['nothing', {}],
    ['a scope that it does not have', { remove: ['scar:read'] }],
    ['every scope', { remove: [...ALL_SCOPES] }],
    ['a tool more', { tools: ['blackboard_list', 'blackboard_read'] }],
    ['the tools that it has', { tools: ['blackboard_list'] }],
  ])('narrows none by %s', async (_name, change) => {
    const { token_id: id } = await issue({ tools: ['blackboard_list'] });
    expect((await ask('PATCH', `/${id}`, change)).status).toBe(400);
  });

  test('a token that has ended is not narrowed, and one that nobody has is not found', async () => {
    const { token_id: id } = await issue();
    await ask('DELETE', `/${id}`);
    expect((await ask('PATCH', `/${id}`, { remove: ['blackboard:write'] })).status).toBe(409);
    expect((await ask('PATCH', '/nothing', { remove: ['blackboard:write'] })).status).toBe(404);
    expect((await ask('DELETE', `/${acme.tokenId.slice(0, 8)}`)).status).toBe(404);
  });

  test('reaches no other tenant', async () => {
    const other = await HttpTenant.create();
    expect((await ask('DELETE', `/${other.tokenId}`)).status).toBe(404);
    expect((await call(other.token, 'blackboard_list')).status).toBe(200);
  });
});

describe('refused are', () => {
  test('a token without the scope, with every other one', async () => {
    const { token } = await HttpTenant.issue(acme.id, {
      scopes: ALL_SCOPES.filter((scope) => scope !== TOKENS_SCOPE),
    });
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['POST', '', { scopes: ['blackboard:read'], ttl_s: 600 }],
      ['PATCH', `/${acme.tokenId}`, { remove: ['blackboard:write'] }],
      ['DELETE', `/${acme.tokenId}`, undefined],
    ] as const)
      expect(await ask(method, path, body, token)).toMatchObject({ status: 403, code: 'insufficient_scope' });
  });

  test('a token that is held to single tools', async () => {
    const { token } = await HttpTenant.issue(acme.id, {
      scopes: [...ALL_SCOPES],
      tools: ['blackboard_list'],
    });
    expect(await ask('GET', '', undefined, token)).toMatchObject({ status: 403, code: 'tool_not_allowed' });
  });

  test('nobody', async () => {
    expect((await send('/v1/tokens')).status).toBe(401);
  });
});
