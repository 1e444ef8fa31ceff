import {
  createMcpHandler,
  DEFAULT_NEGOTIATED_PROTOCOL_VERSION,
  isLegacyRequest,
  PROTOCOL_VERSION_META_KEY,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import type { Refusal } from '../tenant/call.ts';
import type { Scope } from '../tools/tool.ts';
import { type HttpRefusal, refusalOf, rpcRefusal } from './answers.ts';
import { authenticate, type Refused } from './authenticate.ts';
import { doorOf } from './door.ts';
import { type AppEnv, logRefusal } from './edge.ts';
import { readJson } from './json.ts';
import { type Families, narrowing } from './offer.ts';
import { createServer } from './server.ts';
import type { Session } from './session.ts';
import type { Principal } from './tokens.ts';

/** Calls in one JSON-RPC batch, which only the revision 2025-03-26 has. */
const MAX_BATCH = 20;
const KEEP_ALIVE_MS = 5000;

type Ctx = Context<AppEnv>;

/** Answers one request to the MCP endpoint; every refusal is logged. */
export async function handleMcp(c: Ctx): Promise<Response> {
  const served = await serve(c);
  if (served instanceof Response) return served;
  logRefusal(c, served.refusal, served.principal);
  return rpcRefusal(served.refusal, c.var.info.trace.traceId);
}

async function serve(c: Ctx): Promise<Response | Refused> {
  const { edge } = c.var;
  const request = c.req.raw;
  const principal = await authenticate(c);
  if ('refusal' in principal) {
    await request.body?.cancel();
    return principal;
  }
  const shape = refuseShape(request);
  if (shape !== undefined) {
    await request.body?.cancel();
    return { refusal: shape, principal };
  }
  const narrowed = narrowing(request.url);
  if ('status' in narrowed) {
    await request.body?.cancel();
    return { refusal: narrowed, principal };
  }
  const body = await readJson(request, edge.config.maxBodyBytes);
  if (!body.ok) return { refusal: body, principal };
  const batch = refuseBatch(request, body.value);
  if (batch !== undefined) return { refusal: batch, principal };
  return dispatch(c, { principal, ...narrowed }, body.value);
}

const accepts = (accept: string, type: string) =>
  accept.includes(type) || accept.includes('*/*') || accept.includes(`${type.slice(0, type.indexOf('/'))}/*`);

function refuseShape(request: Request): HttpRefusal | undefined {
  if (request.method !== 'POST') {
    const message = 'Only POST is served here.';
    return { status: 405, code: 'method_not_allowed', message, headers: { Allow: 'POST, OPTIONS' } };
  }
  const accept = (request.headers.get('accept') ?? '*/*').toLowerCase();
  if (accepts(accept, 'application/json') && accepts(accept, 'text/event-stream')) return undefined;
  const message = 'Accept must allow application/json and text/event-stream.';
  return { status: 406, code: 'not_acceptable', message };
}

function refuseBatch(request: Request, body: unknown): HttpRefusal | undefined {
  if (!Array.isArray(body)) return undefined;
  const invalid = (message: string): HttpRefusal => ({ status: 400, code: 'invalid_request', message });
  const version = request.headers.get('mcp-protocol-version') ?? DEFAULT_NEGOTIATED_PROTOCOL_VERSION;
  if (version !== '2025-03-26')
    return invalid(`Revision ${version.slice(0, 32)} has no batches; send one message.`);
  if (body.length === 0 || body.length > MAX_BATCH) return invalid(`A batch has 1 to ${MAX_BATCH} messages.`);
  return undefined;
}

/** Whose request it is, and which families of tools it wants to know of. */
interface Asker {
  readonly principal: Principal;
  readonly families: Families;
}

/** The exchange of one request: what its protocol server may use, and what came of it. */
interface Exchange extends Session {
  readonly outcome: { asked: boolean; refusal?: Refusal; traceId?: string };
}

async function dispatch(c: Ctx, asker: Asker, body: unknown): Promise<Response | Refused> {
  if (!isCall(body)) return dispatchAdmitted(c, asker, body);
  // A call is admitted with the call itself, which saves asking the tenant twice.
  const { principal } = asker;
  const { publicUrl } = c.var.edge.config;
  const exchange = createExchange(c, asker, []);
  const response = await respond(c.req.raw, body, exchange);
  const { asked, refusal, traceId } = exchange.outcome;
  if (refusal !== undefined) {
    await response.body?.cancel();
    // The tenant has logged the call already.
    return rpcRefusal(refusalOf(refusal, publicUrl), traceId ?? c.var.info.trace.traceId);
  }
  if (asked) return response;
  // The protocol refused the call before the tenant heard of it; a token that is no longer good comes first.
  const admission = await doorOf(c, principal).admit();
  if (!admission.ok) {
    await response.body?.cancel();
    return { refusal: refusalOf(admission.refusal, publicUrl), principal };
  }
  logRefusal(c, { status: response.status, code: 'protocol' }, principal);
  return response;
}

/** Whatever is asked but a call: the tenant is asked first. */
async function dispatchAdmitted(c: Ctx, asker: Asker, body: unknown): Promise<Response | Refused> {
  const { principal } = asker;
  const admission = await doorOf(c, principal).admit();
  if (!admission.ok) return { refusal: refusalOf(admission.refusal, c.var.edge.config.publicUrl), principal };
  const exchange = createExchange(c, asker, admission.scopes);
  const response = await respond(c.req.raw, body, exchange);
  if (response.status >= 400) logRefusal(c, { status: response.status, code: 'protocol' }, principal);
  return response;
}

/** The requests that are answered by a call of a tool, published or internal. */
const CALLS: ReadonlySet<unknown> = new Set(['tools/call', 'resources/list', 'resources/read']);

function isCall(body: unknown): boolean {
  return (
    typeof body === 'object' && body !== null && 'method' in body && CALLS.has(body.method) && 'id' in body
  );
}

function createExchange(c: Ctx, { principal, families }: Asker, scopes: readonly Scope[]): Exchange {
  const outcome: Exchange['outcome'] = { asked: false };
  return {
    outcome,
    tokenId: principal.tokenId,
    info: c.var.info,
    traceparent: c.req.raw.headers.get('traceparent'),
    protocolVersion: c.req.raw.headers.get('mcp-protocol-version')?.slice(0, 32),
    scopes,
    families,
    refused: (refusal, traceId) => {
      outcome.refusal = refusal;
      outcome.traceId = traceId;
    },
    call: (request) => {
      outcome.asked = true;
      return doorOf(c, principal).call(request);
    },
  };
}

const exchanges = new WeakMap<Request, Exchange>();

function serverFor(request: Request | undefined) {
  const exchange = request === undefined ? undefined : exchanges.get(request);
  if (exchange === undefined) throw new Error('a protocol server was asked for outside an exchange');
  return createServer(exchange);
}

const modern = createMcpHandler(({ requestInfo }) => serverFor(requestInfo), {
  legacy: 'reject',
  keepAliveMs: KEEP_ALIVE_MS,
});

async function respond(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
  exchanges.set(request, exchange);
  if (claimsModern(body) || !(await isLegacyRequest(request, body))) {
    return modern.fetch(request, { parsedBody: body });
  }
  return respondLegacy(request, body);
}

/** A request that names its revision in the envelope is never a 2025 one: most need no closer look. */
function claimsModern(body: unknown): boolean {
  const params = memberOf(body, 'params');
  return memberOf(memberOf(params, '_meta'), PROTOCOL_VERSION_META_KEY) !== undefined && isCall(body);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** A 2025 client without a session: one server, one transport, one JSON answer. */
async function respondLegacy(request: Request, body: unknown): Promise<Response> {
  const server = serverFor(request);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  try {
    return await transport.handleRequest(acceptingAll(request), { parsedBody: body });
  } finally {
    await server.close();
  }
}

/** The SDK looks for both media types by name; wildcards were resolved before. */
function acceptingAll(request: Request): Request {
  const accept = request.headers.get('accept') ?? '';
  if (accept.includes('application/json') && accept.includes('text/event-stream')) return request;
  const headers = new Headers(request.headers);
  headers.set('accept', 'application/json, text/event-stream');
  return new Request(request.url, { method: 'POST', headers });
}
