import { expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { callTool, HttpTenant, jsonOf, listTools, newAddress } from '../support/http.ts';

const namesFor = async (tenant: HttpTenant, headers = {}) => {
  const { result } = await jsonOf(await tenant.post(listTools, headers));
  return result.tools.map((tool: { name: string }) => tool.name);
};

test('a tool outside the token’s scopes is not listed, and calling it is 403 insufficient_scope', async () => {
  const tenant = await HttpTenant.create({ scopes: ['blackboard:read'] });
  const allowed = catalogue.tools.filter((tool) => tool.scope === 'any' || tool.scope === 'blackboard:read');
  const denied = catalogue.tools.filter((tool) => !allowed.includes(tool));
  expect(await namesFor(tenant)).toEqual(allowed.map((tool) => tool.name));
  expect(denied.length).toBeGreaterThan(0);
  for (const tool of denied) {
    const refused = await tenant.post(callTool(tool.name));
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer error="insufficient_scope", scope="${SCOPES.filter((scope) => scope === 'blackboard:read' || scope === tool.scope).join(' ')}", ` +
        'resource_metadata="https://mcp.test/.well-known/oauth-protected-resource/mcp"',
    );
    const { error } = await jsonOf(refused);
    expect(error).toMatchObject({ data: { code: 'insufficient_scope' } });
    expect(error.message).toContain(tool.scope);
  }
});

test('a token may do less than another one of the same tenant', async () => {
  const all = await HttpTenant.create();
  const few = await HttpTenant.issue(all.id, { scopes: ['cache:read'] });
  expect(await namesFor(all)).toEqual(catalogue.tools.map((tool) => tool.name));
  expect((await namesFor(few)).length).toBeLessThan(catalogue.tools.length);
});

test('headers that look like ours change nothing', async () => {
  const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
  const other = await HttpTenant.create();
  const limits = async (headers = {}) => {
    const { result } = await jsonOf(await tenant.post(callTool('tenant_limits'), headers));
    // The file grows by what is recorded meanwhile.
    return { ...result.structuredContent, storage: undefined };
  };
  const headers = {
    'x-tenant': other.id,
    'x-tenant-id': other.id,
    'x-bulkhead-tenant': other.id,
    'x-bulkhead-token-id': other.tokenId,
    'x-bulkhead-scopes': 'blackboard:write',
    'x-forwarded-authorization': `Bearer ${other.token}`,
    'x-forwarded-for': newAddress(),
    'x-forwarded-host': 'other.test',
    'x-http-method-override': 'DELETE',
    'cf-worker': 'other.test',
    'cf-access-jwt-assertion': other.token,
    cookie: `tenant=${other.id}; token=${other.token}`,
  };
  expect(await limits(headers)).toEqual(await limits());
  expect(await namesFor(tenant, headers)).toEqual(await namesFor(tenant));
});
