import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import app from '../../src/index.ts';
import { forge } from '../support/forge.ts';
import { callTool, jsonOf, listTools } from '../support/http.ts';

/** The Worker under other settings and bindings than those of the test server. */
async function fetchWith(
  bindings: Record<string, unknown>,
  path: string,
  init?: RequestInit,
): Promise<Response> {
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  return app.fetch(new Request(`https://mcp.test${path}`, init), { ...env, ...bindings }, context as never);
}

async function post(bindings: Record<string, unknown>, body: unknown): Promise<Response> {
  const token = await forge('acme', '0123456789abcdef01234567');
  return fetchWith(bindings, '/mcp', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: '*/*',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify(body),
  });
}

const failing = (cause: unknown) => {
  const fail = async () => {
    throw cause;
  };
  return { getByName: () => ({ admit: fail, call: fail, has: fail, list: fail }) };
};

test.each([
  ['tools/list', listTools],
  ['tools/call', callTool('tenant_limits')],
  ['resources/list', { jsonrpc: '2.0', id: 1, method: 'resources/list' }],
])('a tenant that cannot be asked is 503 for %s, never a denial', async (_method, body) => {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const response = await post(
    { TENANTS: failing(new Error('the object is overloaded: secret-detail')) },
    body,
  );
  const lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
  printed.mockRestore();
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  const { error } = await jsonOf(response);
  expect(error.data.code).toBe('unavailable');
  expect(JSON.stringify(error)).not.toContain('secret-detail');
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'error', event: 'edge.error', code: 'unavailable', tenant: 'acme' }),
  );
});

test.each([
  ['GET', '/v1/tools'],
  ['POST', '/v1/tools/tenant_limits'],
])('a tenant that cannot be asked is 503 for %s %s', async (method, path) => {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const token = await forge('acme', '0123456789abcdef01234567');
  const response = await fetchWith({ TENANTS: failing(new Error('secret-detail')) }, path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  printed.mockRestore();
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = await jsonOf(response);
  expect(body.code).toBe('unavailable');
  expect(JSON.stringify(body)).not.toContain('secret-detail');
});

test.each([new Error('secret-detail'), 'secret-detail', undefined, null, { secret: 'secret-detail' }])(
  'whatever is thrown at the edge (%s) becomes an id that the log has too',
  async (cause) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const response = await fetchWith({ REGISTRY: failing(cause) }, '/admin/tenants', {
      headers: { authorization: `Bearer ${env.ADMIN_KEY}`, 'cf-connecting-ip': '2001:db8:1::1' },
    });
    const text = printed.mock.calls.map(([line]) => String(line)).join('\n');
    printed.mockRestore();
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const body = await jsonOf(response);
    expect(JSON.stringify(body)).not.toContain('secret-detail');
    const [errorId = 'none'] = /[0-9a-f]{16}/.exec(String(body.detail)) ?? [];
    expect(text).toContain(`"error_id":"${errorId}"`);
  },
);

test.each(['/health', '/mcp', '/admin/tenants', '/nothing'])(
  'a wrong setting makes %s a 503 that does not name it',
  async (path) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    const response = await fetchWith({ LOG_LEVEL: 'loud' }, path);
    const text = printed.mock.calls.map(([line]) => String(line)).join('\n');
    printed.mockRestore();
    expect(response.status).toBe(503);
    const body = await jsonOf(response);
    expect(body.code).toBe('misconfigured');
    expect(JSON.stringify(body)).not.toContain('LOG_LEVEL');
    expect(text).toContain('LOG_LEVEL must be one of');
    expect(text).not.toContain('loud');
  },
);
