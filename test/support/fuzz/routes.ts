import { createApp } from '../../../src/app.ts';
import { catalogue } from '../../../src/catalogue.ts';
import { createServer } from '../../../src/mcp/server.ts';
import { SCOPES } from '../../../src/tools/tool.ts';
import { TEST_SECRETS } from '../secrets.ts';
import type { Random } from './random.ts';
import { type FuzzRequest, form, json } from './request.ts';
import type { World } from './world.ts';

/** Requests of every route that is neither MCP nor a call of a tool. The routes are read from the Worker itself. */

interface Route {
  readonly method: string;
  /** With `:name` for what varies. */
  readonly path: string;
}

const ORIGIN = 'https://mcp.test';
/** What has templates of its own. */
const ELSEWHERE = ['/mcp', '/sse', '/messages', '/v1/tools', '/v1/tools/:name'];

const nameOf = ({ method, path }: Route) => `${method} ${path}`;

function routesOfWorker(): readonly Route[] {
  const { routes } = createApp({ catalogue, serve: createServer });
  const served = routes.filter(({ path }) => !path.includes('*') && !ELSEWHERE.includes(path));
  const named = new Set(served.filter(({ method }) => method !== 'ALL').map(({ path }) => path));
  // Where every method has the same handler, which refuses the others itself.
  const distinct = served.flatMap(({ method, path }) =>
    method !== 'ALL' ? [{ method, path }] : named.has(path) ? [] : [{ method: 'GET', path }],
  );
  return [...new Map(distinct.map((route) => [nameOf(route), route])).values()];
}

const ROUTES = routesOfWorker();
export const ROUTE_NAMES: readonly string[] = ROUTES.map(nameOf);

type Fields = Readonly<Record<string, unknown>>;
type Bodies = Readonly<Record<string, (random: Random, world: World) => Fields>>;

const some = (random: Random, ...names: readonly string[]) => names.filter(() => random.chance(0.5));

const CONNECTION = {
  kind: 'http',
  url: 'https://crm.example/v1',
  header: 'Authorization',
  secret: 'Bearer 7f3a91c2d4',
};
const OAUTH = {
  grant: 'client_credentials',
  token_url: 'https://idp.example/token',
  client_id: 'bulkhead',
  client_auth: 'client_secret_basic',
  client_secret: 'c5d1e2f3a4b5',
};
const DECISIONS = ['approve', 'standing', 'refuse'];

const connection = (random: Random): Fields =>
  random.pick<Fields>([
    CONNECTION,
    { kind: 'http', url: CONNECTION.url, oauth: OAUTH },
    { kind: 'postgres', database: 'main' },
  ]);
const token = (random: Random): Fields => ({
  label: 'fuzz',
  ttl_s: 600,
  scopes: some(random, ...SCOPES),
  tools: ['blackboard_read'],
  read_only: random.chance(0.3),
});
const decision = (random: Random): Fields => ({
  decision: random.pick(['approve', 'refuse']),
  reason: 'not now',
});
const decided = (random: Random): Fields => ({ action: random.pick(DECISIONS), reason: 'not now' });

/** What each route is sent, as far as it takes anything: fields that are right, or were once. */
const BODIES: Bodies = {
  'POST /admin/clients': () => ({ name: 'App', redirect_uris: ['https://app.example/cb'], secret: true }),
  'POST /admin/tenants': (random) => ({ id: disposable(random) }),
  'PATCH /admin/tenants/:id/limits': (random) =>
    random.pick<Fields>([
      { rate: 5, burst: 50 },
      { tool: 'blackboard_write', unset: true },
      { storage: 10_000_000, calls_per_day: 100, calls_per_month: null },
    ]),
  'PATCH /admin/tenants/:id/policy': () => ({ tool: 'scar_delete', approval: true }),
  'POST /admin/tenants/:id/approvals/:approval': decision,
  'PUT /admin/tenants/:id/connections/:name': connection,
  'POST /admin/tenants/:id/connections/:name/secret': () => ({ secret: 'Bearer 2' }),
  'POST /admin/tenants/:id/members': (random) =>
    random.pick<Fields>([
      { name: 'Ann', scopes: ['blackboard:read'], ttl_s: 600 },
      { name: 'Ben', email: 'ben@example.com' },
    ]),
  'POST /admin/tenants/:id/tokens': token,
  'PATCH /admin/tenants/:id/tokens/:token': () => ({ add: ['scar:read'], remove: ['scar:write'] }),
  'POST /v1/approvals/:approval': decision,
  'PUT /v1/connections/:name': connection,
  'POST /v1/connections/:name/secret': () => ({ secret: 'Bearer 2' }),
  'POST /v1/tokens': token,
  'PATCH /v1/tokens/:token': () => ({ remove: ['scar:write'], tools: ['blackboard_read'] }),
  'POST /authorize': (random, { handles }) => ({
    request: random.pick(handles),
    action: random.pick(['sign_in', 'allow', 'deny', 'other_key']),
    key: random.pick(handles),
    as: random.pick(handles),
    scope: some(random, ...SCOPES),
  }),
  'POST /register': () => ({
    redirect_uris: ['https://client.example/cb'],
    client_name: 'App',
    token_endpoint_auth_method: 'none',
  }),
  'POST /token': (random, { handles, client }) => ({
    grant_type: random.pick(['authorization_code', 'refresh_token']),
    client_id: client,
    code: random.pick(handles),
    refresh_token: random.pick(handles),
    code_verifier: 'v'.repeat(43),
    redirect_uri: 'https://client.example/callback',
    resource: `${ORIGIN}/mcp`,
  }),
  'POST /revoke': (random, { handles, client }) => ({ client_id: client, token: random.pick(handles) }),
  'POST /console': (random, { handles, tenant }) => ({
    token: random.pick(handles),
    action: random.pick(['', 'enter']),
    as: `${tenant.id}/x`,
    to: `/console/${tenant.id}/calls`,
  }),
  'POST /console/@operator': (random, { handles }) => ({
    key: random.pick([TEST_SECRETS.ADMIN_KEY, ...handles]),
    name: 'Ann',
    to: '/console/@operator/health',
  }),
  'POST /console/@operator/tenants/:tenant/manage': (random) => ({
    action: random.pick(['suspend', 'resume', 'limit', 'unset', 'quotas', 'compact', 'verify', 'erase']),
    tool: 'blackboard_write',
    rate: '5',
    burst: '50',
    storage: '10MB',
    day: '100',
    month: '',
    name: disposable(random),
  }),
  'POST /console/@operator/tenants/:tenant/approvals/:approval': decided,
  'POST /console/:tenant/approvals/:approval': decided,
  'POST /console/:tenant/connections': () => ({ name: 'crm', ...CONNECTION }),
  'POST /console/:tenant/connections/:name': (random) => ({
    action: random.pick(['rotate', 'test', 'remove']),
    part: random.pick(['secret', 'client_secret', 'refresh_token']),
    secret: 'Bearer 2',
  }),
  'POST /console/:tenant/tokens': (random) => ({
    label: 'fuzz',
    ttl: '3600',
    scope: some(random, ...SCOPES),
  }),
  'POST /console/:tenant/tokens/:token': (random) => ({
    action: random.pick(['narrow', 'revoke']),
    scope: some(random, ...SCOPES),
  }),
};

/** Parameters of queries, by what reads them. */
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  calls: [
    'tool',
    'outcome',
    'token',
    'client',
    'since',
    'until',
    'cursor',
    'limit',
    'run',
    'internal',
    'follow',
  ],
  authorize: [
    'request',
    'response_type',
    'state',
    'scope',
    'resource',
    'code_challenge',
    'client_id',
    'redirect_uri',
  ],
  console: [
    'q',
    'sort',
    'page',
    'cursor',
    'prefix',
    'status',
    'run_id',
    'key',
    'rev',
    'notice',
    'to',
    'group',
    'by',
  ],
};
const QUERY_NAMES = Object.values(QUERIES).flat();
const QUERY_VALUES = [
  '1',
  '-1',
  '1h',
  '2026-01-01',
  '2026-13-45T99:99:99Z',
  'NaN',
  '1e999',
  'shared-run',
  'plan/1',
  'true',
];

/** Tenants that requests may change in any way, erase and make anew. */
const DISPOSABLE = 4;
export const disposable = (random: Random) => `fuzz-${random.below(DISPOSABLE)}`;

/** What takes the place of a `:name` of a route. */
function partOf(name: string, route: Route, random: Random, world: World): string {
  const isOperators = route.path.startsWith('/admin') || route.path.startsWith('/console/@operator');
  if ((name === 'id' && isOperators) || name === 'tenant') {
    // What the operator changes would be missed by the other requests.
    const mayChange = route.method !== 'GET' && isOperators;
    return mayChange || random.chance(0.1) ? disposable(random) : world.tenant.id;
  }
  if (name === 'token' || name === 'member') return random.pick(world.endableTokens);
  if (name === 'name') return random.pick(['crm', 'erp', 'no-such']);
  return random.chance(0.7) ? random.pick(world.ids) : random.pick(world.handles);
}

function pathOf(route: Route, random: Random, world: World): string {
  const path = route.path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(partOf(name, route, random, world)),
  );
  if (route.method !== 'GET' || random.chance(0.4)) return path;
  if (route.path === '/authorize' && random.chance(0.5)) return `${path}?${world.authorizeQuery}`;
  const query = new URLSearchParams();
  for (let left = random.below(4); left > 0; left--)
    query.append(random.pick(QUERY_NAMES), random.pick(random.chance(0.6) ? QUERY_VALUES : world.handles));
  return `${path}?${query}`;
}

/** The credential of a route: a key, a token, or the cookies of somebody at a page. */
function credentialOf({ path }: Route, random: Random, world: World): Readonly<Record<string, string>> {
  if (path.startsWith('/admin') || path === '/health')
    return { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}` };
  if (path.startsWith('/v1')) return { authorization: `Bearer ${random.pick(world.managers)}` };
  if (path.startsWith('/console') || path.startsWith('/authorize'))
    return random.chance(0.9) ? { cookie: random.pick(world.cookies) } : {};
  return {};
}

const isForm = (path: string) =>
  path.startsWith('/console') || ['/authorize', '/token', '/revoke'].includes(path);

/** A request of any of the routes. */
export function routeRequest(random: Random, world: World): FuzzRequest {
  const route = random.pick(ROUTES);
  const fields = BODIES[nameOf(route)]?.(random, world) ?? {};
  const asForm = isForm(route.path);
  const type = asForm ? 'application/x-www-form-urlencoded' : 'application/json';
  const isStream = random.chance(0.02);
  return {
    route: nameOf(route),
    era: 'plain',
    method: route.method,
    path: pathOf(route, random, world),
    headers: {
      ...credentialOf(route, random, world),
      ...(isStream && { accept: 'text/event-stream' }),
      ...(route.method !== 'GET' && { 'content-type': type, origin: ORIGIN }),
    },
    ...(route.method !== 'GET' && { body: asForm ? form(fields) : json(fields) }),
    mutations: [],
  };
}
