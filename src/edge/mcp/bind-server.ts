import type { ServerBinding } from '../../mcp/server-binding.ts';
import { traceHeadersOf } from '../../telemetry/trace.ts';
import type { Refusal, SessionId } from '../../tenant/contract/call.ts';
import type { Scope } from '../../tools/tool.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';

/** The binding of one request's protocol server, and what its calls led to. */
export interface BoundServer extends ServerBinding {
  readonly outcome: { calledTenant: boolean; refusal?: Refusal; traceId?: string };
}

/** Binds a protocol server to the tenant of a request. */
export function bindServer(context: RequestContext, scopes: readonly Scope[]): BoundServer {
  const { request, isolate, arrival, principal, tenant, session, toolFilter } = context;
  const outcome: BoundServer['outcome'] = { calledTenant: false };
  return {
    outcome,
    tools: isolate.tools,
    toolFilter,
    tokenId: principal.tokenId,
    sessionId: session,
    scopes,
    stateKey: isolate.stateKey,
    connections: context.connections,
    traceHeaders: traceHeadersOf(request.headers),
    protocolVersion: context.caller.protocolVersion,
    transport: context.caller.transport,
    arrival: () => arrival,
    // Without a session only this request itself can cancel its call.
    cancelKey: (id) => (session === undefined ? arrival.id : sessionCancelKey(session, id)),
    cancel: (cancelKey) => context.waitUntil(tenant.cancel(cancelKey)),
    completeRemoteCall: (call, completion) => {
      const completed = tenant.completeRemoteCall(call, completion);
      // The report must arrive even if the client has disconnected meanwhile.
      context.waitUntil(completed);
      return completed;
    },
    refused: (refusal, traceId) => {
      outcome.refusal = refusal;
      outcome.traceId = traceId;
    },
    protocolError: (failure) => context.protocolErrors.report(failure),
    messageEnded: context.messageEnded,
    call: (call) => {
      outcome.calledTenant = true;
      return tenant.call(call);
    },
  };
}

/** The key by which any machine can cancel a request of a session. The ids 1 and "1" are different. */
export const sessionCancelKey = (session: SessionId, id: string | number) =>
  `${session}/${JSON.stringify(id)}`;
