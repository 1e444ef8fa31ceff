import { type FuzzRequest, readBody } from './request.ts';
import { CANARY, type World } from './world.ts';

/** What must hold for every answer, whatever was sent. */

export interface Answered {
  readonly request: FuzzRequest;
  readonly traceId: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Whether the whole body was read: streams that have no end are left after their first events. */
  readonly whole: boolean;
}

export type Line = Readonly<Record<string, unknown>>;

/** Words of a stack, a database or a file of ours. */
const INTERNAL =
  /\n\s+at |SQLITE_|SQL logic|no such (?:table|column)|constraint failed|node_modules|\/src\/|\.ts:\d|TypeError|ReferenceError|SyntaxError|is not a function|Cannot read prop|is not iterable|\[object Object\]|undefined is not/;

const RPC_ROUTES = ['/mcp', '/sse', '/messages'];
/** Codes of requests that are refused before their JSON-RPC message is accepted. */
const BEFORE_THE_MESSAGE = [
  'unauthorized',
  'invalid_token',
  'too_many_requests',
  'method_not_allowed',
  'not_acceptable',
  'unknown_family',
  'media_type',
  'too_large',
  'parse_error',
  'origin_not_allowed',
  'host_not_allowed',
];

/** The operator sees every tenant. */
const OF_THE_OPERATOR = /^[A-Z]+ \/(?:admin|health|console\/@operator)/;
/** Where answers are pages. */
const PAGES = /^[A-Z]+ \/(?:$|console|authorize|oauth)/;
/** Where refusals are errors of OAuth (RFC 6749, section 5.2). */
const OAUTH = /^POST \/(?:token|register|revoke)$/;
/** Programs, whose text means nothing. */
const ASSETS = /^GET \/console\/assets/;
/** What else is served, by what its route begins with. */
const OTHER_TYPES: readonly (readonly [type: string, route: RegExp])[] = [
  ['text/css', /^GET \/console\/assets/],
  ['text/javascript', /^GET \/console\/assets/],
  ['text/markdown', /^GET \/docs/],
  ['text/plain', /^GET \/(?:docs|admin\/metrics)/],
  ['application/gzip', /^GET \/admin\/tenants\/:id\/export/],
];

type Member = Record<string, unknown>;
const record = (value: unknown): Member => (typeof value === 'object' && value !== null ? { ...value } : {});

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const typeOf = ({ headers }: Answered) => headers.get('content-type')?.split(';')[0] ?? '';

/** The data of each event of a stream. */
const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .flatMap((event) => event.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice('data: '.length));

/** The JSON-RPC messages that an answer holds. */
export function messagesOf(answer: Answered): Member[] {
  const texts = typeOf(answer) === 'text/event-stream' ? eventsOf(answer.text) : [answer.text];
  return texts
    .map(parse)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .map(record)
    .filter(({ jsonrpc }) => jsonrpc === '2.0');
}

/** An answer of JSON-RPC that refuses something: an error, or a tool's result that is one. */
const isRefusal = ({ error, result }: Member) => error !== undefined || record(result).isError === true;

/** Whether the answer is one refusal, so that it must have exactly one line. */
export function isRefused(answer: Answered): boolean {
  if (answer.status >= 400) return true;
  const [message, ...others] = messagesOf(answer);
  return message !== undefined && others.length === 0 && isRefusal(message);
}

export function faultsOf(answer: Answered, world: World): string[] {
  const faults = [...statusFaults(answer), ...bodyFaults(answer), ...idFaults(answer)];
  if (INTERNAL.test(answer.text) && !ASSETS.test(answer.request.route))
    faults.push('the answer shows something internal');
  if (
    [CANARY, world.canary.id, world.canary.tokenId].some((secret) => answer.text.includes(secret)) &&
    !OF_THE_OPERATOR.test(answer.request.route)
  )
    faults.push('the answer shows what another tenant stored');
  return faults;
}

function statusFaults({ status, text }: Answered): string[] {
  const failed = status >= 500 && status !== 507 && !text.includes('"code":"unavailable"');
  const internal = /"code":"internal"|"code":-32603/.test(text);
  return failed || internal ? [`a failure of the server: ${status}`] : [];
}

function bodyFaults(answer: Answered): string[] {
  const { status, text, whole, request } = answer;
  if (text === '') return status >= 400 && request.method !== 'HEAD' ? ['a refusal without a body'] : [];
  const type = typeOf(answer);
  const value = parse(text);
  switch (type) {
    case 'application/json':
      if (value === undefined) return ['not JSON'];
      if (status < 400) return [];
      return OAUTH.test(request.route) ? oauthErrorFaults(value) : rpcErrorFaults(answer, value);
    case 'application/problem+json': {
      const { status: said, code, title, trace_id } = record(value);
      const complete =
        said === status && [code, title, trace_id].every((member) => typeof member === 'string');
      return complete ? [] : ['not problem details'];
    }
    case 'text/event-stream':
      return whole &&
        eventsOf(text).some(
          (data) => data !== '' && parse(data) === undefined && !data.startsWith('/messages?'),
        )
        ? ['an event that is not JSON']
        : [];
    case 'text/html':
      return PAGES.test(request.route) && text.endsWith('</html>\n') ? [] : ['a page where there is none'];
    default:
      if (status < 400 && OTHER_TYPES.some(([known, route]) => known === type && route.test(request.route)))
        return [];
      return status === 202 && text === 'Accepted' ? [] : [`a body of type ${type}`];
  }
}

function oauthErrorFaults(value: unknown): string[] {
  const { error, error_description } = record(value);
  return typeof error === 'string' && typeof error_description === 'string' ? [] : ['not an error of OAuth'];
}

function rpcErrorFaults({ request }: Answered, value: unknown): string[] {
  const { pathname } = new URL(request.path, 'https://mcp.test');
  if (!RPC_ROUTES.includes(pathname.replace(/\/+$/, ''))) return ['a refusal that is no problem details'];
  const { error, jsonrpc } = record(value);
  const { code, message, data } = record(error);
  const complete = jsonrpc === '2.0' && Number.isInteger(code) && typeof message === 'string';
  return complete && typeof record(data).trace_id === 'string'
    ? []
    : ['not an error of JSON-RPC with a trace id'];
}

/** Each answer has the id of a request, and each error a trace id. */
function idFaults(answer: Answered): string[] {
  if (answer.request.route !== '/mcp') return [];
  const body = answer.request.method === 'POST' ? readBody(answer.request.body) : undefined;
  const sent = (Array.isArray(body) ? body : [body]).map(record);
  const readable = sent
    .filter(({ method }) => method !== undefined)
    .map(({ id }) => id)
    .filter((id) => typeof id === 'number' || typeof id === 'string');
  return messagesOf(answer).flatMap((message) => {
    if (message.method !== undefined) return [];
    const { code, trace_id } = record(record(message.error).data);
    const untraced = message.error !== undefined && trace_id === undefined;
    const mayHaveNone =
      !readable.some((id) => typeof id === 'string' || Number.isSafeInteger(id)) ||
      Array.isArray(body) ||
      BEFORE_THE_MESSAGE.includes(String(code));
    const known = readable.includes(message.id as string) || (!('id' in message) && mayHaveNone);
    return [
      ...(untraced ? ['an error without a trace id'] : []),
      ...(known ? [] : [`an answer with the id ${JSON.stringify(message.id)}`]),
    ];
  });
}

/**
 * Repeats of a refusal within a second share one line, so a refused request can have none; how many may is for
 * `missingFaults` to check.
 * @param lines all lines with the trace id of the request
 */
export function lineFaults(answer: Answered, lines: readonly Line[]): string[] {
  const shown = JSON.stringify(lines);
  const faults = lines.some(({ level, event }) => level === 'error' || event === 'edge.error')
    ? ['an error in the log']
    : [];
  if (shown.includes(CANARY)) faults.push('a line shows what another tenant stored');
  if (Array.isArray(readBody(answer.request.body))) return faults;
  // A page is made of several calls, each of which has its line: a refusal has one more only where none of them was refused.
  const ofPage = /^[A-Z]+ \/console/.test(answer.request.route);
  const own = ofPage
    ? lines.filter(({ event, outcome }) => event !== 'tool.call' || outcome !== 'answer')
    : lines;
  const isOfCalls = ofPage && own.every(({ event }) => event === 'tool.call');
  if (own.length > 1 && !isOfCalls) faults.push(`${own.length} lines`);
  if (!isRefused(answer)) return faults;
  for (const { request_id, code, outcome, http_status, event } of lines) {
    const named =
      event === 'tool.call'
        ? typeof outcome === 'string'
        : typeof code === 'string' && [answer.status, undefined].includes(http_status as number | undefined);
    if (typeof request_id !== 'string' || !named) faults.push('a line that names not enough');
  }
  return faults;
}

/** What the lines with `times` do not account for: refused requests without a line, beyond the repeats that share one. */
export function missingFaults(
  answers: readonly Answered[],
  lines: ReadonlyMap<string, readonly Line[]>,
): string[] {
  const silent = answers.filter((answer) => {
    const known = !('traceparent' in answer.request.headers) && !Array.isArray(readBody(answer.request.body));
    return known && isRefused(answer) && !lines.has(answer.traceId);
  }).length;
  const shared = [...lines.values()]
    .flat()
    .reduce((sum, { times }) => sum + Math.max(0, Number(times ?? 1) - 1), 0);
  return silent > shared ? [`${silent} refusals without a line, but only ${shared} repeats share one`] : [];
}
