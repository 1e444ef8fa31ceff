import { scopeOfCompletion } from '../../mcp/completions.ts';
import { narrowed, type PublishedTools, type ToolFilter } from '../../mcp/published-tools.ts';
import type { SessionInfo } from '../../tenant/contract/call.ts';
import { isForModel } from '../../tenant/contract/refusal-message.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import type { Scope } from '../../tools/tool.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { type BoundServer, bindServer } from './bind-server.ts';
import { getOwn, isCall, methodOf, toolNameOf } from './message.ts';

/** When the tenant is asked to admit a request: with the call itself, or before the protocol server answers. */

/** Answers a request by a protocol server. `session` is what the client has stated in its session. */
export type Respond = (binding: BoundServer, session: SessionInfo | undefined) => Promise<Response>;

/** A call that is answered in JSON is admitted with the call itself, which saves a request to the tenant. */
export async function callFirst(context: RequestContext, respond: Respond): Promise<Response> {
  const binding = bindServer(context, []);
  const response = await respond(binding, undefined);
  const { calledTenant, refusal, traceId } = binding.outcome;
  if (refusal !== undefined) {
    await response.body?.cancel();
    return context.respondRefused(context.toHttpRefusal(refusal), traceId);
  }
  return calledTenant ? response : admitUncalled(context, response);
}

/** The protocol server has refused a request itself. A token that is not valid takes precedence over its response. */
export async function admitUncalled(context: RequestContext, response: Response): Promise<Response> {
  const admission = await context.tenant.admit(context.session);
  if (!admission.ok) {
    await response.body?.cancel();
    return context.deny(admission.error);
  }
  return response;
}

/**
 * Asks the tenant for admission first: for every request that is no call, and for calls that are answered in a stream.
 * @param message given when the answer is a stream, whose status can no longer express a missing scope
 */
export async function admitFirst(
  context: RequestContext,
  respond: Respond,
  message?: unknown,
): Promise<Response> {
  const admission = await context.tenant.admit(context.session, isCall(message));
  if (!admission.ok) return context.deny(admission.error);
  const { scopes, isGrant, justRefreshed, session, tools, holdsCalls } = admission.value;
  const needed = neededScope(context, message);
  if (needed !== undefined && !scopes.includes(needed)) {
    const refusal = {
      reason: 'insufficient_scope',
      scope: needed,
      held: scopes,
      isGrant,
      justRefreshed,
    } as const;
    if (!isForModel(refusal) || toolNameOf(message) === undefined) return context.deny(refusal);
  }
  const held = { ...context, toolFilter: narrowed(context.toolFilter, tools, holdsCalls) };
  const name = isCall(message) ? toolNameOf(message) : undefined;
  if (name !== undefined && tools !== undefined && isolateHas(context, name) && !mayCall(tools, name))
    return context.deny({ reason: 'tool_not_allowed', tool: name });
  return respond(bindServer(held, scopes), session);
}

const mayCall = (tools: readonly string[], name: string) =>
  tools.includes(name) || name === tenantApproval.name;

const isolateHas = ({ isolate, toolFilter }: RequestContext, name: string) =>
  isolate.tools.find(name, toolFilter) !== undefined;

function neededScope({ isolate, toolFilter }: RequestContext, message: unknown): Scope | undefined {
  if (!isCall(message)) return undefined;
  const scope = scopeOfCall(message, isolate.tools, toolFilter);
  return scope === 'any' ? undefined : scope;
}

function scopeOfCall(message: unknown, tools: PublishedTools, filter: ToolFilter) {
  switch (methodOf(message)) {
    case 'tools/call':
      return tools.find(toolNameOf(message) ?? '', filter)?.scope;
    case 'completion/complete':
      return scopeOfCompletion(getOwn(message, 'params'), tools, filter);
    default:
      return 'blackboard:read';
  }
}
