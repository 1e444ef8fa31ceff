import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { TOOL_FAMILIES } from '../../src/tools/catalogue.ts';
import { FAMILIES, UNSCOPED_FAMILY } from '../../src/tools/families.ts';
import { callTool, HttpTenant, jsonOf, listTools, send } from '../support/http.ts';

const post = (token: string | undefined, query: string, body: unknown) =>
  send(`/mcp${query}`, {
    method: 'POST',
    headers: {
      authorization: token === undefined ? undefined : `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify(body),
  });

const named = (...families: string[]) =>
  catalogue.tools.map((tool) => tool.name).filter((name) => families.includes(name.split('_')[0] ?? ''));

const listed = async ({ token }: HttpTenant, query: string): Promise<string[]> => {
  const { result } = await jsonOf(await post(token, query, listTools));
  return result.tools.map((tool: { name: string }) => tool.name);
};

test('the families are those of the catalogue', () => {
  expect(TOOL_FAMILIES).toEqual([...FAMILIES, UNSCOPED_FAMILY]);
});

test.each([
  ['?tools=blackboard', ['blackboard']],
  ['?tools=blackboard,scar', ['blackboard', 'scar']],
  ['?tools=scar%2C%20cache', ['scar', 'cache']],
  ['?tools=tenant&tools=cache', ['cache', 'tenant']],
  ['?tools=scar,scar&other=1', ['scar']],
  ['', TOOL_FAMILIES],
  ['?', TOOL_FAMILIES],
  ['?other=1', TOOL_FAMILIES],
])('%s lists %j', async (query, families) => {
  const tenant = await HttpTenant.create();
  expect(await listed(tenant, query)).toEqual(named(...families));
});

test('lists no tool that the token may not call', async () => {
  const tenant = await HttpTenant.create({ scopes: ['scar:read', 'cache:read'] });
  const all = await listed(tenant, '');
  expect(await listed(tenant, '?tools=scar')).toEqual(all.filter((name) => name.startsWith('scar_')));
  expect(await listed(tenant, '?tools=blackboard')).toEqual([]);
});

const instructionsOf = async ({ token }: HttpTenant, query: string): Promise<string> => {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params };
  return (await jsonOf(await post(token, query, initialize))).result.instructions;
};

test('the instructions are about the families that are listed for the token', async () => {
  const about = (text: string) => FAMILIES.filter((family) => text.includes(`${family}_`));
  const all = await HttpTenant.create();
  expect(about(await instructionsOf(all, ''))).toEqual(FAMILIES);
  expect(about(await instructionsOf(all, '?tools=scar'))).toEqual(['scar']);
  const some = await HttpTenant.create({ scopes: ['scar:read', 'cache:read'] });
  expect(about(await instructionsOf(some, ''))).toEqual(['scar', 'cache']);
  expect(about(await instructionsOf(some, '?tools=blackboard'))).toEqual([]);
});

test.each([
  '?tools=nothing',
  '?tools=blackboard,nothing',
  '?tools=',
  '?tools=Blackboard',
  '?tools=blackboard,,scar',
])('%s is refused, naming those there are', async (query) => {
  const tenant = await HttpTenant.create();
  const refused = await post(tenant.token, query, listTools);
  expect(refused.status).toBe(400);
  const { error } = await jsonOf(refused);
  expect(error.data.code).toBe('unknown_family');
  for (const family of TOOL_FAMILIES) expect(error.message).toContain(family);
  expect(error.message).not.toContain('nothing');
});

test('a credential is asked for before the families are looked at', async () => {
  expect((await post(undefined, '?tools=nothing', listTools)).status).toBe(401);
});

describe('a call', () => {
  test('of a tool outside the families is an unknown tool, and changes nothing', async () => {
    const tenant = await HttpTenant.create();
    const write = callTool('blackboard_write', { key: 'a', value: 1 });
    const { error } = await jsonOf(await post(tenant.token, '?tools=scar', write));
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('tools/list') });
    const { result } = await jsonOf(await post(tenant.token, '?tools=blackboard', write));
    expect(result.structuredContent).toMatchObject({ status: 'created' });
  });

  test('of a tool of the families is answered, in 2026-07-28 too', async () => {
    const tenant = await HttpTenant.create();
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const call = async (query: string) => {
      const response = await send(`/mcp${query}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tenant.token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'tenant_limits',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'tenant_limits', arguments: {}, _meta },
        }),
      });
      return jsonOf(response);
    };
    expect((await call('?tools=tenant')).result.isError).toBeFalsy();
    expect((await call('?tools=scar')).error.code).toBe(-32602);
  });
});
