import { describe, expect, test, vi } from 'vitest';
import { SCOPES } from '../../src/tools/tool.ts';
import { forge, tampered, unsigned } from '../support/forge.ts';
import {
  callTool,
  HttpTenant,
  jsonOf,
  listTools,
  newTenantId,
  operate,
  postMcp,
  send,
} from '../support/http.ts';

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};
/** What a client can ask: a call is admitted with the call, all else before it. */
const REQUESTS = [
  ['initialize', initialize],
  ['tools/list', listTools],
  ['tools/call', callTool('tenant_limits')],
  ['a malformed tools/call', { ...callTool('tenant_limits'), params: { name: 5 } }],
  ['ping', { jsonrpc: '2.0', id: 1, method: 'ping' }],
] as const;

const SCOPE = `scope="${SCOPES.join(' ')}"`;
const METADATA = 'resource_metadata="https://mcp.test/.well-known/oauth-protected-resource/mcp"';
const INVALID = `Bearer error="invalid_token", error_description="The token is not valid", ${SCOPE}, ${METADATA}`;

/** Everything a client can tell an answer by, but the trace id. */
async function seen(response: Response) {
  const { error, ...body } = await jsonOf(response);
  const { trace_id, ...data } = error?.data ?? {};
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: { ...body, error: { ...error, data } },
    traced: /^[0-9a-f]{32}$/.test(trace_id),
  };
}

const REFUSED = {
  status: 401,
  headers: { 'content-type': 'application/json', 'www-authenticate': INVALID },
  body: {
    jsonrpc: '2.0',
    error: {
      code: -32000,
      message: 'The token is not valid for this server. Ask its operator for a new one.',
      data: { code: 'invalid_token' },
    },
  },
  traced: true,
};

describe('a token that is not good', () => {
  const otherSecret = new Uint8Array(32).fill(7);
  const anHourAgo = Math.floor(Date.now() / 1000) - 3600;
  const TOKENS: readonly (readonly [string, (tenant: HttpTenant) => string | Promise<string>])[] = [
    ['garbage', () => 'garbage'],
    ['three dots', () => '...'],
    ['a longer text than any token', () => 'a'.repeat(5000)],
    ['another key under our kid', (t) => forge(t.id, t.tokenId, { secret: otherSecret })],
    ['an unknown kid', (t) => forge(t.id, t.tokenId, { header: { kid: 'other' } })],
    ['no kid', (t) => forge(t.id, t.tokenId, { header: { kid: undefined } })],
    ['alg none', (t) => unsigned(t.token)],
    ['alg HS512', (t) => forge(t.id, t.tokenId, { header: { alg: 'HS512' }, secret: new Uint8Array(64) })],
    ['a changed signature', (t) => tampered(t.token)],
    ['another audience', (t) => forge(t.id, t.tokenId, { claims: { aud: 'https://other.test/mcp' } })],
    ['the origin as audience', (t) => forge(t.id, t.tokenId, { claims: { aud: 'https://mcp.test' } })],
    ['no audience', (t) => forge(t.id, t.tokenId, { claims: { aud: undefined } })],
    ['an end in the past', (t) => forge(t.id, t.tokenId, { claims: { exp: anHourAgo } })],
    ['no end', (t) => forge(t.id, t.tokenId, { claims: { exp: undefined } })],
    ['an end that is text', (t) => forge(t.id, t.tokenId, { claims: { exp: '2999-01-01' } })],
    ['a start in the future', (t) => forge(t.id, t.tokenId, { claims: { nbf: 9_999_999_999 } })],
    ['no jti', (t) => forge(t.id, t.tokenId, { claims: { jti: undefined } })],
    ['no sub', (t) => forge(t.id, t.tokenId, { claims: { sub: undefined } })],
    ['a sub that is no tenant id', (t) => forge('../other', t.tokenId)],
    ['a sub that is a number', (t) => forge(t.id, t.tokenId, { claims: { sub: 5 } })],
    ['a jti that the tenant did not issue', (t) => forge(t.id, '0123456789abcdef01234567')],
    ['a tenant that never existed', (t) => forge(newTenantId(), t.tokenId)],
  ];

  test.each(TOKENS)('%s: 401, told no more than that', async (_name, make) => {
    const tenant = await HttpTenant.create();
    const token = await make(tenant);
    for (const [, body] of REQUESTS) expect(await seen(await postMcp(token, body))).toEqual(REFUSED);
  });

  test('no token at all: 401 without an error code', async () => {
    const refused = await seen(await postMcp(undefined, listTools));
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe(`Bearer ${SCOPE}, ${METADATA}`);
    expect(refused.body.error.data.code).toBe('unauthorized');
  });

  test.each(['Basic dGVzdDp0ZXN0', 'Bearer', 'Bearer a b', 'Bearer a,b', 'bearer: x', ''])(
    'the header "%s" is no credential',
    async (authorization) => {
      const refused = await postMcp(undefined, listTools, { authorization });
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toContain(METADATA);
    },
  );

  test('a token in the query is no credential', async () => {
    const { token } = await HttpTenant.create();
    const refused = await send(`/mcp?access_token=${token}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify(listTools),
    });
    expect(refused.status).toBe(401);
  });
});

describe('a token that was good', () => {
  const ENDS: readonly (readonly [string, (tenant: HttpTenant) => Promise<unknown>])[] = [
    ['revoked', (t) => operate('DELETE', `/tenants/${t.id}/tokens/${t.tokenId}`)],
    ['of a deleted tenant', (t) => operate('DELETE', `/tenants/${t.id}`)],
    [
      'of a tenant that was deleted and made again',
      async (t) => {
        await operate('DELETE', `/tenants/${t.id}`);
        await operate('POST', '/tenants', { id: t.id });
        await HttpTenant.issue(t.id);
      },
    ],
  ];
  describe.each(ENDS)('%s', (_name, end) => {
    test.each(REQUESTS)('the next %s is refused like that of any bad token', async (_method, body) => {
      const tenant = await HttpTenant.create();
      expect((await tenant.post(body)).status).toBe(200);
      await end(tenant);
      expect(await seen(await tenant.post(body))).toEqual(REFUSED);
    });
  });

  test('another token of the tenant outlives a revocation', async () => {
    const tenant = await HttpTenant.create();
    const other = await HttpTenant.issue(tenant.id);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${tenant.tokenId}`);
    expect((await tenant.post(listTools)).status).toBe(401);
    expect((await other.post(listTools)).status).toBe(200);
  });

  test.each(REQUESTS)('expires to the millisecond for %s', async (_method, body) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.UTC(2027, 0, 1));
    const tenant = await HttpTenant.create({ ttl_s: 60 });
    vi.setSystemTime(Date.UTC(2027, 0, 1, 0, 1) - 1);
    expect((await tenant.post(body)).status).toBe(200);
    vi.setSystemTime(Date.UTC(2027, 0, 1, 0, 1));
    expect(await seen(await tenant.post(body))).toEqual(REFUSED);
  });

  test('the end on the tenant’s list counts, whatever a well-signed token says', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.UTC(2027, 0, 1));
    const tenant = await HttpTenant.create({ ttl_s: 60 });
    const longer = await forge(tenant.id, tenant.tokenId);
    expect((await postMcp(longer, listTools)).status).toBe(200);
    vi.setSystemTime(Date.UTC(2027, 0, 1, 0, 1));
    expect(await seen(await postMcp(longer, listTools))).toEqual(REFUSED);
  });
});

describe('a suspended tenant', () => {
  test.each(REQUESTS)('is refused %s with 403 until it is resumed', async (_method, body) => {
    const tenant = await HttpTenant.create();
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const refused = await seen(await tenant.post(body));
    expect(refused).toMatchObject({ status: 403, body: { error: { data: { code: 'suspended' } } } });
    await operate('POST', `/tenants/${tenant.id}/resume`);
    expect((await tenant.post(body)).status).toBe(200);
  });

  test('says so to a good token only', async () => {
    const tenant = await HttpTenant.create();
    const revoked = await HttpTenant.issue(tenant.id);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${revoked.tokenId}`);
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    for (const [, body] of REQUESTS) expect(await seen(await revoked.post(body))).toEqual(REFUSED);
  });
});
