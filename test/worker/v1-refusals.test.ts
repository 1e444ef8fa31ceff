import { afterEach, describe, expect, test, vi } from 'vitest';
import { forge } from '../support/forge.ts';
import {
  HttpTenant,
  newAddress,
  newTenantId,
  operate,
  type Sent,
  send,
  untilFenced,
} from '../support/http.ts';
import { bearer, call, problemOf } from '../support/v1.ts';

afterEach(() => void vi.restoreAllMocks());

const write = { key: 'plan', value: { step: 1 } };

describe('what is refused before a tool is run', () => {
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };

  test.each([
    ['no token', undefined, 'unauthorized'],
    ['a bad token', 'garbage', 'invalid_token'],
  ])('%s: 401 with the challenge', async (_name, token, code) => {
    for (const response of [
      await call(token, 'tenant_limits'),
      await send('/v1/tools', { headers: { authorization: bearer(token) } }),
    ]) {
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('resource_metadata=');
      expect(await problemOf(response)).toMatchObject({ code });
    }
  });

  test('a token of a tenant that never was', async () => {
    const token = await forge(newTenantId(), 'f'.repeat(24));
    expect((await call(token, 'tenant_limits')).status).toBe(401);
    expect((await send('/v1/tools', { headers: { authorization: bearer(token) } })).status).toBe(401);
  });

  test('a revoked token, a suspended tenant and a missing scope', async () => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    const scoped = await call(tenant.token, 'blackboard_write', write);
    expect(scoped.status).toBe(403);
    expect(scoped.headers.get('www-authenticate')).toContain('scope="blackboard:write cache:read"');
    expect(await problemOf(scoped)).toMatchObject({
      code: 'insufficient_scope',
      detail: expect.stringContaining('lacks the scope blackboard:write'),
    });
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const both = async () => [
      await call(tenant.token, 'tenant_limits'),
      await send('/v1/tools', { headers: { authorization: bearer(tenant.token) } }),
    ];
    for (const refused of await both())
      expect(await problemOf(refused)).toMatchObject({ code: 'suspended', status: 403 });
    await operate('POST', `/tenants/${tenant.id}/resume`);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${tenant.tokenId}`);
    for (const refused of await both())
      expect(await problemOf(refused)).toMatchObject({ code: 'invalid_token', status: 401 });
  });

  test.each([
    ['GET', '/v1/tools/tenant_limits', 'POST, OPTIONS'],
    ['PUT', '/v1/tools/tenant_limits', 'POST, OPTIONS'],
    ['DELETE', '/v1/tools/nothing', 'POST, OPTIONS'],
    ['POST', '/v1/tools', 'GET, HEAD, OPTIONS'],
  ])('%s %s: 405', async (method, path, allow) => {
    const tenant = await HttpTenant.create();
    const headers = { authorization: bearer(tenant.token), 'content-type': 'application/json' };
    const response = await send(path, { method, headers, ...(method === 'GET' ? {} : { body: '{}' }) });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await problemOf(response)).toMatchObject({ code: 'method_not_allowed' });
  });

  test.each([
    ['another media type', { 'content-type': 'text/plain' }, '{}', 415, 'media_type'],
    ['a large body', {}, `{"a":"${'x'.repeat(4_194_304)}"}`, 413, 'too_large'],
    ['broken JSON', {}, '{', 400, 'parse_error'],
    ['no body', {}, '', 400, 'parse_error'],
    ['a number that cannot be held', {}, '{"value":1e400}', 400, 'invalid_input'],
    ['100,000 levels', {}, `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, 'invalid_request'],
  ])('%s', async (_name, headers, body, status, code) => {
    const tenant = await HttpTenant.create();
    const response = await call(tenant.token, 'blackboard_write', body, headers);
    expect(response.status).toBe(status);
    expect(await problemOf(response)).toMatchObject({ code });
  });

  test('a foreign Origin is refused first, and an allowed page may read the answer', async () => {
    const evil = await send('/v1/tools/tenant_limits', { ...post, headers: { origin: 'https://evil.test' } });
    expect(evil.status).toBe(403);
    expect(await problemOf(evil)).toMatchObject({ code: 'origin_not_allowed' });
    const tenant = await HttpTenant.create();
    const good = await call(tenant.token, 'tenant_limits', {}, { origin: 'https://app.test' });
    expect(good.status).toBe(200);
    expect(good.headers.get('access-control-allow-origin')).toBe('https://app.test');
    const preflight = await send('/v1/tools', {
      method: 'OPTIONS',
      headers: { origin: 'https://app.test', 'access-control-request-method': 'GET' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('GET');
  });

  test('the checks come in the order of /mcp', async () => {
    const { token } = await HttpTenant.create();
    const broken = 'x'.repeat(4_194_305);
    const status = async (given: Sent['headers'], used: string | undefined, method = 'POST') =>
      (
        await send('/v1/tools/blackboard_write', {
          method,
          headers: { authorization: bearer(used), 'content-type': 'text/plain', ...given },
          body: broken,
        })
      ).status;
    expect(await status({ origin: 'https://evil.test' }, undefined, 'PUT')).toBe(403);
    expect(await status({}, undefined, 'PUT')).toBe(401);
    expect(await status({}, token, 'PUT')).toBe(405);
    expect(await status({}, token)).toBe(413);
  });

  test('an address without a good credential meets the same fence', async () => {
    const address = { 'cf-connecting-ip': newAddress() };
    const fenced = await untilFenced(60, 401, () => call('garbage', 'tenant_limits', {}, address));
    expect(fenced.headers.get('retry-after')).toBe('60');
    expect(await problemOf(fenced)).toMatchObject({ code: 'too_many_requests' });
  });

  test('an unknown path is 404', async () => {
    for (const path of ['/v1', '/v1/nothing', '/v1/tools/a/b', '/v2/tools']) {
      expect(await problemOf(await send(path))).toMatchObject({ status: 404, code: 'not_found' });
    }
  });
});
