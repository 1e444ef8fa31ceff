import { describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/tools/tool.ts';
import { VERSION } from '../../src/version.ts';
import {
  callTool,
  HttpTenant,
  jsonOf,
  listTools,
  newAddress,
  postMcp,
  send,
  untilFenced,
} from '../support/http.ts';
import { modern } from '../support/streams-worker.ts';

const MAX_BODY_BYTES = 4_194_304;
const APP = 'https://app.test';

test('health needs no credential', async () => {
  const response = await send('/health');
  expect(response.status).toBe(200);
  expect(await jsonOf(response)).toEqual({ status: 'ok', version: VERSION });
});

test.each([
  ['', '/mcp'],
  ['/mcp', '/mcp'],
  ['/sse', '/sse'],
])('/.well-known/oauth-protected-resource%s describes the resource %s (RFC 9728)', async (path, resource) => {
  const response = await send(`/.well-known/oauth-protected-resource${path}`);
  expect(response.headers.get('content-type')).toContain('application/json');
  expect(await jsonOf(response)).toEqual({
    resource: `https://mcp.test${resource}`,
    authorization_servers: ['https://mcp.test'],
    resource_name: 'Bulkhead',
    bearer_methods_supported: ['header'],
    scopes_supported: SCOPES,
  });
});

test('any page may read the metadata', async () => {
  const response = await send('/.well-known/oauth-protected-resource/mcp', {
    headers: { origin: 'https://elsewhere.test' },
  });
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
});

test.each(['/mcp', '/sse'])('a challenge of %s names the metadata of %s', async (path) => {
  const response = await send(path, { headers: { authorization: 'Bearer wrong' } });
  expect(response.status).toBe(401);
  expect(response.headers.get('www-authenticate')).toContain(
    `resource_metadata="https://mcp.test/.well-known/oauth-protected-resource${path}"`,
  );
});

test.each([
  ['GET', '/favicon.ico'],
  ['GET', '/robots.txt'],
  ['GET', '/.well-known/oauth-authorization-server/mcp'],
  ['GET', '/.well-known/openid-configuration'],
  ['POST', '/'],
  ['POST', '/health'],
  ['POST', '/mcp/x'],
  ['GET', '/sse/'],
  ['GET', '/MCP'],
  ['GET', '/mcp/..%2fadmin'],
  ['GET', '/%ff'],
])('%s %s is a JSON 404', async (method, path) => {
  const response = await send(path, { method, ...(method === 'POST' ? { body: '{}' } : {}) });
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await jsonOf(response)).toMatchObject({ status: 404, code: 'not_found', title: 'Not Found' });
});

test.each(['/mcp/', '//mcp', '///mcp//'])('%s is the MCP endpoint', async (path) => {
  const { token } = await HttpTenant.create();
  const response = await send(path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(listTools),
  });
  expect(response.status).toBe(200);
  expect((await send(path, { method: 'POST' })).headers.get('www-authenticate')).toContain(
    'resource_metadata="https://mcp.test/.well-known/oauth-protected-resource/mcp"',
  );
});

test('a very long path is a JSON 404 too', async () => {
  expect((await send(`/${'a'.repeat(8000)}`)).status).toBe(404);
});

describe('the MCP endpoint', () => {
  test.each([
    ['GET', 'POST, OPTIONS'],
    ['DELETE', 'POST, OPTIONS'],
    ['PUT', 'GET, POST, DELETE, OPTIONS'],
    ['PATCH', 'GET, POST, DELETE, OPTIONS'],
    ['HEAD', 'GET, POST, DELETE, OPTIONS'],
  ])('without a session %s is 405 and says what is allowed', async (method, allow) => {
    const { token } = await HttpTenant.create();
    const response = await send('/mcp', {
      method,
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      ...(method === 'PUT' || method === 'PATCH' ? { body: '{}' } : {}),
    });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
  });

  test.each([
    ['application/json, text/event-stream', 200],
    ['APPLICATION/JSON, Text/Event-Stream', 200],
    ['application/json;q=0.9, text/event-stream;q=0.1', 200],
    ['*/*', 200],
    ['application/*, text/*', 200],
    [undefined, 200],
    ['application/json', 200],
    ['text/event-stream', 200],
    ['text/html', 406],
    ['application/json;q=0, text/html', 406],
  ])('Accept: %s gives %i', async (accept, status) => {
    const tenant = await HttpTenant.create();
    expect((await tenant.post(listTools, { accept })).status).toBe(status);
  });

  test.each([
    ['application/json', 'application/json'],
    ['application/json, text/event-stream;q=0', 'application/json'],
    ['text/event-stream', 'text/event-stream'],
    ['text/event-stream, application/json;q=0', 'text/event-stream'],
    ['text/*', 'text/event-stream'],
  ])('a client that takes %s alone is served in it, in both eras', async (accept, type) => {
    const tenant = await HttpTenant.create();
    const call = { name: 'blackboard_watch', arguments: { wait_s: 0 } };
    const { body, headers } = modern('tools/call', call, call.name);
    const answers = [
      await tenant.post(listTools, { accept }),
      await tenant.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call }, { accept }),
      await tenant.post(body, { ...headers, accept }),
    ];
    for (const answer of answers) {
      expect(answer.headers.get('content-type')).toContain(type);
      expect(await answer.text()).toContain('"result"');
    }
  });

  test('a stream of changes needs a client that takes one', async () => {
    const tenant = await HttpTenant.create();
    const notifications = { resourcesListChanged: true };
    const { body, headers } = modern('subscriptions/listen', { notifications });
    const answer = await tenant.post(body, { ...headers, accept: 'application/json' });
    expect(answer.status).toBe(406);
    expect((await jsonOf(answer)).error.message).toBe('Accept must allow text/event-stream.');
  });

  test.each([
    ['application/json', 200],
    ['application/json; charset=utf-8', 200],
    ['Application/JSON', 200],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/jsonp', 415],
    ['text/json; x=application/json', 415],
    ['', 415],
  ])('Content-Type: %s gives %i', async (type, status) => {
    const tenant = await HttpTenant.create();
    expect((await tenant.post(listTools, { 'content-type': type })).status).toBe(status);
  });
});

describe('a body over the limit', () => {
  const text = (bytes: number) => {
    const frame = JSON.stringify({ ...listTools, params: { _meta: { pad: '' } } });
    return frame.replace('"pad":""', `"pad":"${'x'.repeat(bytes - frame.length)}"`);
  };
  const stream = (body: string) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        const bytes = new TextEncoder().encode(body);
        for (let at = 0; at < bytes.length; at += 65_536) controller.enqueue(bytes.slice(at, at + 65_536));
        controller.close();
      },
    });
  const CASES = [
    ['with Content-Length', (body: string) => body],
    ['without Content-Length', stream],
  ] as const;

  test.each(CASES)('%s: the limit is fine, one byte more is 413', async (_name, sent) => {
    const { token } = await HttpTenant.create();
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: '*/*',
      'mcp-protocol-version': '2025-11-25',
    };
    const post = (bytes: number) => send('/mcp', { method: 'POST', headers, body: sent(text(bytes)) });
    expect((await post(MAX_BODY_BYTES)).status).toBe(200);
    const refused = await post(MAX_BODY_BYTES + 1);
    expect(refused.status).toBe(413);
    const { error } = await jsonOf(refused);
    expect(error.data.code).toBe('too_large');
    expect(error.message).toContain(String(MAX_BODY_BYTES));
  });
});

describe('Origin', () => {
  test.each([APP, 'http://localhost:5173', 'https://mcp.test'])('%s is allowed', async (origin) => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(listTools, { origin });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('vary')?.toLowerCase()).toContain('origin');
  });

  test.each([
    'https://evil.test',
    'http://app.test',
    'https://app.test:8443',
    'https://app.test.evil.test',
    'https://sub.app.test',
    'http://localhost:5174',
    'null',
  ])('"%s" is refused before anything else', async (origin) => {
    const tenant = await HttpTenant.create();
    for (const headers of [{ origin }, { origin, authorization: undefined }]) {
      const refused = await tenant.post(listTools, headers);
      expect(refused.status).toBe(403);
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
      expect((await jsonOf(refused)).error.data.code).toBe('origin_not_allowed');
    }
  });

  test('a preflight is answered before the credential is asked for', async () => {
    const response = await send('/mcp', {
      method: 'OPTIONS',
      headers: {
        origin: APP,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, content-type, mcp-param-anything',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    const allowed = response.headers.get('access-control-allow-headers');
    expect(allowed).toContain('authorization');
    expect(allowed).toContain('mcp-param-anything');
  });

  test('a preflight from a foreign page is refused', async () => {
    const headers = { origin: 'https://evil.test', 'access-control-request-method': 'POST' };
    expect((await send('/mcp', { method: 'OPTIONS', headers })).status).toBe(403);
  });

  test('a page may read a refusal and its challenge', async () => {
    const response = await postMcp('garbage', listTools, { origin: APP });
    expect(response.status).toBe(401);
    expect(response.headers.get('access-control-allow-origin')).toBe(APP);
    expect(response.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
  });
});

describe('the fence', () => {
  const ALLOWED = 60;

  const garbage = (address: string) => postMcp('garbage', listTools, { 'cf-connecting-ip': address });

  test('stops an address without a good credential, and no other', async () => {
    const address = newAddress();
    const fenced = await untilFenced(ALLOWED, 401, () => garbage(address));
    expect(fenced.headers.get('retry-after')).toBe('60');
    expect((await jsonOf(fenced)).error.data.code).toBe('too_many_requests');
    expect((await garbage(newAddress())).status).toBe(401);
  });

  test('never stops a good credential, from whatever address', async () => {
    const tenant = await HttpTenant.create();
    const address = newAddress();
    await untilFenced(ALLOWED, 401, () => garbage(address));
    const answer = await tenant.post(callTool('tenant_limits'), { 'cf-connecting-ip': address });
    expect(answer.status).toBe(200);
  });
});
