import { Hono } from 'hono';
import type { Admission, Refusal } from '../../tenant/contract/call.ts';
import type { Scope } from '../../tools/tool.ts';
import { authenticate } from '../auth/authenticate.ts';
import type { Principal } from '../auth/tokens.ts';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { isLogged, refuse, requestFields } from '../http/refusal-log.ts';
import { createContext, type RequestContext } from '../tenant-client/request-context.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

/** Routes under `/v1` by which a tenant administers itself, with a token that has the scope for it. */

/** A refusal that was answered and logged already. */
export class Refused extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super('refused');
    this.response = response;
  }
}

export interface Admitted {
  readonly principal: Principal;
  readonly context: RequestContext;
}

const admissions = new WeakMap<Request, Admitted>();

/**
 * The token of a request, which must have the scope and not be held to single tools.
 * @param what is administered, for the refusal of a token that is held to tools
 * @throws Refused
 */
export async function admitFor(c: Ctx, scope: Scope, what: string): Promise<Admitted> {
  const principal = await authenticate(c);
  if (!principal.ok) throw new Refused(await refuse(c, problem, principal.error));
  const context = createContext(c, principal.value, { format: problem, transport: 'v1' });
  const admission = await context.tenant.admit();
  const refusal = admission.ok ? refusalOf(admission.value, scope, what) : admission.error;
  if (refusal !== undefined) throw new Refused(await context.deny(refusal));
  const admitted = { principal: principal.value, context };
  admissions.set(c.req.raw, admitted);
  return admitted;
}

function refusalOf(
  { scopes: held, isGrant, justRefreshed, tools }: Admission,
  scope: Scope,
  what: string,
): Refusal | undefined {
  if (!held.includes(scope)) return { reason: 'insufficient_scope', scope, held, isGrant, justRefreshed };
  return tools === undefined ? undefined : { reason: 'tool_not_allowed', tool: what };
}

/** Routes below `/v1`. Each request has one log line: the tenant's for a change, otherwise the edge's. @param path with its slash */
export function memberRoutes(path: string): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();
  routes.use(`${path}/*`, async (c, next) => {
    await next();
    // A request that is refused early leaves its body unread, and the platform logs an error for that.
    if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
    const admitted = admissions.get(c.req.raw);
    if (admitted === undefined || isLogged(c)) return;
    const { tenant, tokenId } = admitted.principal;
    c.var.isolate.log({
      level: 'info',
      event: 'admin.request',
      tenant,
      token_id: tokenId,
      http_status: c.res.status,
      ...requestFields(c),
    });
  });
  routes.onError((error, c) => {
    if (error instanceof Refused) return error.response;
    if (!(error instanceof AdminRefusal)) throw error;
    const admitted = admissions.get(c.req.raw);
    return admitted === undefined || isLogged(c)
      ? problem(error.refusal, c.var.arrival.trace.traceId)
      : admitted.context.refuse(error.refusal);
  });
  return routes;
}
