import { generateKeyPairSync } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import type { AdminRequests } from '../../src/cli/admin-requests.ts';
import { ConnectionsClient } from '../../src/cli/connections-client.ts';
import type { ConnectionCommand } from '../../src/cli/connections-command.ts';
import { performForConnections } from '../../src/cli/tenant-connections.ts';
import { TENANT_PAGES } from '../../src/edge/console/routes.ts';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { text } from '../../src/tools/fields.ts';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';
import { openEdge } from '../support/edge-in-node.ts';
import { type HostileServer, startHostileServer } from '../support/hostile-server.ts';
import { OtlpCollector } from '../support/otlp-collector.ts';
import { TEST_SECRETS } from '../support/secrets.ts';

/** The secrets of every kind of connection and credential are searched for in all that the system puts out. */

const CANARY = 'CANARY-0123456789';
/** The word itself, and in base64 wherever it stands in three bytes. */
const FORMS = [CANARY, 'Q0FOQVJZ', 'NBTkFSW', 'DQU5BUl'];

let service: HostileServer;
let collector: OtlpCollector;
beforeAll(async () => {
  service = await startHostileServer();
  collector = await OtlpCollector.start();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await service.stop();
  await collector.stop();
});

const NAMES = ['plain', 'bearer', 'basic', 'post', 'jwt', 'refresh', 'refused'] as const;
const fetches = defineRemoteTool({
  kind: 'remote',
  name: 'scar_fetch',
  title: 'Fetch',
  description: 'Sends a request through the connection that its argument names.',
  scope: 'scar:read',
  cost: 1,
  asks: false,
  connections: {
    plain: 'http',
    bearer: 'http',
    basic: 'http',
    post: 'http',
    jwt: 'http',
    refresh: 'http',
    refused: 'http',
    orders: 'postgres',
  },
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: z.strictObject({ name: z.enum([...NAMES, 'orders']), path: text(1, 200) }),
  output: z.strictObject({
    ok: z.boolean(),
    status: z.int(),
    text: z.string(),
    headers: z.record(z.string(), z.string()),
  }),
  log: { name: 'plain', path: 'plain' },
  run: async ({ name, path }, { connection }) => {
    if (name !== 'orders') return connection(name).fetch(path);
    await connection('orders').sql`SELECT ${path}`;
    return { ok: true, status: 0, text: '', headers: {} };
  },
});

test('no secret of a connection is in a line, record, export, span, metric, page, answer, error or output of a command', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const outputs: unknown[] = [];
  const print = vi.spyOn(console, 'log').mockImplementation((line) => void outputs.push(line));
  const edge = await openEdge([fetches], {
    scopes: ALL_SCOPES,
    metered: (report) => void outputs.push(report),
    vars: {
      PUBLIC_URL: 'http://127.0.0.1:8787',
      LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      DATABASES: JSON.stringify({
        orders: {
          url: `postgres://bulkhead_tools:${CANARY}@127.0.0.1:9/shop`,
          key: `k1:${Buffer.from(`${CANARY}${CANARY}`.slice(0, 32)).toString('base64url')}`,
        },
      }),
    },
  });
  const seen = async <T>(output: Promise<T>): Promise<T> => {
    const value = await output.catch((cause: unknown) => String(cause) as T);
    outputs.push(value);
    return value;
  };
  const oauth = (more: object, endpoint = 'token') => ({
    kind: 'http',
    url: service.url,
    oauth: {
      grant: 'client_credentials',
      token_url: service.url.replace('/api/', `/login/${endpoint}`),
      client_id: 'bulkhead',
      client_secret: `${CANARY}-client`,
      ...more,
    },
  });
  const connections = {
    plain: { kind: 'http', url: service.url, header: 'X-Service-Key', secret: `${CANARY}-plain` },
    bearer: { kind: 'http', url: service.url, header: 'Authorization', secret: `Bearer ${CANARY}-bearer` },
    basic: oauth({}),
    post: oauth({ client_auth: 'client_secret_post' }),
    jwt: oauth({ client_auth: 'private_key_jwt', client_secret: pem }),
    refresh: oauth({ grant: 'refresh_token', refresh_token: `${CANARY}-refresh` }),
    refused: oauth({ grant: 'refresh_token', refresh_token: `${CANARY}-refresh` }, 'refuses'),
    orders: { kind: 'postgres', database: 'orders' },
  };
  for (const [name, connection] of Object.entries(connections)) {
    expect((await seen(edge.operate('PUT', `/connections/${name}`, connection))).status).toBe(200);
    // What is refused, with the secret in every place where it could be repeated.
    for (const wrong of [
      { url: `https://user:${CANARY}@crm.example.com/` },
      { secret: `${CANARY}\n`, header: 'X-Key' },
      { header: 'Host' },
      { [CANARY]: CANARY },
      { kind: CANARY },
      { database: CANARY },
      oauth({ grant: CANARY }),
      oauth({ token_url: `http://${CANARY}.example.com/` }),
      oauth({ client_auth: 'private_key_jwt' }),
    ])
      expect((await edge.operate('PUT', `/connections/${name}`, { ...connection, ...wrong })).status).toBe(
        400,
      );
  }
  for (const name of Object.keys(connections))
    for (const path of name === 'plain' ? ['echo', 'closes', 'redirect', '../x'] : ['echo', 'unauthorized']) {
      await seen(edge.v1('scar_fetch', { name, path }));
      await seen(edge.mcp('tools/call', { name: 'scar_fetch', arguments: { name, path } }));
    }
  expect(service.asked.filter((path) => path.startsWith('/login/')).length).toBeGreaterThan(4);

  vi.stubEnv('BULKHEAD_CANARY', `${CANARY}-rotated`);
  const requests = {
    request: async (method: string, path: string, schema: z.ZodType, body?: object) => {
      const { status, body: answer } = await edge.operate(method, path.replace('/tenants/test', ''), body);
      if (status >= 300) throw new Error(JSON.stringify(answer));
      return schema.parse(answer);
    },
  } as unknown as AdminRequests;
  const client = new ConnectionsClient(requests);
  const run = (command: ConnectionCommand) => seen(performForConnections(client, command));
  const variable = { from: 'environment', variable: 'BULKHEAD_CANARY' } as const;
  await run({ name: 'connection list', id: 'test' });
  for (const connection of NAMES) {
    const refresh = connection === 'refresh' ? variable : undefined;
    const secrets = connection === 'jwt' ? undefined : { client: variable, refresh };
    if (secrets !== undefined) await run({ name: 'connection rotate', id: 'test', connection, secrets });
    await run({ name: 'connection test', id: 'test', connection });
  }
  await run({ name: 'connection rewrap', id: 'test' });
  for (const path of ['/connections', '/connections/plain/test', '/tokens', '/records', '/runs', '/usage']) {
    const method = path.endsWith('test') ? 'POST' : 'GET';
    await seen(edge.send(`/v1${path}`, { method }).then((response) => response.text()));
  }

  edge.test.compartment.flush();
  await edge.test.elapse(120_000);
  outputs.push(edge.test.lines);
  for (const path of ['/calls', '/runs']) await seen(edge.operate('GET', path));
  const exported = await edge.send('/admin/tenants/test/export', {
    headers: { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}` },
  });
  const records = gunzipSync(Buffer.from(await exported.arrayBuffer())).toString();
  expect(records.split('\n').length).toBeGreaterThan(30);
  outputs.push(records);

  const signedIn = await edge.send('/console', {
    method: 'POST',
    body: new URLSearchParams({ action: 'sign_in', to: '/console/test/calls', token: edge.token }),
    headers: { origin: 'http://127.0.0.1:8787' },
  });
  const cookie = signedIn.headers
    .getSetCookie()
    .map((set) => set.split(';')[0])
    .join('; ');
  for (const [path] of TENANT_PAGES.filter(([named]) => !named.includes(':'))) {
    const page = await edge.send(`/console/test${path}`, { headers: { cookie } });
    const html = await page.text();
    expect(html.includes('Sign out'), path).toBe(true);
    outputs.push(html);
  }
  await collector.until((spans) => (spans.length > 20 ? spans : undefined));
  outputs.push(collector.bodies);
  print.mockRestore();

  const secretKey = pem.split('\n')[1] ?? pem;
  const whole = outputs
    .map((output) => (typeof output === 'string' ? output : JSON.stringify(output)))
    .join('\n');
  for (const form of [...FORMS, secretKey, TEST_SECRETS.CONNECTION_KEYS.slice(3), 'CANARY'])
    expect(
      whole.indexOf(form),
      whole.slice(Math.max(0, whole.indexOf(form) - 300), whole.indexOf(form) + 60),
    ).toBe(-1);
  expect(whole.split('[secret]').length).toBeGreaterThan(10);
});
