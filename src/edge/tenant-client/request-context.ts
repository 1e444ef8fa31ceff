import type { Context } from 'hono';
import type { ConnectionAccess } from '../../connections/call-connections.ts';
import type { MessageEnd } from '../../mcp/message-end.ts';
import type { ToolFilter } from '../../mcp/published-tools.ts';
import type { Arrival } from '../../mcp/server-binding.ts';
import type { CallerInfo, Refusal, SessionId, TransportName } from '../../tenant/contract/call.ts';
import { toHttpRefusal } from '../auth/refusals.ts';
import type { Principal } from '../auth/tokens.ts';
import type { HttpRefusal, RefusalFormat } from '../http/http-errors.ts';
import type { AppEnv, Isolate } from '../http/isolate.ts';
import { ProtocolErrors } from '../http/protocol-errors.ts';
import { logRefusal, refuse, respondRefused } from '../http/refusal-log.ts';
import type { RequestSpans } from '../http/request-spans.ts';
import { accessTokensOf } from './access-tokens.ts';
import { logRefusedCall } from './refused-call-log.ts';
import { createTenantClient, type TenantClient } from './tenant-client.ts';

/** Everything that the handlers of one authenticated request share. Made once, by the endpoint. */
export interface RequestContext {
  readonly request: Request;
  readonly isolate: Isolate;
  /** When the request arrived, and its ids. */
  readonly arrival: Arrival;
  readonly principal: Principal;
  readonly tenant: TenantClient;
  /** How the connections of the tenant are opened. */
  readonly connections: ConnectionAccess;
  /** The session that the request names. Whether it exists is the tenant's decision. */
  readonly session: SessionId | undefined;
  /** The families of tools that the client wants to see; undefined for all. */
  readonly toolFilter: ToolFilter;
  /** The caller of what the transport itself asks of the tenant. */
  readonly caller: CallerInfo;
  /** Lets `work` finish after the response was sent. */
  waitUntil(work: Promise<unknown>): void;
  /** A refusal by the tenant as an HTTP refusal of this endpoint. */
  toHttpRefusal(refusal: Refusal): HttpRefusal;
  /** Logs a refusal and answers with it. */
  refuse(refusal: HttpRefusal): Promise<Response>;
  /** The same for a refusal by the tenant. */
  deny(refusal: Refusal): Promise<Response>;
  /** Answers with a refusal that the tenant has already logged, under `traceId` if the message had a trace of its own. */
  respondRefused(refusal: HttpRefusal, traceId?: string): Promise<Response>;
  /** Logs a call that was refused before it reached the tenant. */
  logRefusedCall(tool: string, code: string): void;
  readonly spans: RequestSpans;
  /** Called when a JSON-RPC request has been answered. */
  messageEnded(end: MessageEnd): void;
  /** The errors that the protocol server itself answers with. */
  readonly protocolErrors: ProtocolErrors;
}

export interface ContextOptions {
  readonly format: RefusalFormat;
  readonly transport: TransportName;
  readonly session?: SessionId | undefined;
  readonly toolFilter?: ToolFilter;
}

export function createContext(
  c: Context<AppEnv>,
  principal: Principal,
  { format, transport, session, toolFilter }: ContextOptions,
): RequestContext {
  const isolate = c.get('isolate');
  const arrival = c.get('arrival');
  const spans = c.get('spans');
  spans.credential = principal;
  const protocolErrors = new ProtocolErrors((status, { arrival, cause }) => {
    const code = cause === undefined ? 'protocol' : 'internal';
    isolate.refusals.count(principal, code);
    logRefusal(c, { status, code }, { caller: principal, arrival, cause });
  });
  // The line of a refusal takes the place of the lines of the response that it replaces.
  const respond = (refusal: HttpRefusal, traceId?: string) => {
    protocolErrors.discard();
    return respondRefused(c, format, refusal, traceId);
  };
  return {
    request: c.req.raw,
    isolate,
    arrival,
    principal,
    tenant: createTenantClient(c.env, isolate, arrival, principal),
    connections: {
      ...isolate.connections,
      tokens: accessTokensOf(c.env, principal.tenant, (work) => c.executionCtx.waitUntil(work)),
    },
    session,
    toolFilter,
    caller: {
      requestId: arrival.id,
      trace: arrival.trace,
      receivedAt: arrival.receivedAt,
      clientName: undefined,
      clientVersion: undefined,
      protocolVersion: protocolVersionOf(c.req.raw),
      transport,
    },
    waitUntil: (work) => c.executionCtx.waitUntil(work),
    toHttpRefusal: (refusal) => toHttpRefusal(c, refusal),
    logRefusedCall: (tool, code) => logRefusedCall(isolate, arrival, principal, { tool, code }),
    refuse: (refusal) => {
      isolate.refusals.count(principal, refusal.code);
      protocolErrors.discard();
      return refuse(c, format, refusal, principal);
    },
    deny: (refusal) => {
      const denied = toHttpRefusal(c, refusal);
      logRefusal(c, denied, { caller: principal });
      return respond(denied);
    },
    respondRefused: respond,
    spans,
    messageEnded: (end) => {
      isolate.meter.messageEnded(end);
      spans.messageEnded(end, session);
    },
    protocolErrors,
  };
}

const MAX_VERSION_CHARS = 32;

export const protocolVersionOf = (request: Request) =>
  request.headers.get('mcp-protocol-version')?.slice(0, MAX_VERSION_CHARS);
