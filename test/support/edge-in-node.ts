import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { admin } from '../../src/edge/admin/admin.ts';
import { memberConnections } from '../../src/edge/admin/member-connections.ts';
import { toolsApi } from '../../src/edge/api/tools.ts';
import { signToken } from '../../src/edge/auth/tokens.ts';
import { consolePages } from '../../src/edge/console/routes.ts';
import { boundary, prepare } from '../../src/edge/http/boundary.ts';
import type { AppEnv } from '../../src/edge/http/isolate.ts';
import { handleMcp } from '../../src/edge/mcp/endpoint.ts';
import { createServer } from '../../src/mcp/server.ts';
import { parseTenantId, type TokenId } from '../../src/tenant/contract/call.ts';
import { type Catalogue, createCatalogue } from '../../src/tools/catalogue.ts';
import type { AnyTool } from '../../src/tools/remote-tool.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { TRANSPORT_TOOLS } from '../../src/transport-tools/catalogue.ts';
import { createdCompartment, type TestCompartment } from './compartment.ts';
import { TEST_SECRETS } from './secrets.ts';
import type { Answer } from './tenant.ts';

const ORIGIN = 'https://mcp.test';
const DAY_MS = 86_400_000;

/** The variables that wrangler.toml sets. */
function settings(): Record<string, string> {
  const [, vars = ''] = readFileSync('wrangler.toml', 'utf8').split('\n[vars]\n');
  const lines = vars.matchAll(/^([A-Z_]+) = (".*")$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, JSON.parse(value)]));
}

/** What the Worker serves to the token of a tenant. The documents that it serves as well cannot be loaded in Node. */
function edgeApp(catalogue: Catalogue) {
  const app = new Hono<AppEnv>();
  app.onError(boundary);
  app.use(prepare({ catalogue, serve: createServer }));
  app.all('/mcp', handleMcp);
  app.route('/v1', toolsApi);
  app.route('/v1', memberConnections);
  app.route('/admin', admin);
  app.route('/console', consolePages);
  return app;
}

/** The methods of the tenant's Durable Object that the edge calls here. */
function tenantOf({ compartment }: TestCompartment) {
  const { connections, reading, administration } = compartment;
  return {
    tokens: async () => administration.tokens(),
    tokenUse: async () => reading.tokenUse(),
    ask: async (...given: Parameters<typeof reading.ask>) => reading.ask(...given),
    beginExport: async (...given: Parameters<typeof reading.beginExport>) => reading.beginExport(...given),
    exportStep: async (...given: Parameters<typeof reading.exportStep>) => reading.exportStep(...given),
    countRefusals: async (...given: Parameters<typeof reading.countRefusals>) =>
      reading.countRefusals(...given),
    operatorState: async () => reading.operatorState(),
    recordOperator: async (...given: Parameters<typeof reading.recordOperator>) =>
      reading.recordOperator(...given),
    admit: (...given: Parameters<typeof compartment.admit>) => compartment.admit(...given),
    call: (...given: Parameters<typeof compartment.call>) => compartment.call(...given),
    completeRemoteCall: (...given: Parameters<typeof compartment.completeRemoteCall>) =>
      compartment.completeRemoteCall(...given),
    cancel: (...given: Parameters<typeof compartment.cancel>) => compartment.cancel(...given),
    connections: async () => connections.list(),
    storedConnections: async () => connections.stored(),
    setConnection: async (...given: Parameters<typeof connections.set>) => connections.set(...given),
    rotateConnection: async (...given: Parameters<typeof connections.rotate>) => connections.rotate(...given),
    rewrapConnection: async (...given: Parameters<typeof connections.rewrap>) => connections.rewrap(...given),
    requestConnectionToken: async (...given: Parameters<typeof connections.requestToken>) =>
      connections.requestToken(...given),
    settleConnectionToken: async (...given: Parameters<typeof connections.settleToken>) =>
      connections.settleToken(...given),
    removeConnection: async (name: string) => connections.remove(name),
  };
}

/**
 * The Worker's routes in Node, in front of the compartment of one tenant that has these tools.
 * @param vars settings that differ from those of wrangler.toml
 */
export async function openEdge(
  tools: readonly AnyTool[],
  {
    scopes = SCOPES,
    vars = {},
    metered = () => undefined,
    points = [],
  }: {
    scopes?: readonly Scope[];
    vars?: Record<string, string>;
    /** Told of all that is reported to the metrics. */
    metered?: (report: unknown) => void;
    /** Receives what is written to the dataset of calls. */
    points?: unknown[];
  } = {},
) {
  const catalogue = createCatalogue(tools, TRANSPORT_TOOLS);
  const test = createdCompartment({
    catalogue,
    clock: () => Date.now(),
    report: async (report) => metered(report),
  });
  const app = edgeApp(catalogue);
  const tenant = parseTenantId('test');
  if (tenant === undefined) throw new Error('not a tenant id');
  const key = { kid: 'test', secret: Buffer.from(TEST_SECRETS.TOKEN_KEYS.slice(5), 'base64url') };
  const tokenId: TokenId = test.issue(scopes);
  const now = Date.now();
  const publicUrl = vars.PUBLIC_URL ?? ORIGIN;
  const token = await signToken(key, `${publicUrl}/mcp`, { tenant, tokenId, expiresAt: now + DAY_MS }, now);
  let env: Record<string, unknown> = {
    ...settings(),
    ...TEST_SECRETS,
    PUBLIC_URL: ORIGIN,
    ...vars,
    TENANTS: { getByName: () => tenantOf(test) },
    METERS: { getByName: () => ({ addEdge: async (added: unknown) => metered(added) }) },
    METRICS: { writeDataPoint: (point: unknown) => void points.push(point) },
    ANONYMOUS_FENCE: { limit: async () => ({ success: true }) },
  };
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  const send = async (path: string, init: RequestInit = {}) =>
    app.request(
      `${ORIGIN}${path}`,
      { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } },
      env,
      context,
    );
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    send(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  return {
    test,
    token,
    send,
    /** Changes settings, as a deployment does: the isolate is a new one. */
    setVars: (changed: Record<string, string>) => {
      env = { ...env, ...changed };
    },
    /** Sends a request of the operator's. */
    operate: async (method: string, path: string, body?: unknown) => {
      const response = await send(`/admin/tenants/test${path}`, {
        method,
        headers: { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Answer };
    },
    /** Calls a tool by plain HTTP. A late error has its status in its body. */
    v1: async (tool: string, args: unknown = {}) => {
      const response = await post(`/v1/tools/${tool}`, args);
      const body = (await response.json()) as Answer;
      return { status: typeof body.status === 'number' ? body.status : response.status, body };
    },
    /** Sends a message of the 2026-07-28 revision. */
    mcp: async (
      method: string,
      params: Record<string, unknown> & { name?: string },
      capabilities: object = {},
    ) => {
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': capabilities,
      };
      const response = await post(
        '/mcp',
        { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } },
        {
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': method,
          ...(params.name === undefined ? {} : { 'mcp-name': params.name }),
        },
      );
      const text = await response.text();
      const json = text.startsWith('{') ? text : (/^data: (\{.*)$/m.exec(text)?.[1] ?? '{}');
      return JSON.parse(json) as Answer;
    },
  };
}
