import { ProtocolError, ProtocolErrorCode, Server, TRACEPARENT_META_KEY } from '@modelcontextprotocol/server';
import { continueTrace } from '../telemetry/trace.ts';
import type { CallerInfo, CallOutcome, CallRequest, Refusal, TokenId } from '../tenant/call.ts';
import { catalogue, listing } from '../tools/catalogue.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import type { Scope } from '../tools/tool.ts';
import { VERSION } from '../version.ts';
import type { RequestInfo } from './edge.ts';

const SERVER_INFO = { name: 'bulkhead', title: 'Bulkhead', version: VERSION };
const INSTRUCTIONS =
  'Shared state for a team of agents. blackboard_*: cells that agents of this tenant read and write together. ' +
  'scar_*: look up a failure before retrying it, record it with what fixed it. cache_*: reuse answers of language ' +
  'models. Expected outcomes are in `status`; on rate_limited wait retry_after_ms, then repeat.';
const OPTIONS = { capabilities: { tools: { listChanged: false } }, instructions: INSTRUCTIONS };

// Made once: converting schemas for each request costs more than everything else a request does.
const LISTED = catalogue.tools.map((tool) => ({ scope: tool.scope, tool: listing(tool) }));

/** What a transport gives the protocol server of one request or one connection. */
export interface Session {
  readonly tokenId: TokenId;
  /** Headers and arrival of the request; a call may carry a trace of its own. */
  readonly info: RequestInfo;
  readonly traceparent: string | null;
  readonly protocolVersion: string | undefined;
  /** The scopes of the token, once the tenant was asked for them. */
  readonly scopes: readonly Scope[];
  /** Passes a call through the tenant's door; answers `unavailable` when the tenant cannot be reached. */
  call(request: CallRequest): Promise<CallOutcome>;
  /** Told when the door was shut, so that a transport can say it in its own way too. */
  refused(refusal: Refusal, traceId: string): void;
}

/** A protocol server for one request or one connection: the only thing that it can do is pass calls to the door. */
export function createServer(session: Session): Server {
  const server = new Server(SERVER_INFO, OPTIONS);
  server.setRequestHandler('tools/list', () => ({
    tools: LISTED.filter(({ scope }) => scope === 'any' || session.scopes.includes(scope)).map(
      ({ tool }) => tool,
    ),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const meta = context.mcpReq._meta ?? {};
    const caller = callerOf(session, meta, server.getClientVersion());
    const request = { tokenId: session.tokenId, tool: params.name, args: params.arguments ?? {}, caller };
    const outcome = await session.call(request);
    return resultOf(outcome, session, caller);
  });
  return server;
}

function callerOf(
  session: Session,
  meta: Readonly<Record<string, unknown>>,
  client: { name: string; version: string } | undefined,
): CallerInfo {
  const traceparent = meta[TRACEPARENT_META_KEY];
  return {
    requestId: session.info.id,
    trace: traceparent === undefined ? session.info.trace : continueTrace(traceparent, session.traceparent),
    receivedAt: session.info.receivedAt,
    clientName: client?.name.slice(0, MAX_CLIENT_CHARS),
    clientVersion: client?.version.slice(0, MAX_CLIENT_CHARS),
    protocolVersion: session.protocolVersion,
  };
}

const MAX_CLIENT_CHARS = 64;

function resultOf(outcome: CallOutcome, session: Session, caller: CallerInfo) {
  switch (outcome.kind) {
    case 'answer':
      return {
        content: [{ type: 'text' as const, text: outcome.json }],
        structuredContent: JSON.parse(outcome.json) as Record<string, unknown>,
      };
    case 'error':
      return errorResult(outcome.error);
    case 'unknown_tool':
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        'Unknown tool; tools/list names those there are.',
        { trace_id: caller.trace.traceId },
      );
    case 'refused':
      session.refused(outcome.refusal, caller.trace.traceId);
      return errorResult({
        code: outcome.refusal.reason === 'unavailable' ? 'unavailable' : 'forbidden',
        message: 'This call was not admitted.',
        retryable: outcome.refusal.reason === 'unavailable',
        trace_id: caller.trace.traceId,
      });
  }
}

function errorResult(error: ToolErrorBody) {
  return {
    isError: true,
    content: [{ type: 'text' as const, text: error.message }],
    structuredContent: { error },
  };
}
