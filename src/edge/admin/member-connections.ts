import { Hono } from 'hono';
import { CONNECTIONS_SCOPE } from '../../tools/families.ts';
import { authenticate } from '../auth/authenticate.ts';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { refuse, requestFields } from '../http/refusal-log.ts';
import { createContext } from '../tenant-client/request-context.ts';
import { type ConnectionOwner, connectionRoutes } from './connections.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

/** The same routes under `/v1`, for the tokens of a tenant that have `connections:write`. */

/** A refusal that was answered and logged already. */
class Refused extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super('refused');
    this.response = response;
  }
}

/** The tenant of the token. @throws Refused */
async function ownerOf(c: Ctx): Promise<ConnectionOwner> {
  const principal = await authenticate(c);
  if (!principal.ok) throw new Refused(await refuse(c, problem, principal.error));
  const { tenant: id, tokenId } = principal.value;
  const context = createContext(c, principal.value, { format: problem, transport: 'v1' });
  const admission = await context.tenant.admit();
  if (!admission.ok) throw new Refused(await context.deny(admission.error));
  const { scopes: held, isGrant, justRefreshed, tools } = admission.value;
  if (!held.includes(CONNECTIONS_SCOPE))
    throw new Refused(
      await context.deny({
        reason: 'insufficient_scope',
        scope: CONNECTIONS_SCOPE,
        held,
        isGrant,
        justRefreshed,
      }),
    );
  if (tools !== undefined)
    throw new Refused(await context.deny({ reason: 'tool_not_allowed', tool: 'connections' }));
  c.var.isolate.log({
    level: 'info',
    event: 'admin.request',
    tenant: id,
    token_id: tokenId,
    ...requestFields(c),
  });
  return { id, tenant: c.env.TENANTS.getByName(id), isOperator: false };
}

export const memberConnections = new Hono<AppEnv>();
memberConnections.use('/connections/*', async (c, next) => {
  await next();
  // A request that is refused early leaves its body unread, and the platform logs an error for that.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
});
memberConnections.onError((error, c) => {
  if (error instanceof Refused) return error.response;
  if (error instanceof AdminRefusal) return problem(error.refusal, c.var.arrival.trace.traceId);
  throw error;
});
memberConnections.route('/', connectionRoutes('/connections', ownerOf));
