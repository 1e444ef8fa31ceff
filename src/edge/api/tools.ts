import { type Context, Hono } from 'hono';
import { outcomeOfCall } from '../../mcp/message-end.ts';
import { narrowed } from '../../mcp/published-tools.ts';
import { unknownTool } from '../../mcp/unknown-tool.ts';
import { callToRun, type DeferredCall, runRemoteTool } from '../../remote/run-remote-tool.ts';
import type { CallOutcome, CallRequest } from '../../tenant/contract/call.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import { authenticate } from '../auth/authenticate.ts';
import { readCalls } from '../http/body.ts';
import { methodNotAllowed, problem, toolErrorProblem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { respondLate } from '../http/late-response.ts';
import { allowOrigin } from '../http/origin.ts';
import { refuse } from '../http/refusal-log.ts';
import { createContext, type RequestContext } from '../tenant-client/request-context.ts';

/** The tools by plain HTTP, for callers that do not use MCP: the same tokens, limits, errors and log lines. */

type Handler = (context: RequestContext, toolName: string) => Promise<Response>;

export const toolsApi = new Hono<AppEnv>();
toolsApi.use(allowOrigin(['GET', 'POST', 'OPTIONS'], problem));
toolsApi.all('/tools', (c) => serve(c, ['GET', 'HEAD'], listTools));
toolsApi.all('/tools/:name', (c) => serve(c, ['POST'], callTool));

/** Admits a request of this API by its token. */
export async function serve(
  c: Context<AppEnv>,
  methods: readonly string[],
  handler: Handler,
): Promise<Response> {
  const principal = await authenticate(c);
  if (!principal.ok) return refuse(c, problem, principal.error);
  const context = createContext(c, principal.value, { format: problem, transport: 'v1' });
  if (!methods.includes(c.req.method)) return context.refuse(methodNotAllowed(methods));
  return handler(context, c.req.param('name') ?? '');
}

async function listTools(context: RequestContext): Promise<Response> {
  const admission = await context.tenant.admit();
  if (!admission.ok) return context.deny(admission.error);
  const { scopes, tools, holdsCalls } = admission.value;
  return Response.json({
    tools: context.isolate.restTools.list(scopes, narrowed(undefined, tools, holdsCalls)),
  });
}

async function callTool(context: RequestContext, toolName: string): Promise<Response> {
  const { request, isolate, arrival, tenant, principal, caller } = context;
  const body = await readCalls(request, isolate.config.maxBodyBytes);
  if (!body.ok) return context.refuse(body.error);
  const gone = new AbortController();
  const leave = () => {
    gone.abort();
    context.waitUntil(tenant.cancel(arrival.id));
  };
  request.signal.addEventListener('abort', leave, { once: true });
  const response = respond(
    context,
    {
      tokenId: principal.tokenId,
      session: undefined,
      cancelKey: arrival.id,
      tool: isolate.restTools.resolveToolName(toolName, undefined),
      args: body.value.value,
      caller: { ...caller, protocolVersion: undefined },
    },
    toolName,
    gone.signal,
  ).finally(() => request.signal.removeEventListener('abort', leave));
  return mayWait(context, toolName, body.value.value) ? respondLate(response, leave) : response;
}

/** Whether the call may take long: that of a remote tool, or one whose arguments, which the tool validates, ask it to wait. */
function mayWait({ isolate }: RequestContext, toolName: string, args: unknown): boolean {
  const tool = isolate.restTools.find(toolName, undefined);
  if (tool !== undefined && (isRemoteTool(tool) || tool.name === tenantApproval.name)) return true;
  const waitS = typeof args === 'object' && args !== null && 'wait_s' in args ? args.wait_s : undefined;
  // As text it waits as well.
  return Number(waitS) > 0;
}

async function respond(
  context: RequestContext,
  call: CallRequest,
  named: string,
  gone: AbortSignal,
): Promise<Response> {
  const admitted = await context.tenant.call(call);
  const outcome = admitted.kind === 'deferred' ? await runHere(context, call, admitted, gone) : admitted;
  context.spans.outcome = outcomeOfCall(outcome);
  return responseTo(context, outcome, named);
}

/** Runs a remote tool that asks nothing. Nobody receives its messages. */
async function runHere(
  { isolate, tenant, connections, waitUntil }: RequestContext,
  asked: CallRequest,
  deferred: DeferredCall,
  signal: AbortSignal,
): Promise<CallOutcome> {
  const call = callToRun(asked, deferred);
  const tool = isolate.restTools.find(call.tool, undefined);
  // The tenant's Durable Object still runs another release.
  if (tool === undefined || !isRemoteTool(tool)) return { kind: 'unknown_tool' };
  const end = await runRemoteTool(tool, call, deferred, {
    signal,
    log: async () => undefined,
    progress: async () => undefined,
    canAsk: () => false,
    connections,
    ask: () => Promise.reject(new Error('a tool that plain HTTP serves asks its caller')),
    complete: (completion) => {
      const completed = tenant.completeRemoteCall(call, completion);
      // The report must arrive even if the client has disconnected meanwhile.
      waitUntil(completed);
      return completed;
    },
  });
  if (end.kind === 'pending') throw new Error('a tool that plain HTTP serves waits for its caller');
  return end;
}

/** How a call ended, as an HTTP response. The tenant has logged the call. */
function responseTo(
  context: RequestContext,
  outcome: CallOutcome,
  named: string,
): Response | Promise<Response> {
  switch (outcome.kind) {
    case 'answer':
      return new Response(outcome.json, { headers: { 'content-type': 'application/json' } });
    case 'error':
      return toolErrorProblem(outcome.error);
    case 'deferred':
    case 'unknown_tool': {
      const { restTools } = context.isolate;
      const { message, did_you_mean: didYouMean } = unknownTool(named, restTools, undefined, 'GET /v1/tools');
      return context.respondRefused({ status: 404, code: 'unknown_tool', message, didYouMean });
    }
    case 'refused':
      return context.respondRefused(context.toHttpRefusal(outcome.refusal));
  }
}
