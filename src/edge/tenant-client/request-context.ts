import type { Context } from 'hono';
import type { ToolFilter } from '../../mcp/published-tools.ts';
import type { ServerFactory } from '../../mcp/server.ts';
import type { ServerBinding } from '../../mcp/server-binding.ts';
import type { CallerInfo, Refusal, SessionId } from '../../tenant/contract/call.ts';
import type { Scope } from '../../tools/tool.ts';
import type { Principal } from '../auth/tokens.ts';
import type { AppEnv } from '../http/isolate.ts';
import { doorOf, type TenantClient } from './tenant-client.ts';

/** Whose request it is, which session it names, and which families of tools it wants to know of. */
export interface Asker {
  readonly principal: Principal;
  readonly families: ToolFilter;
  readonly session: SessionId | undefined;
}

/** The exchange of one request: what its protocol server may use, and what came of it. */
export interface Exchange extends ServerBinding {
  readonly serve: ServerFactory;
  readonly door: TenantClient;
  readonly outcome: { asked: boolean; refusal?: Refusal; traceId?: string };
}

export function createExchange(c: Context<AppEnv>, asker: Asker, scopes: readonly Scope[]): Exchange {
  const { principal, families, session } = asker;
  const outcome: Exchange['outcome'] = { asked: false };
  const { edge, info } = c.var;
  const door = doorOf(c, principal);
  return {
    outcome,
    door,
    serve: edge.serve,
    tools: edge.tools,
    tokenId: principal.tokenId,
    sessionId: session,
    scopes,
    stateKey: edge.stateKey,
    families,
    traceparent: c.req.raw.headers.get('traceparent'),
    protocolVersion: protocolVersionOf(c.req.raw),
    arrival: () => info,
    // Without a session nobody but this request can cancel it.
    cancelKey: (id) => (session === undefined ? info.id : sessionCancelKey(session, id)),
    cancel: (cancelKey) => c.executionCtx.waitUntil(door.cancel(cancelKey)),
    settle: (request, settlement) => {
      const settled = door.settle(request, settlement);
      // Also when its client has left meanwhile.
      c.executionCtx.waitUntil(settled);
      return settled;
    },
    refused: (refusal, traceId) => {
      outcome.refusal = refusal;
      outcome.traceId = traceId;
    },
    call: (request) => {
      outcome.asked = true;
      return door.call(request);
    },
  };
}

export const protocolVersionOf = (request: Request) =>
  request.headers.get('mcp-protocol-version')?.slice(0, 32);

/** By which a request of a session is cancelled, whichever machine serves it. The ids 1 and "1" are two. */
export const sessionCancelKey = (session: SessionId, id: string | number) =>
  `${session}/${JSON.stringify(id)}`;

/** The caller of what a transport asks for itself. */
export function transportCaller(c: Context<AppEnv>): CallerInfo {
  const { id, trace, receivedAt } = c.var.info;
  const protocolVersion = protocolVersionOf(c.req.raw);
  return {
    requestId: id,
    trace,
    receivedAt,
    clientName: undefined,
    clientVersion: undefined,
    protocolVersion,
  };
}
