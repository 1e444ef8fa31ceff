import { ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import type { CallerInfo, CallOutcome } from '../tenant/call.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import { VERSION } from '../version.ts';
import { askedFor, offeredTools } from './offer.ts';
import { serveResources } from './resources.ts';
import { callerOf, onePageParams, refusalError, type Session } from './session.ts';

const SERVER_INFO = { name: 'bulkhead', title: 'Bulkhead', version: VERSION };
const INSTRUCTIONS =
  'Shared state for a team of agents. blackboard_*: cells that agents of this tenant read and write together. ' +
  'scar_*: look up a failure before retrying it, record it with what fixed it. cache_*: reuse answers of language ' +
  'models. Expected outcomes are in `status`; on rate_limited wait retry_after_ms, then repeat.';
const OPTIONS = {
  capabilities: { tools: { listChanged: false }, resources: {} },
  instructions: INSTRUCTIONS,
};

/** A protocol server for one request or one connection: the only thing that it can do is pass calls to the door. */
export function createServer(session: Session): Server {
  const server = new Server(SERVER_INFO, OPTIONS);
  server.setRequestHandler('tools/list', { params: onePageParams }, () => ({ tools: offeredTools(session) }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const caller = callerOf(session, context.mcpReq._meta, server.getClientVersion());
    const tool = askedFor(params.name, session.families);
    const request = { tokenId: session.tokenId, tool, args: params.arguments ?? {}, caller };
    return resultOf(await session.call(request), session, caller);
  });
  serveResources(server, session);
  return server;
}

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
      return errorResult(refusalError(outcome.refusal, caller.trace.traceId));
  }
}

function errorResult(error: ToolErrorBody) {
  return {
    isError: true,
    content: [{ type: 'text' as const, text: error.message }],
    structuredContent: { error },
  };
}
