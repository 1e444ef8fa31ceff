import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { requireAffordable } from '../../src/tenant/calls/limits.ts';

const SECRET = 'A'.repeat(43);
const GOOD = {
  PUBLIC_URL: 'https://mcp.example.com',
  TOKEN_KEYS: `k1:${SECRET}`,
  ADMIN_KEY: 'x'.repeat(32),
  TENANT_RATE: '50',
  TENANT_BURST: '200',
  TOOL_RATE: '20',
  TOOL_BURST: '60',
  REQUEST_RATE: '30',
  REQUEST_BURST: '120',
  STORAGE_QUOTA_BYTES: '1073741824',
  MAX_BODY_BYTES: '4194304',
  ALLOWED_ORIGINS: '',
  CLIENT_ADDRESS: 'cloudflare',
  OAUTH: 'on',
  OAUTH_CLIENTS: '',
  OAUTH_REDIRECT_URIS: 'cursor://anysphere.cursor-mcp/oauth/callback',
  LOG_LEVEL: 'info',
  LOG_FORMAT: 'json',
};
const IN_VARS = 'under [vars] in wrangler.toml, or in .dev.vars';
const AS_SECRET = 'in .dev.vars, or with `npx wrangler secret put`';

const SECRETS = ['TOKEN_KEYS', 'ADMIN_KEY', 'CONNECTION_KEYS', 'OIDC_CLIENT_SECRET', 'DATABASES'];

function refusalOf(settings: Record<string, unknown>): string {
  try {
    requireAffordable(parseConfig({ ...GOOD, ...settings }).limits, catalogue.all);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the settings were accepted');
}

test('good settings are read into what they mean', () => {
  const config = parseConfig({ ...GOOD, ALLOWED_ORIGINS: 'https://a.test, http://localhost:5173,' });
  expect(config).toMatchObject({
    publicUrl: 'https://mcp.example.com',
    mcpUrl: 'https://mcp.example.com/mcp',
    limits: { tenant: { rate: 50, burst: 200 }, tool: { rate: 20, burst: 60 } },
    requestLimit: { rate: 30, burst: 120 },
    storageQuotaBytes: 1_073_741_824,
    maxBodyBytes: 4_194_304,
    allowedOrigins: ['https://a.test', 'http://localhost:5173'],
    oauth: {
      clients: [],
      redirectUris: ['cursor://anysphere.cursor-mcp/oauth/callback'],
      provider: undefined,
    },
    logLevel: 'info',
    logFormat: 'json',
  });
  expect(config.tokenKeys.map(({ kid, secret }) => [kid, secret.byteLength])).toEqual([['k1', 32]]);
});

const PROVIDER = {
  OIDC_ISSUER: 'https://id.example.com/realms/one',
  OIDC_CLIENT_ID: 'bulkhead',
  OIDC_CLIENT_SECRET: 'a secret of theirs'.replaceAll(' ', '-'),
};

test('members can sign in at the OpenID provider that is set, which is called by its host unless it has a name', () => {
  const { oauth } = parseConfig({ ...GOOD, ...PROVIDER });
  expect(oauth?.provider).toEqual({
    issuer: 'https://id.example.com/realms/one',
    clientId: 'bulkhead',
    clientSecret: 'a-secret-of-theirs',
    name: 'id.example.com',
  });
  expect(parseConfig({ ...GOOD, ...PROVIDER, OIDC_NAME: ' Example ID ' }).oauth?.provider?.name).toBe(
    'Example ID',
  );
  for (const issuer of ['https://id.example.com/', 'http://127.0.0.1:9000', 'http://localhost:9000/a'])
    expect(parseConfig({ ...GOOD, ...PROVIDER, OIDC_ISSUER: issuer }).oauth?.provider?.issuer).toBe(issuer);
});

test.each([
  ['OIDC_ISSUER', IN_VARS],
  ['OIDC_CLIENT_ID', IN_VARS],
  ['OIDC_CLIENT_SECRET', AS_SECRET],
])('an OpenID provider without %s is refused, and so is that setting alone', (name, place) => {
  const message = refusalOf({ ...PROVIDER, [name]: '' });
  expect(message).toMatch(new RegExp(`^${name} must be `));
  expect(message).toContain(place);
  expect(refusalOf({ ...PROVIDER, [name]: undefined })).toBe(message);
  for (const secret of Object.values(PROVIDER)) expect(message).not.toContain(secret);
  const others = Object.keys(PROVIDER).filter((other) => other !== name);
  const alone = refusalOf({ [name]: PROVIDER[name as keyof typeof PROVIDER] });
  for (const other of others) expect(alone).toContain(`${other} must be `);
});

test('spans are exported to the collector that is set, under the names of OpenTelemetry', () => {
  expect(parseConfig(GOOD).collector).toBeUndefined();
  const { collector } = parseConfig({
    ...GOOD,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.test:4318/base/',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-team = ops',
    OTEL_SERVICE_NAME: 'agents',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=ignored',
  });
  expect(collector).toMatchObject({
    tracesUrl: 'https://otel.test:4318/base/v1/traces',
    headers: { authorization: 'Bearer abc', 'x-team': 'ops' },
    resource: { 'service.name': 'agents', 'deployment.environment.name': 'test' },
  });
});

test.each([
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'otel.test' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://otel.test' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:secret@otel.test' },
  { OTEL_EXPORTER_OTLP_HEADERS: 'authorization' },
  { OTEL_EXPORTER_OTLP_HEADERS: '=secret' },
  { OTEL_EXPORTER_OTLP_HEADERS: 'a%zz=secret' },
  { OTEL_EXPORTER_OTLP_HEADERS: 'x=secret%0Ainjected: 1' },
  { OTEL_EXPORTER_OTLP_HEADERS: 'a=b,'.repeat(33) },
  { OTEL_SERVICE_NAME: '' },
  { OTEL_RESOURCE_ATTRIBUTES: 'secret' },
])('%j is refused by its name, without its value', (settings) => {
  const message = refusalOf(settings);
  expect(message).toContain(Object.keys(settings)[0]);
  expect(message).not.toMatch(/secret|injected/);
});

test.each([
  { TENANT_RATE: '0.001' },
  { TENANT_RATE: '100000' },
  { TOOL_RATE: '0.125' },
  { MAX_BODY_BYTES: '1024' },
  { MAX_BODY_BYTES: '33554432' },
  { PUBLIC_URL: 'http://127.0.0.1:8787' },
  { PUBLIC_URL: 'https://mcp.example.com, https://old.example.com' },
  {
    ALLOWED_ORIGINS:
      'chrome-extension://abcdefghijklmnop, vscode-webview://a1-b2, tauri://localhost, app://obsidian.md',
  },
  { TOKEN_KEYS: `new:${SECRET},old:${SECRET}` },
  { TOKEN_KEYS: `new:${SECRET} , old:${SECRET}` },
  { LOG_LEVEL: 'debug', LOG_FORMAT: 'object' },
  { SOMETHING_ELSE: 'is not ours' },
])('%j is fine', (settings) => {
  expect(() => parseConfig({ ...GOOD, ...settings })).not.toThrow();
});

describe('a wrong setting is refused: its name, its shape, where to set it, never its value', () => {
  /** In every wrong value, so that it is seen if it comes out anywhere. */
  const MARK = 'leaked0';
  const leaked = `leaked0${'a'.repeat(36)}`;
  const CASES: readonly (readonly [string, unknown, RegExp])[] = [
    ['PUBLIC_URL', undefined, /origin that clients reach/],
    ['PUBLIC_URL', '', /scheme and host, no path/],
    ['PUBLIC_URL', MARK, /scheme and host/],
    ['PUBLIC_URL', `https://${MARK}.test/`, /no path/],
    ['PUBLIC_URL', `https://${MARK}.test/mcp`, /no path/],
    ['PUBLIC_URL', `ftp://${MARK}.test`, /https:/],
    ['PUBLIC_URL', `https://user:${MARK}@a.test`, /scheme and host/],
    ['TOKEN_KEYS', undefined, /kid:secret/],
    ['TOKEN_KEYS', '', /base64url/],
    ['TOKEN_KEYS', leaked, /kid:secret/],
    ['TOKEN_KEYS', `k1:${MARK}`, /32 or more random bytes/],
    ['TOKEN_KEYS', `k1:${leaked}!`, /base64url/],
    ['TOKEN_KEYS', `k1:${leaked}+/`, /base64url/],
    ['TOKEN_KEYS', `a b:${leaked}`, /kid/],
    ['TOKEN_KEYS', `${'k'.repeat(33)}:${leaked}`, /kid/],
    ['TOKEN_KEYS', `k1:${leaked}:more`, /kid:secret/],
    ['TOKEN_KEYS', `k1:${leaked},`, /kid:secret/],
    ['TOKEN_KEYS', `k1:${leaked},k1:${leaked}`, /one or two/],
    ['TOKEN_KEYS', `a:${leaked},b:${leaked},c:${leaked}`, /one or two/],
    // One character more than whole bytes: base64url of no length at all.
    ['TOKEN_KEYS', `k1:${leaked}aa`, /base64url/],
    ['CONNECTION_KEYS', 7, /kid:secret/],
    ['CONNECTION_KEYS', leaked, /kid:secret/],
    ['CONNECTION_KEYS', `k1:${MARK}`, /32 random bytes/],
    ['CONNECTION_KEYS', `k1:${leaked}${leaked}`, /32 random bytes/],
    ['CONNECTION_KEYS', `k1:${leaked},k1:${leaked}`, /one or two/],
    ['ADMIN_KEY', undefined, /32 or more/],
    ['ADMIN_KEY', MARK, /32 or more/],
    ['ADMIN_KEY', MARK.repeat(100), /at most 512/],
    ['ADMIN_KEY', `${leaked} with spaces`, /characters of A-Z/],
    ['TENANT_RATE', undefined, /calls a second, from 0.001 to 100000/],
    ['TENANT_RATE', '', /calls a second/],
    ['TENANT_RATE', '0', /calls a second/],
    ['TENANT_RATE', '-1', /calls a second/],
    ['TENANT_RATE', '0.0005', /at most three decimals/],
    ['TENANT_RATE', '1e3', /calls a second/],
    ['TENANT_RATE', 'Infinity', /calls a second/],
    ['TENANT_RATE', '100001', /calls a second/],
    ['TENANT_RATE', 50, /calls a second/],
    ['TOOL_RATE', `${MARK}1`, /calls a second/],
    ['TENANT_BURST', '0', /a whole number from 1 to 1000000/],
    ['TENANT_BURST', '1.5', /a whole number/],
    ['TOOL_BURST', '1000001', /a whole number from 1 to 1000000/],
    ['REQUEST_RATE', '0', /calls a second/],
    ['REQUEST_BURST', '0', /a whole number/],
    ['STORAGE_QUOTA_BYTES', '1024', /from 1048576 to 10000000000/],
    ['STORAGE_QUOTA_BYTES', '1GB', /a whole number/],
    ['MAX_BODY_BYTES', '1023', /from 1024 to 33554432/],
    ['MAX_BODY_BYTES', '33554433', /from 1024 to 33554432/],
    ['CLIENT_ADDRESS', undefined, /one of cloudflare, none/],
    ['CLIENT_ADDRESS', MARK, /one of cloudflare, none/],
    ['ALLOWED_ORIGINS', undefined, /origins of browser clients/],
    ['ALLOWED_ORIGINS', '*', /origins of browser clients/],
    ['ALLOWED_ORIGINS', `app://${MARK}/path`, /origins of browser clients/],
    ['ALLOWED_ORIGINS', 'null', /origins of browser clients/],
    ['PUBLIC_URL', `https://a.test,ftp://${MARK}.test`, /up to eight/],
    ['PUBLIC_URL', Array(9).fill('https://a.test').join(','), /up to eight/],
    ['ALLOWED_ORIGINS', `https://${MARK}.test/`, /comma-separated/],
    ['ALLOWED_ORIGINS', `https://a.test ${MARK}`, /comma-separated/],
    ['ALLOWED_ORIGINS', Array(33).fill('https://a.test').join(','), /origins/],
    ['OIDC_ISSUER', MARK, /issuer of an OpenID provider/],
    ['OIDC_ISSUER', `http://${MARK}.test`, /http only on this machine/],
    ['OIDC_ISSUER', `https://${MARK}.test/?a=1`, /without a query/],
    ['OIDC_ISSUER', `https://${MARK}.test/#a`, /issuer/],
    ['OIDC_ISSUER', `https://user:${MARK}@id.test`, /issuer/],
    ['OIDC_ISSUER', `https://id.test/a/../${MARK}`, /exactly/],
    ['OIDC_ISSUER', ` https://${MARK}.test`, /issuer/],
    ['OIDC_ISSUER', 5, /issuer/],
    ['OIDC_CLIENT_ID', `${MARK} b`, /512 characters of ASCII/],
    ['OIDC_CLIENT_ID', MARK.repeat(100), /512 characters of ASCII/],
    ['OIDC_CLIENT_SECRET', `${MARK}\n`, /1024 characters of ASCII/],
    ['OIDC_NAME', MARK.repeat(9), /60 visible characters/],
    ['OIDC_NAME', `${MARK}\u202e`, /60 visible characters/],
    ['LOG_LEVEL', undefined, /one of debug, info, warn, error/],
    ['LOG_LEVEL', MARK, /one of debug, info, warn, error/],
    ['DATABASES', MARK, /JSON such as/],
    ['DATABASES', `{"orders": {"url": "postgres://${MARK}@db", "key": "k1:${MARK}"}}`, /bulkhead.add_key/],
    ['LOG_FORMAT', MARK, /one of json, object/],
  ];

  test.each(CASES)('%s=%j', (name, value, shape) => {
    const message = refusalOf({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name} must be `));
    expect(message).toMatch(shape);
    expect(message).toContain(SECRETS.includes(name) ? AS_SECRET : IN_VARS);
    expect(message).not.toContain(MARK);
    expect(message).not.toContain('must be undefined');
  });

  test('each once, when several are wrong', () => {
    const message = refusalOf({ ADMIN_KEY: '', LOG_LEVEL: 'loud', TOOL_RATE: '0' });
    for (const name of ['ADMIN_KEY', 'LOG_LEVEL', 'TOOL_RATE'])
      expect(message.split(`${name} must be`)).toHaveLength(2);
    expect(message).not.toContain('loud');
  });

  test('a burst below what a call costs would refuse that call for ever', () => {
    for (const name of ['TENANT_BURST', 'TOOL_BURST']) {
      const message = refusalOf({ [name]: '1' });
      expect(message).toContain(name);
      expect(message).toMatch(/cost of \w+ \(\d+\)/);
      expect(message).toContain(IN_VARS);
    }
  });
});
