import type { InputRequiredResult, ServerContext } from '@modelcontextprotocol/server';
import { callToRun, type DeferredCall, type RemoteEnd, runRemoteTool } from '../remote/run-remote-tool.ts';
import type { CallRequest } from '../tenant/contract/call.ts';
import { isRemoteTool } from '../tools/remote-tool.ts';
import { type ClientAccess, ClientQuestions } from './ask-client.ts';
import type { ServerBinding } from './server-binding.ts';

type Run =
  | Exclude<RemoteEnd, { kind: 'pending' }>
  | { readonly kind: 'asks'; readonly result: InputRequiredResult };

/** Runs a call that the tenant has deferred for a client of MCP. */
export async function runForClient(
  binding: ServerBinding,
  asked: CallRequest,
  call: DeferredCall,
  context: ServerContext,
  access: ClientAccess,
): Promise<Run> {
  const request = callToRun(asked, call);
  // What was held was offered to the client that called it.
  const filter = request === asked ? binding.toolFilter : undefined;
  const tool = binding.tools.find(request.tool, filter);
  if (tool === undefined || !isRemoteTool(tool))
    throw new Error('the tenant has admitted a remote tool that this program does not have');
  const { mcpReq } = context;
  const questions = new ClientQuestions(context, access, request.tool, call.args);
  const end = await runRemoteTool(tool, request, call, {
    signal: mcpReq.signal,
    log: (level, data) => mcpReq.log(level, data),
    progress: async (done, total) => {
      const progressToken = mcpReq._meta?.progressToken;
      if (progressToken === undefined) return;
      const params = { progressToken, progress: done, ...(total === undefined ? {} : { total }) };
      await mcpReq.notify({ method: 'notifications/progress', params });
    },
    ask: (asked) => questions.ask(asked),
    canAsk: (kind) => questions.canAsk(kind),
    connections: binding.connections,
    complete: (completion) => binding.completeRemoteCall(request, completion),
  });
  // The answers arrive with another call.
  return end.kind === 'pending' ? { kind: 'asks', result: await questions.toResult() } : end;
}
