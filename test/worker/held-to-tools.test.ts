import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { callTool, HttpTenant, jsonOf, listTools, operate, postMcp, send } from '../support/http.ts';
import { modern } from '../support/streams-worker.ts';

/** Tokens that are held to named tools or to reading, and URLs that narrow further. */

async function heldTo(body: Record<string, unknown>): Promise<HttpTenant> {
  const { id } = await HttpTenant.create();
  const issued = await operate('POST', `/tenants/${id}/tokens`, body);
  return new HttpTenant(id, { token_id: String(issued.token_id), token: String(issued.token) });
}

const headers = (token: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
});
const post = (token: string, query: string, body: unknown) =>
  send(`/mcp${query}`, { method: 'POST', headers: headers(token), body: JSON.stringify(body) });
const listed = async (token: string, query = ''): Promise<string[]> =>
  (await jsonOf(await post(token, query, listTools))).result.tools.map(({ name }: { name: string }) => name);
const request = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params });
const reads = catalogue.tools.filter(({ scope }) => !scope.endsWith(':write')).map(({ name }) => name);

describe('a token that is held to tools', () => {
  test('lists and calls these alone, by MCP and by plain HTTP', async () => {
    const { token } = await heldTo({ tools: ['blackboard_read', 'scar_list'] });
    expect(await listed(token)).toEqual(['blackboard_read', 'scar_list']);
    const rest = await jsonOf(await send('/v1/tools', { headers: headers(token) }));
    expect(rest.tools.map(({ name }: { name: string }) => name)).toEqual(['blackboard_read', 'scar_list']);
    expect((await jsonOf(await postMcp(token, callTool('scar_list')))).result.isError).toBeUndefined();
    const refused = await postMcp(token, callTool('blackboard_write', { key: 'a', value: 1 }));
    expect([refused.status, (await jsonOf(refused)).error.message]).toEqual([
      403,
      expect.stringContaining('may not use blackboard_write'),
    ]);
    const plain = await send('/v1/tools/cache_stats', {
      method: 'POST',
      headers: headers(token),
      body: '{}',
    });
    expect([plain.status, (await jsonOf(plain)).code]).toEqual([403, 'tool_not_allowed']);
  });

  test('sees resources only with blackboard_read among them', async () => {
    const [with_, without] = [
      await heldTo({ tools: ['blackboard_read'] }),
      await heldTo({ tools: ['scar_list'] }),
    ];
    expect((await jsonOf(await post(with_.token, '', request('resources/list')))).result.resources).toEqual(
      [],
    );
    for (const method of ['resources/list', 'resources/read']) {
      const answer = await jsonOf(
        await post(without.token, '', request(method, { uri: 'blackboard://default/a' })),
      );
      expect([method, JSON.stringify(answer.error)]).toEqual([
        method,
        expect.stringContaining('blackboard_read'),
      ]);
    }
    const templates = await post(without.token, '', request('resources/templates/list'));
    expect((await jsonOf(templates)).result.resourceTemplates).toEqual([]);
    const { body, headers: more } = modern('subscriptions/listen', {
      notifications: { resourcesListChanged: true },
    });
    const listen = await postMcp(without.token, body, more);
    expect([listen.status, (await jsonOf(listen)).error.data.code]).toEqual([403, 'tool_not_allowed']);
  });

  test('is listed as such, and a tool that there is not is refused', async () => {
    const { id } = await heldTo({ tools: ['scar_list'], read_only: true });
    const { tokens } = await operate('GET', `/tenants/${id}/tokens`);
    expect(tokens).toContainEqual(
      expect.objectContaining({
        tools: ['scar_list'],
        scopes: SCOPES.filter((scope) => scope.endsWith(':read')),
      }),
    );
    await expect(heldTo({ tools: ['scar_lists'] })).rejects.toThrow('there is no tool named scar_lists');
    await expect(heldTo({ scopes: ['scar:write'], read_only: true })).rejects.toThrow('read_only');
  });
});

test('a token that is held to reading has the scopes that read', async () => {
  const { token } = await heldTo({ read_only: true });
  expect(await listed(token)).toEqual(reads);
});

describe('a URL', () => {
  test.each([
    ['?tools=blackboard_read,scar_list', ['blackboard_read', 'scar_list']],
    ['?read_only=true', reads],
    ['?tools=scar&read_only=true', reads.filter((name) => name.startsWith('scar_'))],
    ['?tools=blackboard_write&read_only=true', []],
    ['?tools=blackboard_write&read_only=false', ['blackboard_write']],
  ])('%s narrows to %j', async (query, names) => {
    const { token } = await HttpTenant.create();
    expect(await listed(token, query)).toEqual(names);
  });

  test('narrows a token that is held to tools further, and never widens it', async () => {
    const { token } = await heldTo({ tools: ['blackboard_read', 'scar_list'] });
    expect(await listed(token, '?tools=scar,cache')).toEqual(['scar_list']);
    expect(await listed(token, '?read_only=true')).toEqual(['blackboard_read', 'scar_list']);
  });

  test('binds calls and resources, and refuses what is neither a tool nor a truth value', async () => {
    const { token } = await HttpTenant.create();
    const write = callTool('blackboard_write', { key: 'a', value: 1 });
    expect((await jsonOf(await post(token, '?read_only=true', write))).error.code).toBe(-32602);
    const resources = await jsonOf(await post(token, '?tools=scar', request('resources/list')));
    expect(JSON.stringify(resources.error)).toContain('blackboard_read');
    expect(
      (await jsonOf(await post(token, '?read_only=true', request('resources/list')))).result.resources,
    ).toEqual([]);
    expect((await post(token, '?read_only=yes', listTools)).status).toBe(400);
    expect((await post(token, '?tools=blackboard_reads', listTools)).status).toBe(400);
  });
});
