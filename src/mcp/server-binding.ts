import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  type Server,
  type ServerContext,
  TRACEPARENT_META_KEY,
  TRACESTATE_META_KEY,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { ConnectionAccess } from '../connections/call-connections.ts';
import type { Cause } from '../telemetry/redact.ts';
import { continueTrace, type TraceContext, type TraceHeaders } from '../telemetry/trace.ts';
import type {
  CallerInfo,
  CallOutcome,
  CallRequest,
  Refusal,
  RemoteCompletion,
  SessionId,
  TokenId,
  TransportName,
} from '../tenant/contract/call.ts';
import { refusalMessage } from '../tenant/contract/refusal-message.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import type { Scope } from '../tools/tool.ts';
import type { MessageEnd } from './message-end.ts';
import type { PublishedTools, ToolFilter } from './published-tools.ts';

/** The identity of a request, from the moment in which it arrived. */
export interface Arrival {
  readonly id: string;
  readonly trace: TraceContext;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** An error with which the protocol server itself answers a request. */
export interface ProtocolFailure {
  readonly arrival: Arrival;
  /** What failed inside the server, for the log only. */
  readonly cause?: Cause | undefined;
}

/** What a transport provides to the protocol server of one request or one connection. */
export interface ServerBinding {
  readonly tokenId: TokenId;
  /** The tools that can be called. */
  readonly tools: PublishedTools;
  /** The families that the client wants to see; undefined for all. */
  readonly toolFilter: ToolFilter;
  /** The scopes of the token; empty until the tenant was asked for them. */
  readonly scopes: readonly Scope[];
  /** Signs the request state that a client keeps for a tool between two requests; 32 bytes. */
  readonly stateKey: Uint8Array;
  /** The session whose subscriptions the client can change; undefined for a client without one. */
  readonly sessionId: SessionId | undefined;
  readonly protocolVersion: string | undefined;
  readonly transport: TransportName;
  /** The trace headers of the transport. A message may carry its own. */
  readonly traceHeaders: TraceHeaders;
  /** The request that is being served. */
  arrival(): Arrival;
  /** Passes a call to the tenant; answers `unavailable` when the tenant cannot be reached. */
  call(request: CallRequest): Promise<CallOutcome>;
  /** Reports how a remote tool ended. */
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): Promise<void>;
  /** How the connections of tenants are opened here. */
  readonly connections: ConnectionAccess;
  /** Derives the key by which the call of a JSON-RPC request can be cancelled. */
  cancelKey(id: string | number): string;
  /** Stops a call that waits or runs, because its client no longer waits for the answer. */
  cancel(cancelKey: string): void;
  /** Called when the tenant refuses a call, so that a transport can answer with a status of its own. */
  refused(refusal: Refusal, traceId: string): void;
  /** Called for each error that the protocol server itself answers with, and that is to be logged. */
  protocolError(failure: ProtocolFailure): void;
  /** Called when a request has been answered; undefined when nobody asks for it. */
  readonly messageEnded: ((end: MessageEnd) => void) | undefined;
}

const MAX_CLIENT_CHARS = 64;
/** Where a 2026 client names itself. On a connection other than HTTP the SDK does not read it. */
const clientInfo = z.object({ [CLIENT_INFO_META_KEY]: z.object({ name: z.string(), version: z.string() }) });

/** The callers of requests that are being served: one request has one span, whoever asks for it. */
const callers = new WeakMap<ServerContext['mcpReq'], CallerInfo>();

/** The caller of a request, for the log. A trace in `_meta` takes precedence over that of the headers. */
export function callerOf(
  binding: ServerBinding,
  server: Server,
  request: ServerContext['mcpReq'],
): CallerInfo {
  const known = callers.get(request);
  if (known !== undefined) return known;
  const { _meta, envelope } = request;
  const trace = { traceparent: _meta?.[TRACEPARENT_META_KEY], tracestate: _meta?.[TRACESTATE_META_KEY] };
  const client = server.getClientVersion() ?? clientInfo.safeParse(envelope).data?.[CLIENT_INFO_META_KEY];
  const caller = callerFrom(binding, trace, client);
  callers.set(request, caller);
  return caller;
}

/** The same, from what the message states. */
export function callerFrom(
  binding: Pick<ServerBinding, 'arrival' | 'traceHeaders' | 'protocolVersion' | 'transport'>,
  stated: TraceHeaders,
  client: { readonly name: string; readonly version: string } | undefined,
): CallerInfo {
  const { id, trace, receivedAt } = binding.arrival();
  return {
    requestId: id,
    trace: stated.traceparent === undefined ? trace : continueTrace(stated, binding.traceHeaders),
    receivedAt,
    clientName: client?.name.slice(0, MAX_CLIENT_CHARS),
    clientVersion: client?.version.slice(0, MAX_CLIENT_CHARS),
    protocolVersion: binding.protocolVersion,
    transport: binding.transport,
  };
}

/** A refusal as a tool error, for responses that have no HTTP status of their own. */
export function refusalError(refusal: Refusal, traceId: string): ToolErrorBody {
  const unavailable = refusal.reason === 'unavailable';
  return {
    code: unavailable ? 'unavailable' : 'forbidden',
    message: refusalMessage(refusal),
    retryable: unavailable,
    ...(refusal.reason === 'insufficient_scope' ? { scope: refusal.scope } : {}),
    trace_id: traceId,
  };
}

/** An error of the closed list as the result of a tool. */
export function errorResult(error: ToolErrorBody): CallToolResult {
  return {
    isError: true,
    content: [{ type: 'text', text: error.message }],
    structuredContent: { error },
  };
}

/** The parameters of a request for a page of a list (MCP, "Pagination"). */
export const pageParams = z.object({ cursor: z.string().optional() });
/** Parameters of a list that fits one page: any cursor is invalid. */
export const onePageParams = z.object({ cursor: z.undefined().optional() });
