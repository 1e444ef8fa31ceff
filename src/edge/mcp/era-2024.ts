import type { Context } from 'hono';
import { withObjectArguments } from '../../mcp/call-arguments.ts';
import { hasInexactEnvelope, INEXACT_ENVELOPE } from '../../mcp/inexact-numbers.ts';
import { narrowed, offersResources } from '../../mcp/published-tools.ts';
import type { Arrival } from '../../mcp/server-binding.ts';
import { continueTrace, randomHex, traceHeadersOf } from '../../telemetry/trace.ts';
import type { Refusal, SessionId } from '../../tenant/contract/call.ts';
import { sessionOpen } from '../../transport-tools/session-open.ts';
import { authenticate } from '../auth/authenticate.ts';
import { readCalls } from '../http/body.ts';
import { type HttpRefusal, methodNotAllowed, rpcRefusal, rpcRefusalOf } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { refuse } from '../http/refusal-log.ts';
import { failedCall, internalCall } from '../tenant-client/internal-call.ts';
import { createContext, type RequestContext } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { bindServer, sessionCancelKey } from './bind-server.ts';
import { hasValidIds, idOfRefused, parseMessage, requestIdOf } from './message.ts';
import { toSessionId } from './sessions.ts';
import { SseTransport } from './sse-transport.ts';
import { parseToolFilter } from './tool-filter.ts';

/**
 * The HTTP+SSE transport of the 2024-11-05 revision: the server sends on `GET /sse`, the client by `POST /messages`.
 * Whichever machine receives a POST, the tenant passes it to the machine that holds the stream and runs the server.
 */

/** The client has disconnected and receives nothing; the status is for the platform's statistics. */
const CLIENT_CLOSED_REQUEST = 499;
const SESSION_PARAMETER = 'sessionId';

/** `GET /sse` */
export async function handleSse(c: Context<AppEnv>): Promise<Response> {
  if (c.req.method !== 'GET') return refuse(c, rpcRefusal, methodNotAllowed(['GET']));
  const principal = await authenticate(c);
  if (!principal.ok) return refuse(c, rpcRefusal, principal.error);
  const toolFilter = parseToolFilter(c.req.url, c.var.isolate.tools);
  if (!toolFilter.ok) return refuse(c, rpcRefusal, toolFilter.error, principal.value);
  const session = crypto.randomUUID() as SessionId;
  const context = createContext(c, principal.value, {
    transport: 'sse',
    format: rpcRefusal,
    session,
    toolFilter: toolFilter.value,
  });
  const opening = internalCall(context, sessionOpen, { session_id: session, kind: 'stream' });
  const relay = await StreamRelay.open(context.tenant, { session, purpose: { kind: 'changes' }, opening });
  if (!relay.ok) return context.respondRefused(failedCall(context, relay.error));
  return serveStream(context, session, relay.value);
}

async function serveStream(
  context: RequestContext,
  session: SessionId,
  relay: StreamRelay,
): Promise<Response> {
  const { request, isolate } = context;
  if (request.signal.aborted) {
    relay.close();
    return new Response(null, { status: CLIENT_CLOSED_REQUEST });
  }
  const toolFilter = narrowed(context.toolFilter, relay.tools, relay.holdsCalls);
  const transport = new SseTransport(request.signal, relay, offersResources(toolFilter));
  // Errors are sent on the stream, whose status is known already.
  context.protocolErrors.answered(transport.response.status);
  const server = isolate.serve({
    ...bindServer({ ...context, toolFilter }, relay.scopes),
    arrival: () => arrivalOfMessage(request),
    cancelKey: (id) => sessionCancelKey(session, id),
    get protocolVersion() {
      return transport.protocolVersion;
    },
    refused: (refusal) => endIfTokenIsInvalid(transport, refusal),
  });
  await server.connect(transport);
  transport.announce(`/messages?${SESSION_PARAMETER}=${session}`);
  return transport.response;
}

/** The stream stays open for long, so each message on it has a trace and a time of arrival of its own. */
function arrivalOfMessage(request: Request): Arrival {
  const trace = continueTrace(traceHeadersOf(request.headers));
  return { id: randomHex(8), trace, receivedAt: Date.now() };
}

/** Refusals of one call, after which the stream goes on. */
const LASTING: readonly Refusal['reason'][] = ['insufficient_scope', 'tool_not_allowed', 'unavailable'];

/** A token that is no longer valid ends the stream that it opened. */
function endIfTokenIsInvalid(transport: SseTransport, refusal: Refusal): void {
  if (!LASTING.includes(refusal.reason)) void transport.close();
}

/** `POST /messages?sessionId=…` */
export async function handleMessages(c: Context<AppEnv>): Promise<Response> {
  if (c.req.method !== 'POST') return refuse(c, rpcRefusal, methodNotAllowed(['POST']));
  const principal = await authenticate(c);
  if (!principal.ok) return refuse(c, rpcRefusal, principal.error);
  const named = c.req.query(SESSION_PARAMETER);
  const session = named === undefined ? undefined : toSessionId(named);
  const reject = (refusal: HttpRefusal) => refuse(c, rpcRefusal, refusal, principal.value);
  if (session === undefined) return reject(SESSION_REQUIRED);
  const body = await readCalls(c.req.raw, c.var.isolate.config.maxBodyBytes);
  if (!body.ok) return refuse(c, rpcRefusalOf(idOfRefused(body.error)), body.error, principal.value);
  const { value, inexactText } = body.value;
  const format = rpcRefusalOf(requestIdOf(value));
  const invalid = checkMessage(value);
  if (invalid !== undefined) return refuse(c, format, invalid, principal.value);
  const context = createContext(c, principal.value, { format, transport: 'sse', session });
  const delivered = await context.tenant.deliver(session, [
    // The tenant passes it on as JSON, in which marked numbers would be lost.
    { kind: 'posted', message: inexactText ?? withObjectArguments(value) },
  ]);
  if (!delivered.ok) return context.deny(delivered.error);
  if (!delivered.value) return context.deny({ reason: 'unknown_session' });
  return new Response('Accepted', { status: 202 });
}

function checkMessage(message: unknown): HttpRefusal | undefined {
  if (hasInexactEnvelope(message)) return { ...NO_MESSAGE, message: INEXACT_ENVELOPE };
  return parseMessage(message) === undefined || !hasValidIds(message) ? NO_MESSAGE : undefined;
}

const SESSION_REQUIRED: HttpRefusal = {
  status: 400,
  code: 'invalid_request',
  message: 'sessionId is required. The first event of GET /sse names it.',
};
const NO_MESSAGE: HttpRefusal = {
  status: 400,
  code: 'invalid_request',
  message: 'The body is not a JSON-RPC message.',
};
