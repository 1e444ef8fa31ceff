import { afterEach, describe, expect, test, vi } from 'vitest';
import { HttpTenant, jsonOf, operate } from '../support/http.ts';
import { list, read, write } from '../support/resources.ts';
import type { Answer } from '../support/tenant.ts';

afterEach(() => void vi.restoreAllMocks());

const notFound = (uri: string) => ({ code: -32602, data: { uri } });

describe('through the door', () => {
  const REQUESTS = [
    ['resources/list', {}, 'resources_list'],
    ['resources/read', { uri: 'blackboard://default/plan' }, 'resources_read'],
  ] as const;

  test.each(REQUESTS)('%s needs blackboard:read', async (method, params) => {
    const tenant = await HttpTenant.create({ scopes: ['blackboard:write', 'cache:read'] });
    const refused = await tenant.rpc(method, params);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain(
      'scope="blackboard:read blackboard:write cache:read"',
    );
    expect((await jsonOf(refused)).error.data.code).toBe('insufficient_scope');
  });

  test.each(REQUESTS)(
    '%s is refused to a revoked token and for a suspended tenant',
    async (method, params) => {
      const tenant = await HttpTenant.create();
      const other = await HttpTenant.issue(tenant.id);
      await operate('DELETE', `/tenants/${tenant.id}/tokens/${other.tokenId}`);
      expect((await other.rpc(method, params)).status).toBe(401);
      await operate('POST', `/tenants/${tenant.id}/suspend`);
      const refused = await tenant.rpc(method, params);
      expect(refused.status).toBe(403);
      expect((await jsonOf(refused)).error.data.code).toBe('suspended');
    },
  );

  test.each(REQUESTS)(
    '%s is charged to a bucket of its own and the tenant’s',
    async (method, params, tool) => {
      const tenant = await HttpTenant.create();
      await write(tenant, 'plan', 1);
      await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool, rate: 0.001, burst: 2 });
      for (const _ of [1, 2]) expect((await jsonOf(await tenant.rpc(method, params))).result).toBeDefined();
      const refused = await tenant.rpc(method, params);
      expect(refused.status).toBe(200);
      const { error } = await jsonOf(refused);
      expect(error).toMatchObject({
        code: -32000,
        data: {
          code: 'rate_limited',
          retryable: true,
          retry_after_ms: expect.any(Number),
          trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        },
      });
      expect(error.message).toContain(`${error.data.retry_after_ms} ms`);
      expect((await tenant.call('tenant_limits')).isError).toBeFalsy();
    },
  );

  test('each is one line, with its name and without a value', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'plan', 'MARKER');
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const linesOf = async (method: string, params: unknown) => {
      printed.mockClear();
      await tenant.rpc(method, params);
      expect(JSON.stringify(printed.mock.calls)).not.toContain('MARKER');
      return printed.mock.calls.map(([line]) => JSON.parse(String(line)));
    };
    for (const [method, params, tool] of REQUESTS) {
      expect(await linesOf(method, params)).toMatchObject([
        { event: 'tool.call', outcome: 'answer', tenant: tenant.id, tool, token_id: tenant.tokenId },
      ]);
    }
    expect(await linesOf('resources/list', { cursor: 'MARKER' })).toMatchObject([
      { event: 'tool.call', outcome: 'error', code: 'invalid_input', tool: 'resources_list' },
    ]);
    expect(await linesOf('resources/read', { uri: 'file:///MARKER' })).toMatchObject([
      { event: 'request.refused', code: 'protocol', http_status: 200, tenant: tenant.id },
    ]);
  });

  test('the trace of _meta comes back in an error', async () => {
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'resources_list', rate: 0.001, burst: 1 });
    const _meta = { traceparent: `00-${'7'.repeat(32)}-${'b'.repeat(16)}-01` };
    await tenant.rpc('resources/list', { _meta });
    const { error } = await jsonOf(await tenant.rpc('resources/list', { _meta }));
    expect(error.data.trace_id).toBe('7'.repeat(32));
  });

  test('what answers them is no tool to a caller', async () => {
    const tenant = await HttpTenant.create();
    const { result } = await jsonOf(await tenant.rpc('tools/list'));
    const names = result.tools.map((tool: Answer) => tool.name);
    for (const name of ['resources_list', 'resources_read']) {
      expect(names).not.toContain(name);
      const { error } = await jsonOf(await tenant.rpc('tools/call', { name, arguments: {} }));
      expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('tools/list') });
    }
  });

  test('no tenant sees a cell of another, by whatever URI', async () => {
    const [here, there] = [await HttpTenant.create(), await HttpTenant.create()];
    await write(there, 'plan', 'theirs', { run_id: there.id });
    for (const uri of [`blackboard://${there.id}/plan`, `blackboard://${there.id}/${there.id}/plan`]) {
      expect((await read(here, uri)).error).toMatchObject(notFound(uri));
    }
    expect((await list(here)).result.resources).toEqual([]);
  });

  test('a message of a batch that is not admitted is a JSON-RPC error', async () => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    const batch = [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'resources/list', params: {} }));
    const response = await tenant.post(batch, { 'mcp-protocol-version': '2025-03-26' });
    expect(await jsonOf(response)).toMatchObject([
      { id: 1, error: { code: -32000, data: { code: 'forbidden', scope: 'blackboard:read' } } },
      {
        id: 2,
        error: {
          code: -32000,
          data: { retryable: false },
          message: expect.stringContaining('--add blackboard:read'),
        },
      },
    ]);
  });
});
