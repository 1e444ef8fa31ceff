import {
  type CallToolResult,
  type InputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
} from '@modelcontextprotocol/server';
import { utf8Bytes } from '../json/bounds.ts';
import type { CallOutcome, CallRequest } from '../tenant/contract/call.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import { VERSION } from '../version.ts';
import { type DeferredCall, runRemoteTool } from './remote-tools.ts';
import { requestStateOf } from './request-state.ts';
import { serveResources } from './resources.ts';
import { callerOf, errorResult, onePageParams, refusalError, type ServerBinding } from './server-binding.ts';

const SERVER_INFO = { name: 'bulkhead', title: 'Bulkhead', version: VERSION };
const INSTRUCTIONS =
  'Shared state for a team of agents. blackboard_*: cells that agents of this tenant read and write together. ' +
  'scar_*: look up a failure before retrying it, record it with what fixed it. cache_*: reuse answers of language ' +
  'models. Expected outcomes are in `status`; on rate_limited wait retry_after_ms, then repeat.';
const OPTIONS = {
  capabilities: { tools: { listChanged: false }, resources: { subscribe: true, listChanged: true } },
  instructions: INSTRUCTIONS,
  // The server sends a client only those requests whose capability it has declared.
  enforceStrictCapabilities: true,
};

export type ServerFactory = (binding: ServerBinding) => Server;

/** A protocol server for one request or one connection. All it can do is pass calls to the tenant of its binding. */
export function createServer(binding: ServerBinding): Server {
  const state = requestStateOf(binding);
  const server = new Server(SERVER_INFO, { ...OPTIONS, requestState: { verify: state.verify } });
  if (binding.tools.hasRemoteTools) server.registerCapabilities({ logging: {} });
  server.setRequestHandler('tools/list', { params: onePageParams }, () => ({
    tools: binding.tools.list(binding.scopes, binding.toolFilter),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const { mcpReq } = context;
    const request: CallRequest = {
      tokenId: binding.tokenId,
      session: binding.sessionId,
      cancelKey: binding.cancelKey(mcpReq.id),
      tool: binding.tools.resolveToolName(params.name, binding.toolFilter),
      args: params.arguments ?? {},
      caller: callerOf(binding, server, mcpReq),
    };
    const outcome = await cancellable(binding, request, mcpReq.signal);
    const asking = () => ({ state, capabilities: server.getClientCapabilities() });
    return resultOf(outcome, binding, request, (call) =>
      runRemoteTool(binding, request, call, context, asking()),
    );
  });
  serveResources(server, binding);
  return server;
}

/** Passes a call to the tenant, and cancels it there when the client cancels the request. */
async function cancellable(
  binding: ServerBinding,
  request: CallRequest,
  signal: AbortSignal,
): Promise<CallOutcome> {
  const cancel = () => binding.cancel(request.cancelKey);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await binding.call(request);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** A result holds the answer twice, as text and structured, and must not be larger than this. */
export const MAX_RESULT_BYTES = 8 * 1024 * 1024;
/** An answer of this length fits, whatever its characters are. */
const SURELY_FITS = MAX_RESULT_BYTES / 9;

function answerResult(json: string, traceId: string): CallToolResult {
  const fits =
    json.length <= SURELY_FITS || utf8Bytes(json) + utf8Bytes(JSON.stringify(json)) <= MAX_RESULT_BYTES;
  if (!fits) return errorResult(tooLarge(traceId));
  return {
    content: [{ type: 'text', text: json }],
    structuredContent: JSON.parse(json) as Record<string, unknown>,
  };
}

function tooLarge(trace_id: string): ToolErrorBody {
  const message =
    'The answer is too large for a result. Ask for fewer entries or fewer bytes, or use plain HTTP.';
  return { code: 'too_large', message, retryable: false, limit: MAX_RESULT_BYTES, trace_id };
}

function resultOf(
  outcome: CallOutcome,
  binding: ServerBinding,
  request: CallRequest,
  run: (call: DeferredCall) => Promise<CallToolResult | InputRequiredResult>,
): CallToolResult | Promise<CallToolResult | InputRequiredResult> {
  const { traceId } = request.caller.trace;
  switch (outcome.kind) {
    case 'answer':
      return answerResult(outcome.json, traceId);
    case 'error':
      return errorResult(outcome.error);
    case 'deferred':
      return run(outcome);
    case 'unknown_tool':
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        'Unknown tool. tools/list names the tools that exist.',
        { trace_id: traceId },
      );
    case 'refused':
      binding.refused(outcome.refusal, traceId);
      return errorResult(refusalError(outcome.refusal, traceId));
  }
}
