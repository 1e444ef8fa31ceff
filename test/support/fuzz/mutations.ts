import type { Random } from './random.ts';
import { type Body, bytesOf, type FuzzRequest } from './request.ts';
import type { World } from './world.ts';

/** The ways in which a request is spoilt. Each is counted under its name. */

type Mutate = (request: FuzzRequest, random: Random, world: World) => FuzzRequest;

const nested = (levels: number): unknown => {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

const ODD_NUMBERS = [0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e308, 5e-324, 0.1];
const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\udfff\ud800',
  'é\u0301',
  '🛶'.repeat(90),
  'x'.repeat(600),
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '%',
  "'; DROP TABLE board_cells; --",
  '"*',
  '1',
  'null',
  '\u2028',
  '-0',
];

function oddValue(random: Random): unknown {
  switch (random.below(7)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(ODD_NUMBERS);
    case 3:
      return random.pick([[], {}, [[]], [null], { '': 0 }, nested(3)]);
    default:
      return random.pick(ODD_TEXTS);
  }
}

type Place = { readonly holder: object; readonly name: string };

/** Every member of every object and list inside a value. */
function placesIn(value: unknown): Place[] {
  const places: Place[] = [];
  const walk = (holder: unknown) => {
    if (typeof holder !== 'object' || holder === null) return;
    for (const name of Object.keys(holder)) {
      places.push({ holder, name });
      walk(Reflect.get(holder, name));
    }
  };
  walk(value);
  return places;
}

/** Changes a copy of the body's value. */
function inBody(request: FuzzRequest, change: (value: unknown, places: Place[]) => unknown): FuzzRequest {
  if (request.body === undefined || request.body.kind === 'raw') return request;
  const { kind } = request.body;
  const value: unknown = structuredClone(request.body.value);
  return { ...request, body: { kind, value: change(value, placesIn(value)) } };
}

/** Changes a member that is picked at random, if there is one. */
const atMember =
  (change: (place: Place, random: Random, world: World) => void): Mutate =>
  (request, random, world) =>
    inBody(request, (value, places) => {
      if (places.length > 0) change(random.pick(places), random, world);
      return value;
    });

const set = ({ holder, name }: Place, value: unknown) =>
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });

function inBytes(request: FuzzRequest, change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array): FuzzRequest {
  if (request.body === undefined) return request;
  const body: Body = { kind: 'raw', bytes: change(new Uint8Array(bytesOf(request.body))) };
  return { ...request, body };
}

/** Gives a call or a list a cursor, where it is still an object that can have one. */
function setCursor(value: unknown, cursor: string): void {
  const params: unknown = Object(value).params ?? value;
  const args: unknown = Object(params).arguments ?? params;
  if (typeof args === 'object' && args !== null) Reflect.set(args, 'cursor', cursor);
}

const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Replaces the first number or text of the JSON by other JSON text, which a value could not express. */
function withText(request: FuzzRequest, text: string): FuzzRequest {
  return inBytes(request, (bytes) =>
    utf8(new TextDecoder().decode(bytes).replace(/:(?:\d+|"[^"]*")(?=[,}])/, () => `:${text}`)),
  );
}

const header = (request: FuzzRequest, name: string, value: string | undefined): FuzzRequest => {
  const { [name]: _, ...headers } = request.headers;
  return { ...request, headers: value === undefined ? headers : { ...headers, [name]: value } };
};

const ACCEPTS = [
  '*/*',
  '',
  'application/json',
  'text/event-stream',
  'text/event-stream, application/json;q=0.1',
  'text/html',
  'application/*, text/*;q=x',
  ';;,',
];
const TYPES = [
  '',
  'text/plain',
  'application/json; charset=utf-16',
  'APPLICATION/JSON',
  'application/jsonx',
  'multipart/form-data',
  ';',
];
const VERSIONS = [
  '2026-07-28',
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2099-01-01',
  '',
  '1',
  'x'.repeat(300),
  '2025-11-25, 2026-07-28',
];
const HTTP_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND'];
const PATH_ENDS = [
  '/',
  '//',
  '%',
  '%zz',
  '%00',
  '%2e%2e%2f',
  '%ff%fe',
  ';a=b',
  '?tools=none',
  '?tools=',
  '?tools=scar&tools=cache',
  '?sessionId=',
  '?cursor=%ff',
  '#x',
  '/../admin',
  `/${'a'.repeat(3000)}`,
  '?limit=-1',
];

const MUTATIONS: Readonly<Record<string, Mutate>> = {
  'a value of another type': atMember((place, random) => void set(place, oddValue(random))),
  'a member is missing': atMember(({ holder, name }) => void Reflect.deleteProperty(holder, name)),
  'a member too many': atMember((place, random) => {
    set(
      { ...place, name: random.pick(['extra', '__proto__', 'id', 'cursor', '_meta', 'wait', '']) },
      oddValue(random),
    );
  }),
  'two members swapped': (request, random) =>
    inBody(request, (value, places) => {
      if (places.length < 2) return value;
      const [a, b] = [random.pick(places), random.pick(places)];
      const [first, second] = [Reflect.get(a.holder, a.name), Reflect.get(b.holder, b.name)];
      set(a, structuredClone(second));
      set(b, structuredClone(first));
      return value;
    }),
  'another body altogether': (request, random) => ({
    ...request,
    body: { kind: random.chance(0.9) ? 'json' : 'form', value: oddValue(random) },
  }),
  'in a list': (request, random) =>
    inBody(request, (value) => Array.from({ length: random.pick([0, 1, 2, 3, 21, 101]) }, () => value)),
  'an odd id': (request, random) =>
    inBody(request, (value) => {
      const id = random.pick([
        oddValue(random),
        'x'.repeat(random.pick([255, 256, 257, 5000])),
        2 ** 53,
        -1,
        1.5,
      ]);
      return Array.isArray(value) ? value.map((one) => ({ ...Object(one), id })) : { ...Object(value), id };
    }),
  'an odd method name': (request, random) =>
    inBody(request, (value) => ({
      ...Object(value),
      method: random.pick([...ODD_TEXTS, 'tools/call ', 'TOOLS/CALL', 'rpc.discover', 'notifications/x', 5]),
    })),
  'deep JSON': atMember((place, random) => void set(place, nested(random.pick([20, 60, 70, 500])))),
  'wide JSON': atMember(
    (place, random) =>
      void set(
        place,
        Array.from({ length: random.pick([50, 500, 5000]) }, () => 0),
      ),
  ),
  'long text': atMember(
    (place, random) =>
      void set(place, random.pick(['a', '\\', '🛶', 'eyJ-']).repeat(random.pick([300, 3000, 20_000]))),
  ),
  'a handle of another use': atMember((place, random, { handles }) => void set(place, random.pick(handles))),
  'a cursor of another list': (request, random, { handles }) =>
    inBody(request, (value) => {
      setCursor(value, random.pick(handles));
      return value;
    }),
  'sealed texts spliced': (request, random, { handles }) =>
    inBody(request, (value) => {
      const [head, tail] = [random.pick(handles), random.pick(handles)];
      const at = random.below(head.length);
      setCursor(value, `${head.slice(0, at)}${tail.slice(random.below(tail.length))}` || 'x');
      return value;
    }),
  'a body that is cut': (request, random) =>
    inBytes(request, (bytes) => bytes.slice(0, random.below(bytes.length + 1))),
  'bytes that are not UTF-8': (request, random) =>
    inBytes(request, (bytes) => {
      if (bytes.length > 0) bytes[random.below(bytes.length)] = random.pick([0xff, 0xc0, 0x80, 0xed, 0x00]);
      return bytes;
    }),
  'bytes around the body': (request, random) =>
    inBytes(request, (bytes) => {
      const extra = utf8(random.pick([' ', '\ufeff', '{}', ',', '\u0000', '//']));
      return random.chance(0.5) ? joined(extra, bytes) : joined(bytes, extra);
    }),
  'a number as text cannot be': (request, random) =>
    withText(
      request,
      random.pick([
        '1e999',
        '-0',
        '1E2',
        '12345678901234567890',
        '0.1000000000000000055',
        'NaN',
        '01',
        '+1',
        '-',
      ]),
    ),
  'text as JSON writes it': (request, random) =>
    withText(request, random.pick(['"\\ud800"', '"\\u0000"', '"\\x"', '"\t"', "'a'", '"\\ud83d\\ude00"'])),
  'another Accept': (request, random) => header(request, 'accept', random.pick([...ACCEPTS, undefined])),
  'another Content-Type': (request, random) =>
    header(request, 'content-type', random.pick([...TYPES, undefined])),
  'another protocol version': (request, random) =>
    header(request, 'mcp-protocol-version', random.pick([...VERSIONS, undefined])),
  'another session': (request, random, { sessions }) =>
    header(
      request,
      'mcp-session-id',
      random.pick([...sessions, '', 'x', 'y'.repeat(500), `${sessions[0]}x`, undefined]),
    ),
  'another Mcp-Method or Mcp-Name': (request, random) =>
    header(
      request,
      random.pick(['mcp-method', 'mcp-name']),
      random.pick(['tools/call', 'x', '', '=?base64?eA==?=', '=?base64?%?=', undefined]),
    ),
  'another credential': (request, random, { tokens }) =>
    header(
      request,
      'authorization',
      random.pick([
        ...Object.values(tokens).map((token) => `Bearer ${token}`),
        undefined,
        'Bearer',
        'Basic eDp5',
        `Bearer ${'x'.repeat(3000)}`,
        'bearer  a.b.c',
      ]),
    ),
  'a header that means something elsewhere': (request, random) =>
    header(
      request,
      random.pick([
        'origin',
        'host',
        'last-event-id',
        'traceparent',
        'x-http-method-override',
        'content-encoding',
        'expect',
        'range',
        'if-none-match',
        'tracestate',
      ]),
      random.pick([
        'x',
        '',
        'https://app.test',
        'https://evil.test',
        '12.3',
        '-1',
        '9'.repeat(30),
        'gzip',
        `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
      ]),
    ),
  // A session that is ended, or a tenant that is erased, would be of no use to the requests that follow; there are others for that.
  'another HTTP method': (request, random, { sessions, tenant }) => {
    const method = random.pick(HTTP_METHODS);
    const [path] = request.path.split('?');
    const ends =
      sessions.includes(request.headers['mcp-session-id'] ?? '') || path === `/admin/tenants/${tenant.id}`;
    return method === 'DELETE' && ends ? request : { ...request, method };
  },
  'an odd path': (request, random) => ({ ...request, path: request.path + random.pick(PATH_ENDS) }),
  'an odd part of the path': (request, random, { handles }) => {
    const [pathname = '', ...query] = request.path.split('?');
    const parts = pathname.split('/');
    parts[1 + random.below(parts.length - 1)] = random.pick([
      encodeURIComponentOf(random.pick([...ODD_TEXTS, ...handles])),
      '%',
      '%E0%A4%A',
      '%00',
      '@operator',
    ]);
    return { ...request, path: [parts.join('/'), ...query].join('?') };
  },
  'a query parameter more': (request, random, { handles }) =>
    withParameter(
      request,
      random.pick(PARAMETERS),
      random.pick([random.pick(ODD_TEXTS), String(random.pick(ODD_NUMBERS)), random.pick(handles)]),
    ),
  'an odd tool name in the path': (request, random) =>
    request.route === '/v1/tools/:name'
      ? {
          ...request,
          path: `/v1/tools/${random.pick([...ODD_TEXTS.map(encodeURIComponentOf), '%', '%E0%A4%A', '..', '.', 'blackboard_write%00', 'session_open', 'BLACKBOARD_READ'])}`,
        }
      : request,
};

/** Query parameters that something reads, and what no parser of queries may trip over. */
const PARAMETERS = [
  'cursor',
  'limit',
  'since',
  'sort',
  'run',
  'notice',
  'follow',
  '__proto__',
  'constructor',
  '',
  'deep',
];

/** Gives the query one parameter more, which it may have already. */
function withParameter({ path, ...request }: FuzzRequest, name: string, value: string): FuzzRequest {
  const pair = `${encodeURIComponentOf(name)}=${encodeURIComponentOf(value)}`;
  return { ...request, path: `${path}${path.includes('?') ? '&' : '?'}${pair}` };
}

const encodeURIComponentOf = (text: string) => encodeURIComponent(text.toWellFormed());
const NAMES = Object.keys(MUTATIONS);

/** The same request, spoilt in one to three ways; one in twenty stays as it is. */
export function mutate(request: FuzzRequest, random: Random, world: World): FuzzRequest {
  if (random.chance(0.05)) return request;
  let mutated = request;
  for (let times = random.pick([1, 1, 1, 1, 2, 2, 3]); times > 0; times--) {
    const name = random.pick(NAMES);
    const changed = MUTATIONS[name]?.(mutated, random, world) ?? mutated;
    if (changed !== mutated) mutated = { ...changed, mutations: [...mutated.mutations, name] };
  }
  return mutated;
}

export const MUTATION_NAMES: readonly string[] = NAMES;
