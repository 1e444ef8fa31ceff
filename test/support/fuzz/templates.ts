import { ISOLATION_SCRIPT } from '../isolation-script.ts';
import type { Random } from './random.ts';
import { type FuzzRequest, json } from './request.ts';
import { routeRequest } from './routes.ts';
import type { World } from './world.ts';

/** Valid requests of every route and era, which the mutations then spoil. */

type Template = (random: Random, world: World) => FuzzRequest;

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const BATCHES = '2025-03-26';
const INFO = { name: 'fuzz', version: '1.0.0' };

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const JSON_TYPE = { 'content-type': 'application/json' };
const ACCEPT = { accept: 'application/json, text/event-stream' };

const tokenOf = (random: Random, { tokens, ordinary }: World) =>
  random.chance(0.85) ? random.pick(ordinary) : random.pick(Object.values(tokens));

/** A call of any tool with arguments that fit; nothing waits. */
function toolCall(random: Random, { handles }: World) {
  const { tool, args } = random.pick(ISOLATION_SCRIPT);
  const given = args('mark', []);
  if (random.chance(0.15)) given.cursor = random.pick(handles);
  if (random.chance(0.05)) given.claim_id = random.pick(handles);
  if (random.chance(0.05)) given.scar_id = random.pick(handles);
  if ('wait_s' in given) given.wait_s = 0;
  return { name: tool, arguments: given };
}

const URIS = ['blackboard://shared-run/plan/1', 'blackboard://default/a', 'nothing', 'file:///etc/passwd'];

const PROMPT_NAMES = ['hand_over', 'work_queue', 'debug_failure', 'x'];
const ARGUMENT_NAMES = ['run_id', 'key', 'prefix', 'tool', 'project', 'task', 'a'];

/** The parameters of each method, valid as far as the server can know. */
const METHODS: Readonly<Record<string, (random: Random, world: World) => unknown>> = {
  ping: () => ({}),
  'tools/list': (random, { handles }) => (random.chance(0.2) ? { cursor: random.pick(handles) } : {}),
  'tools/call': toolCall,
  'resources/list': (random, { handles }) => (random.chance(0.5) ? { cursor: random.pick(handles) } : {}),
  'resources/read': (random) => ({ uri: random.pick(URIS) }),
  'resources/templates/list': () => ({}),
  'resources/subscribe': (random) => ({ uri: random.pick(URIS) }),
  'resources/unsubscribe': (random) => ({ uri: random.pick(URIS) }),
  'logging/setLevel': (random) => ({ level: random.pick(['debug', 'error', 'loud']) }),
  'prompts/list': () => ({}),
  'prompts/get': (random) => ({
    name: random.pick(PROMPT_NAMES),
    arguments: { error: 'x', [random.pick(ARGUMENT_NAMES)]: random.pick(['', 'plan/', 5, null]) },
  }),
  'completion/complete': (random) => ({
    ref: random.pick([
      { type: 'ref/prompt', name: random.pick(PROMPT_NAMES) },
      { type: 'ref/resource', uri: 'blackboard://{run_id}/{key}' },
      { type: 'ref/other' },
    ]),
    argument: { name: random.pick(ARGUMENT_NAMES), value: random.pick(['', 'plan', '\ud800']) },
    context: { arguments: { run_id: random.pick(['', 'default']) } },
  }),
  initialize: () => ({ protocolVersion: LEGACY, capabilities: {}, clientInfo: INFO }),
  'server/discover': () => ({}),
  'tasks/get': () => ({ taskId: 'x' }),
  'no/such/method': () => ({}),
};
const CALLS = ['tools/call', 'tools/call', 'tools/call', 'tools/call'];

function message(random: Random, world: World) {
  const method = random.pick([...CALLS, ...Object.keys(METHODS)]);
  const id = random.chance(0.9) ? random.below(1000) : random.pick(['a', 'request-7', '']);
  const params = METHODS[method]?.(random, world);
  return { jsonrpc: '2.0', ...(random.chance(0.95) ? { id } : {}), method, params };
}

const NOTICES = ['notifications/initialized', 'notifications/cancelled', 'notifications/progress'];

function notice(random: Random) {
  return { jsonrpc: '2.0', method: random.pick(NOTICES), params: { requestId: random.below(1000) } };
}

const post = (era: string, headers: Record<string, string>, body: unknown, path = '/mcp'): FuzzRequest => ({
  route: path.split('?')[0] ?? path,
  era,
  method: 'POST',
  path,
  headers: { ...JSON_TYPE, ...ACCEPT, ...headers },
  body: json(body),
  mutations: [],
});

const get = (
  path: string,
  headers: Record<string, string> = {},
  era = 'plain',
  route = path,
): FuzzRequest => ({
  route,
  era,
  method: 'GET',
  path,
  headers,
  mutations: [],
});

const sessionless: Template = (random, world) =>
  post(LEGACY, { ...bearer(tokenOf(random, world)), 'mcp-protocol-version': LEGACY }, message(random, world));

const inSession: Template = (random, world) =>
  post(
    `${LEGACY} in a session`,
    {
      ...bearer(random.chance(0.9) ? world.tenant.token : tokenOf(random, world)),
      'mcp-protocol-version': LEGACY,
      'mcp-session-id': random.pick(world.sessions),
    },
    random.chance(0.9) ? message(random, world) : notice(random),
  );

/** Messages of which one may cancel another. */
function messagesOfBatch(random: Random, world: World): unknown[] {
  const list = Array.from({ length: 1 + random.below(4) }, () =>
    random.chance(0.9) ? message(random, world) : notice(random),
  );
  if (!random.chance(0.1)) return list;
  const params = { requestId: Object(random.pick(list)).id };
  return [...list, { jsonrpc: '2.0', method: 'notifications/cancelled', params }];
}

const batch: Template = (random, world) =>
  post(
    BATCHES,
    { ...bearer(tokenOf(random, world)), 'mcp-protocol-version': BATCHES },
    messagesOfBatch(random, world),
  );

const modern: Template = (random, world) => {
  const { params, ...rest } = message(random, world);
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': INFO,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const { name, uri } = Object(params);
  const named = typeof name === 'string' ? name : typeof uri === 'string' ? uri : undefined;
  const headers = {
    ...bearer(tokenOf(random, world)),
    'mcp-protocol-version': MODERN,
    'mcp-method': rest.method,
    ...(named === undefined ? {} : { 'mcp-name': named }),
  };
  return post(MODERN, headers, { ...rest, params: { ...Object(params), _meta } });
};

const listen: Template = (random, world) => {
  const made = modern(random, world);
  const notifications = random.chance(0.7)
    ? { resourcesListChanged: true, resourceSubscriptions: [random.pick(URIS)] }
    : {};
  const body = made.body?.kind === 'json' ? Object(made.body.value) : {};
  const params = { ...body.params, notifications };
  return {
    ...made,
    headers: { ...made.headers, 'mcp-method': 'subscriptions/listen' },
    body: json({ ...body, method: 'subscriptions/listen', params }),
  };
};

const messages: Template = (random, world) =>
  post(
    '2024-11-05',
    bearer(tokenOf(random, world)),
    message(random, world),
    `/messages?sessionId=${random.pick(world.sessions)}`,
  );

const restCall: Template = (random, world) => {
  const { name, arguments: args } = toolCall(random, world);
  const request = post('plain', bearer(tokenOf(random, world)), args, `/v1/tools/${name}`);
  return { ...request, route: '/v1/tools/:name' };
};

const METADATA = ['', '/mcp', '/sse', '/other'].map((path) => `/.well-known/oauth-protected-resource${path}`);
const UNKNOWN = ['/nothing', '/mcp/', '/v1', '/v1/tools/a/b', '/admin', '/.env', '/sse/x', '/v2/tools'];

/** Each with how often it is taken. */
const TEMPLATES: readonly (readonly [weight: number, template: Template])[] = [
  [26, sessionless],
  [20, inSession],
  [12, batch],
  [30, modern],
  [2, listen],
  [6, messages],
  [26, restCall],
  [70, routeRequest],
  [
    2,
    (random, world) =>
      get(
        '/mcp',
        { ...bearer(tokenOf(random, world)), ...ACCEPT, 'mcp-session-id': random.pick(world.sessions) },
        LEGACY,
      ),
  ],
  [
    1,
    (random, world) => ({
      ...get(
        '/mcp',
        { ...bearer(tokenOf(random, world)), 'mcp-session-id': random.pick(world.endable) },
        LEGACY,
      ),
      method: 'DELETE',
    }),
  ],
  [1, (random, world) => get('/sse', bearer(tokenOf(random, world)), '2024-11-05')],
  [3, (random, world) => get('/v1/tools', bearer(tokenOf(random, world)))],
  [1, (random) => get(random.pick(METADATA), {}, 'plain', '/.well-known/*')],
  [3, (random, world) => get(random.pick(UNKNOWN), bearer(tokenOf(random, world)), 'plain', 'unknown path')],
];
const TOTAL = TEMPLATES.reduce((sum, [weight]) => sum + weight, 0);

export function makeRequest(random: Random, world: World): FuzzRequest {
  let at = random.below(TOTAL);
  for (const [weight, template] of TEMPLATES) {
    at -= weight;
    if (at < 0) return template(random, world);
  }
  throw new Error('the weights add up to their sum');
}
