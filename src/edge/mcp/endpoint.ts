import { DEFAULT_NEGOTIATED_PROTOCOL_VERSION } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import type { PublishedTools, ToolFilter } from '../../mcp/published-tools.ts';
import type { SessionInfo } from '../../tenant/contract/call.ts';
import type { Scope } from '../../tools/tool.ts';
import { sessionLogLevel } from '../../transport-tools/session-log-level.ts';
import { authenticate, httpRefusal, type Refused } from '../auth/authenticate.ts';
import { readJson } from '../http/body.ts';
import { type HttpRefusal, rpcRefusal } from '../http/http-errors.ts';
import { type AppEnv, logRefusal } from '../http/isolate.ts';
import { callInternal } from '../tenant-client/internal-call.ts';
import { type Asker, createExchange, type Exchange } from '../tenant-client/request-context.ts';
import { doorOf } from '../tenant-client/tenant-client.ts';
import { isConversation, respondInJson, respondInStream } from './era-2025.ts';
import { isModern, respondModern } from './era-2026.ts';
import { serveListen } from './listen.ts';
import { getOwn, hasValidIds, isAnswer, isCall, mayWait } from './message.ts';
import {
  deleteSession,
  isReplyOrCancel,
  openSession,
  SESSION_HEADER,
  sessionOf,
  streamSession,
  takeAnswer,
  takeCancellation,
} from './sessions.ts';
import { narrowing } from './tool-filter.ts';

/** Calls in one JSON-RPC batch, which only the revision 2025-03-26 has. */
const MAX_BATCH = 20;
const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS'];

type Ctx = Context<AppEnv>;

/** Answers one request to the MCP endpoint; every refusal is logged. */
export async function handleMcp(c: Ctx): Promise<Response> {
  const served = await serve(c);
  if (served instanceof Response) return served;
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  logRefusal(c, served.refusal, served.principal);
  return rpcRefusal(served.refusal, c.var.info.trace.traceId);
}

async function serve(c: Ctx): Promise<Response | Refused> {
  const { edge } = c.var;
  const request = c.req.raw;
  const principal = await authenticate(c);
  if ('refusal' in principal) return principal;
  const shape = refuseShape(request);
  if (shape !== undefined) return { refusal: shape, principal };
  const narrowed = narrowing(request.url, edge.tools);
  if ('status' in narrowed) return { refusal: narrowed, principal };
  const asker: Asker = { principal, ...narrowed, session: sessionOf(request) };
  if (request.method === 'GET') return streamSession(c, asker);
  if (request.method === 'DELETE') return deleteSession(c, asker);
  const body = await readJson(request, edge.config.maxBodyBytes);
  if (!body.ok) return { refusal: body, principal };
  const unfit = refuseMessages(request, body.value);
  if (unfit !== undefined) return { refusal: unfit, principal };
  return (await isModern(request, body.value))
    ? dispatchModern(c, { ...asker, session: undefined }, body.value)
    : dispatchLegacy(c, asker, body.value);
}

const accepts = (accept: string, type: string) =>
  accept.includes(type) || accept.includes('*/*') || accept.includes(`${type.slice(0, type.indexOf('/'))}/*`);

function refuseShape(request: Request): HttpRefusal | undefined {
  if (!METHODS.includes(request.method)) {
    const message = `Only ${METHODS.join(', ')} are served here.`;
    return { status: 405, code: 'method_not_allowed', message, headers: { Allow: METHODS.join(', ') } };
  }
  const accept = (request.headers.get('accept') ?? '*/*').toLowerCase();
  const json = request.method !== 'POST' || accepts(accept, 'application/json');
  const stream = request.method === 'DELETE' || accepts(accept, 'text/event-stream');
  if (json && stream) return undefined;
  const needed = request.method === 'POST' ? 'application/json and text/event-stream' : 'text/event-stream';
  return { status: 406, code: 'not_acceptable', message: `Accept must allow ${needed}.` };
}

/** Whether a client asks for an answer in a stream rather than in JSON, by the weights in Accept (RFC 9110, section 12.5.1). */
function prefersStream(request: Request): boolean {
  const ranges = (request.headers.get('accept') ?? '').toLowerCase().split(',');
  const weight = (type: string) => {
    const range = ranges.find((candidate) => candidate.trim().startsWith(type));
    return range === undefined ? 0 : Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
  };
  return weight('text/event-stream') > weight('application/json');
}

function refuseMessages(request: Request, body: unknown): HttpRefusal | undefined {
  const invalid = (message: string): HttpRefusal => ({ status: 400, code: 'invalid_request', message });
  if (!hasValidIds(body)) return invalid('The id of a request is too long.');
  if (!Array.isArray(body)) return undefined;
  const version = request.headers.get('mcp-protocol-version') ?? DEFAULT_NEGOTIATED_PROTOCOL_VERSION;
  if (version !== '2025-03-26')
    return invalid(`Revision ${version.slice(0, 32)} has no batches; send one message.`);
  if (body.length === 0 || body.length > MAX_BATCH) return invalid(`A batch has 1 to ${MAX_BATCH} messages.`);
  return undefined;
}

async function dispatchModern(c: Ctx, asker: Asker, body: unknown): Promise<Response | Refused> {
  if (getOwn(body, 'method') === 'subscriptions/listen') return serveListen(c, asker, body);
  const inStream = prefersStream(c.req.raw) || mayWait(body);
  const mode = inStream ? 'sse' : 'auto';
  const respond: Respond = (exchange) => respondModern(c.req.raw, body, exchange, mode);
  return isCall(body) && !inStream ? callFirst(c, asker, respond) : admitFirst(c, asker, respond, body);
}

async function dispatchLegacy(c: Ctx, asker: Asker, body: unknown): Promise<Response | Refused> {
  const { principal } = asker;
  if (getOwn(body, 'method') === 'initialize') return initialize(c, asker, body);
  const said = await takeSaid(c, asker, body);
  if (said !== undefined) return said instanceof Response ? said : { refusal: said, principal };
  const hasRemoteTools = isConversation(body, c.var.edge.tools, asker.families);
  if (hasRemoteTools || mayWait(body) || prefersStream(c.req.raw)) {
    const respond: Respond = (exchange, session) =>
      respondInStream(c.req.raw, body, exchange, hasRemoteTools ? session : undefined, principal.expiresAt);
    return admitFirst(c, asker, respond, body);
  }
  const respond: Respond = (exchange) => respondInJson(c.req.raw, body, exchange);
  if (getOwn(body, 'method') === 'logging/setLevel') return setLogLevel(c, asker, body, respond);
  return isCall(body) ? callFirst(c, asker, respond) : admitFirst(c, asker, respond);
}

type Respond = (exchange: Exchange, session: SessionInfo | undefined) => Promise<Response>;

/** A call is admitted with the call itself, which saves asking the tenant twice. */
async function callFirst(c: Ctx, asker: Asker, respond: Respond): Promise<Response | Refused> {
  const { principal } = asker;
  const exchange = createExchange(c, asker, []);
  const response = await respond(exchange, undefined);
  const { asked, refusal, traceId } = exchange.outcome;
  if (refusal !== undefined) {
    await response.body?.cancel();
    // The tenant has logged the call already.
    return rpcRefusal(httpRefusal(c, refusal), traceId ?? c.var.info.trace.traceId);
  }
  if (asked) return response;
  // The protocol refused the call before the tenant heard of it; a token that is no longer good comes first.
  const admission = await exchange.door.admit(asker.session);
  if (!admission.ok) {
    await response.body?.cancel();
    return { refusal: httpRefusal(c, admission.refusal), principal };
  }
  logRefusal(c, { status: response.status, code: 'protocol' }, principal);
  return response;
}

/** Whatever is asked but a call, and what is answered in a stream: the tenant is asked first. */
async function admitFirst(
  c: Ctx,
  asker: Asker,
  respond: Respond,
  body?: unknown,
): Promise<Response | Refused> {
  const { principal, session } = asker;
  const admission = await doorOf(c, principal).admit(session);
  if (!admission.ok) return { refusal: httpRefusal(c, admission.refusal), principal };
  const scopes: readonly Scope[] = admission.scopes;
  const needed = scopeOf(body, c.var.edge.tools, asker.families);
  if (needed !== undefined && !scopes.includes(needed))
    return { refusal: httpRefusal(c, { reason: 'insufficient_scope', scope: needed }), principal };
  const response = await respond(createExchange(c, asker, scopes), admission.session);
  if (response.status >= 400) logRefusal(c, { status: response.status, code: 'protocol' }, principal);
  return response;
}

/** The scope that a call needs. One that is answered in a stream cannot be refused by a status once it has begun. */
function scopeOf(body: unknown, tools: PublishedTools, families: ToolFilter): Scope | undefined {
  if (!isCall(body)) return undefined;
  if (getOwn(body, 'method') !== 'tools/call') return 'blackboard:read';
  const name = getOwn(getOwn(body, 'params'), 'name');
  const scope = typeof name === 'string' ? tools.find(name, families)?.scope : undefined;
  return scope === 'any' ? undefined : scope;
}

/** Answers the first request of a 2025 client, and gives it a session. */
async function initialize(c: Ctx, asker: Asker, body: unknown): Promise<Response | Refused> {
  const outside = { ...asker, session: undefined };
  const respond: Respond = (exchange) => respondInJson(c.req.raw, body, exchange);
  const response = await admitFirst(c, outside, respond);
  if (!(response instanceof Response) || !response.ok) return response;
  const answer = await response.clone().json();
  if (getOwn(answer, 'result') === undefined) return response;
  const session = await openSession(c, asker.principal, body);
  if (typeof session !== 'string') {
    await response.body?.cancel();
    return session;
  }
  const headers = new Headers(response.headers);
  headers.set(SESSION_HEADER, session);
  return new Response(response.body, { status: response.status, headers });
}

/** Keeps the level for the requests of the session to come, for each has a server of its own. */
async function setLogLevel(
  c: Ctx,
  asker: Asker,
  body: unknown,
  respond: Respond,
): Promise<Response | Refused> {
  const response = await admitFirst(c, asker, respond);
  const { principal, session } = asker;
  if (!(response instanceof Response) || session === undefined || !c.var.edge.tools.hasRemoteTools)
    return response;
  const answer = await response.clone().json();
  if (getOwn(answer, 'result') === undefined) return response;
  const level = getOwn(getOwn(body, 'params'), 'level');
  const refusal = await callInternal(c, principal, sessionLogLevel, { session_id: session, level }, session);
  return refusal === undefined ? response : { refusal, principal };
}

/** What a client says in a session that no server needs to hear: its answers and its cancellations. */
async function takeSaid(c: Ctx, asker: Asker, body: unknown): Promise<Response | HttpRefusal | undefined> {
  const { principal, session } = asker;
  const messages = Array.isArray(body) ? body : [body];
  if (session === undefined || !messages.every(isReplyOrCancel)) return undefined;
  const admission = await doorOf(c, principal).admit(session);
  if (!admission.ok) return httpRefusal(c, admission.refusal);
  for (const message of messages) {
    if (!isAnswer(message)) await takeCancellation(c, principal, session, message);
    else {
      const refusal = await takeAnswer(c, principal, session, message);
      if (refusal !== undefined) return refusal;
    }
  }
  return new Response(null, { status: 202 });
}
