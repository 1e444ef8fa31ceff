import { fail, type Result, succeed } from '../../result.ts';
import type { CallOutcome, CallRequest, SessionId } from '../../tenant/contract/call.ts';
import type { Tool } from '../../tools/tool.ts';
import { type HttpRefusal, toolErrorRefusal } from '../http/http-errors.ts';
import type { RequestContext } from './request-context.ts';

/** The call of an internal tool, by which a transport asks the tenant for something on behalf of its client. */
export function internalCall(
  { principal, arrival, caller }: RequestContext,
  tool: Pick<Tool, 'name'>,
  args: Record<string, unknown>,
  session?: SessionId,
): CallRequest {
  return {
    tokenId: principal.tokenId,
    session,
    cancelKey: arrival.id,
    tool: tool.name,
    args,
    caller,
  };
}

/**
 * Calls an internal tool.
 * @returns its answer as JSON text, or the refusal as HTTP expresses it; the tenant has logged it
 */
export async function callInternal(
  context: RequestContext,
  tool: Pick<Tool, 'name'>,
  args: Record<string, unknown>,
  session?: SessionId,
): Promise<Result<string, HttpRefusal>> {
  const outcome = await context.tenant.call(internalCall(context, tool, args, session));
  return outcome.kind === 'answer' ? succeed(outcome.json) : fail(failedCall(context, outcome));
}

/** The end of an internal call that was not answered, as a refusal over HTTP. */
export function failedCall(
  context: RequestContext,
  outcome: Exclude<CallOutcome, { kind: 'answer' }>,
): HttpRefusal {
  switch (outcome.kind) {
    case 'error':
      return toolErrorRefusal(outcome.error);
    case 'refused':
      return context.toHttpRefusal(outcome.refusal);
    case 'deferred':
    case 'unknown_tool':
      // The tenant's Durable Object still runs an older release.
      return context.toHttpRefusal({ reason: 'unavailable' });
  }
}
