import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  type Server,
  type ServerContext,
  TRACEPARENT_META_KEY,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import { continueTrace, type TraceContext } from '../telemetry/trace.ts';
import type {
  CallerInfo,
  CallOutcome,
  CallRequest,
  Refusal,
  SessionId,
  Settlement,
  TokenId,
} from '../tenant/contract/call.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import type { Scope } from '../tools/tool.ts';
import type { PublishedTools, ToolFilter } from './published-tools.ts';

/** What is known of a request from its first moment. */
export interface RequestInfo {
  readonly id: string;
  readonly trace: TraceContext;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** What a transport gives the protocol server of one request or one connection. */
export interface ServerBinding {
  readonly tokenId: TokenId;
  /** What there is to be called, and which families of it the client wants to know of. */
  readonly tools: PublishedTools;
  readonly families: ToolFilter;
  /** The scopes of the token, once the tenant was asked for them. */
  readonly scopes: readonly Scope[];
  /** Signs what a client keeps for a tool between two requests; 32 bytes. */
  readonly stateKey: Uint8Array;
  /** The session whose subscriptions the client can change; undefined for a client without one. */
  readonly sessionId: SessionId | undefined;
  readonly protocolVersion: string | undefined;
  /** The trace that the transport's own headers name; a message may carry one of its own. */
  readonly traceparent: string | null;
  /** The request that is being served. */
  arrival(): RequestInfo;
  /** Passes a call through the tenant's door; answers `unavailable` when the tenant cannot be reached. */
  call(request: CallRequest): Promise<CallOutcome>;
  /** Reports how a tool ended that ran outside the tenant. */
  settle(request: CallRequest, settlement: Settlement): Promise<void>;
  /** Makes of the id of a JSON-RPC request that by which its call can be cancelled. */
  cancelKey(id: string | number): string;
  /** Lets a call wait or run no longer, because nobody waits for its answer. */
  cancel(cancelKey: string): void;
  /** Told when the door was shut, so that a transport can say it in its own way too. */
  refused(refusal: Refusal, traceId: string): void;
}

const MAX_CLIENT_CHARS = 64;
/** Where a 2026 client names itself; on a connection the SDK reads it for HTTP only. */
const clientInfo = z.object({ [CLIENT_INFO_META_KEY]: z.object({ name: z.string(), version: z.string() }) });

/** Who makes a call, for the log. A trace in `_meta` comes before that of the request's headers. */
export function callerOf(
  binding: ServerBinding,
  server: Server,
  { _meta, envelope }: ServerContext['mcpReq'],
): CallerInfo {
  const traceparent = _meta?.[TRACEPARENT_META_KEY];
  const client = server.getClientVersion() ?? clientInfo.safeParse(envelope).data?.[CLIENT_INFO_META_KEY];
  const { id, trace, receivedAt } = binding.arrival();
  return {
    requestId: id,
    trace: traceparent === undefined ? trace : continueTrace(traceparent, binding.traceparent),
    receivedAt,
    clientName: client?.name.slice(0, MAX_CLIENT_CHARS),
    clientVersion: client?.version.slice(0, MAX_CLIENT_CHARS),
    protocolVersion: binding.protocolVersion,
  };
}

/** A refusal as an error of the closed list, for a message that has no status of its own. */
export function refusalError(refusal: Refusal, traceId: string): ToolErrorBody {
  const unavailable = refusal.reason === 'unavailable';
  return {
    code: unavailable ? 'unavailable' : 'forbidden',
    message: 'This call was not admitted.',
    retryable: unavailable,
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
/** The same for a list that has one page: no cursor can be its own. */
export const onePageParams = z.object({ cursor: z.undefined().optional() });
