import {
  type CallToolResult,
  type InputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
} from '@modelcontextprotocol/server';
import type { DeferredCall } from '../remote/run-remote-tool.ts';
import type { CallOutcome, CallRequest } from '../tenant/contract/call.ts';
import { isForModel } from '../tenant/contract/refusal-message.ts';
import { VERSION } from '../version.ts';
import { AnsweringServer } from './answering-server.ts';
import { serveCompletions } from './completions.ts';
import { instructionsFor } from './instructions.ts';
import { servePrompts } from './prompts/serve-prompts.ts';
import { runForClient } from './remote-tools.ts';
import { requestStateOf } from './request-state.ts';
import { serveResources } from './resources.ts';
import { answerFits, answerTooLarge } from './result-json.ts';
import { callerOf, errorResult, onePageParams, refusalError, type ServerBinding } from './server-binding.ts';
import { unknownTool } from './unknown-tool.ts';

export const SERVER_INFO = { name: 'bulkhead', title: 'Bulkhead', version: VERSION };
const OPTIONS = {
  capabilities: {
    tools: { listChanged: false },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: false },
    completions: {},
  },
  // The server sends a client only those requests whose capability it has declared.
  enforceStrictCapabilities: true,
};

export type ServerFactory = (binding: ServerBinding) => Server;

/** A protocol server for one request or one connection. All it can do is pass calls to the tenant of its binding. */
export function createServer(binding: ServerBinding): Server {
  const state = requestStateOf(binding);
  const server = new AnsweringServer(
    SERVER_INFO,
    {
      ...OPTIONS,
      instructions: instructionsFor(binding.tools.familiesFor(binding.scopes, binding.toolFilter)),
      requestState: { verify: state.verify },
    },
    binding,
  );
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
    return resultOf(outcome, binding, { request, named: params.name }, async (call) => {
      const end = await runForClient(binding, request, call, context, asking());
      if (end.kind === 'asks') return end.result;
      return end.kind === 'answer'
        ? answerResult(end.json, request.caller.trace.traceId)
        : errorResult(end.error);
    });
  });
  serveResources(server, binding);
  servePrompts(server, binding);
  serveCompletions(server, binding);
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

function answerResult(json: string, traceId: string): CallToolResult {
  if (!answerFits(json)) return errorResult(answerTooLarge(traceId));
  return {
    content: [{ type: 'text', text: json }],
    structuredContent: JSON.parse(json) as Record<string, unknown>,
  };
}

function resultOf(
  outcome: CallOutcome,
  binding: ServerBinding,
  { request, named }: { readonly request: CallRequest; readonly named: string },
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
      throw unknownToolError(binding, named, traceId);
    case 'refused':
      if (!isForModel(outcome.refusal)) binding.refused(outcome.refusal, traceId);
      return errorResult(refusalError(outcome.refusal, traceId));
  }
}

function unknownToolError(binding: ServerBinding, name: string, trace_id: string): ProtocolError {
  const { message, ...suggestion } = unknownTool(name, binding.tools, binding.toolFilter);
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message, { trace_id, ...suggestion });
}
