import { TRACEPARENT_META_KEY } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { continueTrace } from '../telemetry/trace.ts';
import type { CallerInfo, CallOutcome, CallRequest, Refusal, TokenId } from '../tenant/call.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import type { Scope } from '../tools/tool.ts';
import type { RequestInfo } from './edge.ts';
import type { Families } from './offer.ts';

/** What a transport gives the protocol server of one request or one connection. */
export interface Session {
  readonly tokenId: TokenId;
  /** Headers and arrival of the request; a call may carry a trace of its own. */
  readonly info: RequestInfo;
  readonly traceparent: string | null;
  readonly protocolVersion: string | undefined;
  /** The scopes of the token, once the tenant was asked for them. */
  readonly scopes: readonly Scope[];
  /** The families of tools that the client wants to know of. */
  readonly families: Families;
  /** Passes a call through the tenant's door; answers `unavailable` when the tenant cannot be reached. */
  call(request: CallRequest): Promise<CallOutcome>;
  /** Told when the door was shut, so that a transport can say it in its own way too. */
  refused(refusal: Refusal, traceId: string): void;
}

const MAX_CLIENT_CHARS = 64;

/** Who makes a call, for the log. A trace in `_meta` comes before that of the request's headers. */
export function callerOf(
  session: Session,
  meta: Readonly<Record<string, unknown>> | undefined,
  client: { name: string; version: string } | undefined,
): CallerInfo {
  const traceparent = meta?.[TRACEPARENT_META_KEY];
  return {
    requestId: session.info.id,
    trace: traceparent === undefined ? session.info.trace : continueTrace(traceparent, session.traceparent),
    receivedAt: session.info.receivedAt,
    clientName: client?.name.slice(0, MAX_CLIENT_CHARS),
    clientVersion: client?.version.slice(0, MAX_CLIENT_CHARS),
    protocolVersion: session.protocolVersion,
  };
}

/** A refusal as an error of the closed list, for a message of a batch, which has no status of its own. */
export function refusalError(refusal: Refusal, traceId: string): ToolErrorBody {
  const unavailable = refusal.reason === 'unavailable';
  return {
    code: unavailable ? 'unavailable' : 'forbidden',
    message: 'This call was not admitted.',
    retryable: unavailable,
    trace_id: traceId,
  };
}

/** The parameters of a request for a page of a list (MCP, "Pagination"). */
export const pageParams = z.object({ cursor: z.string().optional() });
/** The same for a list that has one page: no cursor can be its own. */
export const onePageParams = z.object({ cursor: z.undefined().optional() });
