import {
  createMcpHandler,
  DEFAULT_NEGOTIATED_PROTOCOL_VERSION,
  isLegacyRequest,
  PROTOCOL_VERSION_META_KEY,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import { traceFields } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import type { CallOutcome, CallRequest, Refusal } from '../tenant/call.ts';
import type { Scope } from '../tools/tool.ts';
import { addressOf } from './address.ts';
import { FENCED, type HttpRefusal, missingToken, refusalOf, rpcRefusal } from './answers.ts';
import { type AppEnv, bearerOf, logRefusal } from './edge.ts';
import { readJson } from './json.ts';
import { createServer, type Session } from './server.ts';
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

interface Refused {
  readonly refusal: HttpRefusal;
  readonly principal?: Principal;
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
  const body = await readJson(request, edge.config.maxBodyBytes);
  if (!body.ok) return { refusal: body, principal };
  const batch = refuseBatch(request, body.value);
  if (batch !== undefined) return { refusal: batch, principal };
  return dispatch(c, principal, body.value);
}

/** Who asks, by the bearer token. An address that keeps asking without a good one meets the fence. */
async function authenticate(c: Ctx): Promise<Principal | Refused> {
  const { config, tokens } = c.var.edge;
  const token = bearerOf(c.req.raw);
  const principal = token === undefined ? undefined : await tokens.principal(token, c.var.info.receivedAt);
  if (principal !== undefined) return principal;
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: addressOf(c.req.raw) });
  if (!success) return { refusal: FENCED };
  const hadToken = c.req.header('authorization') !== undefined;
  return {
    refusal: hadToken
      ? refusalOf({ reason: 'invalid_token' }, config.publicUrl)
      : missingToken(config.publicUrl),
  };
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

/** The exchange of one request: what its protocol server may use, and what came of it. */
interface Exchange extends Session {
  readonly outcome: { asked: boolean; refusal?: Refusal; traceId?: string };
}

async function dispatch(c: Ctx, principal: Principal, body: unknown): Promise<Response | Refused> {
  if (!isToolCall(body)) return dispatchAdmitted(c, principal, body);
  // A tool call is admitted with the call itself, which saves asking the tenant twice.
  const { publicUrl } = c.var.edge.config;
  const exchange = createExchange(c, principal, []);
  const response = await respond(c.req.raw, body, exchange);
  const { asked, refusal, traceId } = exchange.outcome;
  if (refusal !== undefined) {
    await response.body?.cancel();
    // The tenant has logged the call already.
    return rpcRefusal(refusalOf(refusal, publicUrl), traceId ?? c.var.info.trace.traceId);
  }
  if (asked) return response;
  // The protocol refused the call before the tenant heard of it; a token that is no longer good comes first.
  const admission = await admit(c, principal);
  if (!admission.ok) {
    await response.body?.cancel();
    return { refusal: refusalOf(admission.refusal, publicUrl), principal };
  }
  logRefusal(c, { status: response.status, code: 'protocol' }, principal);
  return response;
}

/** Whatever is asked but a tool call: the tenant is asked first. */
async function dispatchAdmitted(c: Ctx, principal: Principal, body: unknown): Promise<Response | Refused> {
  const admission = await admit(c, principal);
  if (!admission.ok) return { refusal: refusalOf(admission.refusal, c.var.edge.config.publicUrl), principal };
  const exchange = createExchange(c, principal, admission.scopes);
  const response = await respond(c.req.raw, body, exchange);
  if (response.status >= 400) logRefusal(c, { status: response.status, code: 'protocol' }, principal);
  return response;
}

function isToolCall(body: unknown): boolean {
  return (
    typeof body === 'object' &&
    body !== null &&
    'method' in body &&
    body.method === 'tools/call' &&
    'id' in body
  );
}

async function admit(c: Ctx, principal: Principal) {
  try {
    return await c.env.TENANTS.getByName(principal.tenant).admit(principal.tokenId);
  } catch (cause) {
    return unreachable(c, principal, cause);
  }
}

function createExchange(c: Ctx, principal: Principal, scopes: readonly Scope[]): Exchange {
  const outcome: Exchange['outcome'] = { asked: false };
  return {
    outcome,
    tokenId: principal.tokenId,
    info: c.var.info,
    traceparent: c.req.raw.headers.get('traceparent'),
    protocolVersion: c.req.raw.headers.get('mcp-protocol-version')?.slice(0, 32),
    scopes,
    refused: (refusal, traceId) => {
      outcome.refusal = refusal;
      outcome.traceId = traceId;
    },
    call: async (request: CallRequest): Promise<CallOutcome> => {
      outcome.asked = true;
      try {
        return await c.env.TENANTS.getByName(principal.tenant).call(request);
      } catch (cause) {
        return { kind: 'refused', refusal: unreachable(c, principal, cause).refusal };
      }
    },
  };
}

/** The object could not be asked: that is never a denial. */
function unreachable(
  c: Ctx,
  principal: Principal,
  cause: unknown,
): { ok: false; refusal: { reason: 'unavailable' } } {
  const { edge, info } = c.var;
  edge.log({
    level: 'error',
    event: 'edge.error',
    tenant: principal.tenant,
    code: 'unavailable',
    cause: describeCause(cause, undefined, {}),
    ...traceFields(info.trace),
    request_id: info.id,
    token_id: principal.tokenId,
  });
  return { ok: false, refusal: { reason: 'unavailable' } };
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
  return memberOf(memberOf(params, '_meta'), PROTOCOL_VERSION_META_KEY) !== undefined && isToolCall(body);
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
