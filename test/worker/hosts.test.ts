import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import app from '../../src/index.ts';
import { HttpTenant, jsonOf, listTools, newAddress, type Sent, send } from '../support/http.ts';
import { initialize } from '../support/streams-worker.ts';

const APP = 'https://app.test';
const METADATA = '/.well-known/oauth-protected-resource';

/** One request to a server that has another name. */
const sendTo = (publicUrl: string, url: string, headers: Record<string, string> = {}) =>
  app.fetch(
    new Request(url, { headers: { 'cf-connecting-ip': newAddress(), ...headers } }),
    { ...env, PUBLIC_URL: publicUrl },
    createExecutionContext(),
  );

describe('a request for another host', () => {
  const ROUTES = [
    ['GET', '/.well-known/oauth-protected-resource'],
    ['GET', '/openapi.json'],
    ['GET', '/nothing'],
    ['GET', '/mcp'],
    ['POST', '/mcp'],
    ['DELETE', '/mcp'],
    ['OPTIONS', '/mcp'],
    ['GET', '/sse'],
    ['POST', '/messages'],
    ['POST', '/v1/tools/tenant_limits'],
    ['GET', '/admin/tenants'],
  ] as const;
  const HOSTS = [
    'evil.test',
    'mcp.test.evil.test',
    'evil.test:443',
    '127.0.0.1',
    'localhost:8787',
    'not a host',
  ];

  test.each(ROUTES)('%s %s is refused', async (method, path) => {
    const tenant = await HttpTenant.create();
    for (const host of HOSTS) {
      const response = await send(path, {
        method,
        headers: { host, authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: JSON.stringify(listTools) } : {}),
      });
      expect([host, response.status]).toEqual([host, 403]);
      expect(await jsonOf(response)).toMatchObject({ status: 403, code: 'host_not_allowed' });
    }
  });

  test.each(['mcp.test', 'mcp.test:443', 'MCP.test', 'mcp.test:8443'])('%s is its own', async (host) => {
    expect((await send('/.well-known/oauth-protected-resource', { headers: { host } })).status).toBe(200);
  });
});

test('anybody may ask for its health, under any name', async () => {
  expect((await send('/health', { headers: { host: '10.1.2.3' } })).status).toBe(200);
});

describe('a server with several names', () => {
  const NAMES = 'https://mcp.test, https://old.test';

  test('is served under each, and names itself as it was called', async () => {
    for (const host of ['mcp.test', 'old.test']) {
      const response = await sendTo(NAMES, `https://${host}${METADATA}/mcp`, { host });
      expect(await jsonOf(response)).toMatchObject({ resource: `https://${host}/mcp` });
      const refused = await sendTo(NAMES, `https://${host}/mcp`, { host });
      expect(refused.headers.get('www-authenticate')).toContain(`https://${host}${METADATA}/mcp`);
    }
    expect((await sendTo(NAMES, `https://evil.test${METADATA}`, { host: 'evil.test' })).status).toBe(403);
  });

  test('accepts the tokens that were signed for any of them', async () => {
    const { token } = await HttpTenant.create();
    const ask = (publicUrl: string) =>
      sendTo(publicUrl, 'https://old.test/v1/tools', { host: 'old.test', authorization: `Bearer ${token}` });
    expect((await ask('https://old.test, https://mcp.test')).status).toBe(200);
    expect((await ask('https://old.test')).status).toBe(401);
  });
});

describe('a server on this machine', () => {
  test.each(['http://127.0.0.1:8787', 'http://localhost:9000', 'http://[::1]:8787'])(
    'that is %s answers to each of its names, and to no other',
    async (publicUrl) => {
      for (const host of ['127.0.0.1:8787', 'localhost:8787', 'localhost', '[::1]:8787'])
        expect([host, (await sendTo(publicUrl, `http://${host}${METADATA}`, { host })).status]).toEqual([
          host,
          200,
        ]);
      for (const host of ['evil.test', 'evil.test:8787', '127.0.0.1.evil.test', '10.0.0.1:8787'])
        expect([host, (await sendTo(publicUrl, `http://${host}${METADATA}`, { host })).status]).toEqual([
          host,
          403,
        ]);
    },
  );

  test('that has a public name is not reached by a local one', async () => {
    for (const host of ['127.0.0.1:8787', 'localhost'])
      expect((await sendTo('https://mcp.example.com', `http://${host}${METADATA}`, { host })).status).toBe(
        403,
      );
  });
});

describe('a page of an origin that is allowed', () => {
  const HEADERS =
    'authorization, content-type, mcp-protocol-version, mcp-session-id, last-event-id, mcp-method, mcp-name, mcp-param-x';
  const preflight = (path: string, method: string, origin = APP) =>
    send(path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': HEADERS },
    });
  const list = (response: Response, name: string) =>
    (response.headers.get(name) ?? '').split(',').map((item) => item.trim().toLowerCase());

  test.each([
    ['/mcp', ['GET', 'POST', 'DELETE']],
    ['/sse', ['GET']],
    ['/messages', ['POST']],
    ['/v1/tools/tenant_limits', ['POST']],
  ] as const)('may ask %s for all that it needs', async (path, methods) => {
    for (const method of methods) {
      const response = await preflight(path, method);
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-origin')).toBe(APP);
      expect(list(response, 'access-control-allow-methods')).toContain(method.toLowerCase());
      expect(list(response, 'access-control-allow-headers')).toEqual(
        expect.arrayContaining(list(new Response(null, { headers: { h: HEADERS } }), 'h')),
      );
    }
  });

  test('may read the session, the wait and the challenge', async () => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(initialize(), { origin: APP });
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect(response.headers.get('mcp-session-id')).not.toBeNull();
    expect(list(response, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(['mcp-session-id', 'mcp-protocol-version', 'www-authenticate', 'retry-after']),
    );
    await response.text();
  });

  const REFUSED: readonly (readonly [string, string, Sent, number])[] = [
    ['without a token', '/mcp', { method: 'POST', body: '{}' }, 401],
    ['by another method', '/mcp', { method: 'PUT', body: '{}' }, 405],
    ['for no session', '/mcp', { headers: { 'mcp-session-id': 'none' } }, 404],
    ['without a token', '/sse', {}, 401],
    ['by another method', '/sse', { method: 'POST', body: '{}' }, 405],
    ['for no stream', '/messages?sessionId=none', { method: 'POST', body: JSON.stringify(listTools) }, 404],
    ['without a token', '/v1/tools/tenant_limits', { method: 'POST', body: '{}' }, 401],
  ];

  test.each(REFUSED)('reads why it is refused: %s, %s', async (_why, path, sent, status) => {
    const tenant = await HttpTenant.create();
    const authorization = status === 401 ? undefined : `Bearer ${tenant.token}`;
    const headers = { origin: APP, authorization, 'content-type': 'application/json', ...sent.headers };
    const response = await send(path, { ...sent, headers });
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect((await jsonOf(response)).error ?? true).toBeTruthy();
  });

  test('reads the streams too', async () => {
    const tenant = await HttpTenant.create();
    const headers = { origin: APP, authorization: `Bearer ${tenant.token}` };
    const response = await send('/sse', { headers });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, APP]);
    await response.body?.cancel();
  });
});

describe('a page of any other origin', () => {
  test.each([
    ['POST', '/mcp'],
    ['GET', '/mcp'],
    ['DELETE', '/mcp'],
    ['OPTIONS', '/mcp'],
    ['GET', '/sse'],
    ['OPTIONS', '/sse'],
    ['POST', '/messages?sessionId=x'],
    ['POST', '/v1/tools/tenant_limits'],
  ])('gets nothing from %s %s', async (method, path) => {
    const tenant = await HttpTenant.create();
    for (const origin of [
      'https://evil.test',
      'http://app.test',
      'https://app.test:8443',
      'null',
      'http://mcp.test',
    ]) {
      const response = await send(path, {
        method,
        headers: { origin, authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: JSON.stringify(listTools) } : {}),
      });
      expect([origin, response.status]).toEqual([origin, 403]);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(await response.text()).toContain('origin_not_allowed');
    }
  });
});
