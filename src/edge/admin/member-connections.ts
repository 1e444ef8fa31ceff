import { Hono } from 'hono';
import { CONNECTIONS_SCOPE } from '../../tools/families.ts';
import type { Principal } from '../auth/tokens.ts';
import { logUnreachable } from '../http/attempt.ts';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';
import { type ConnectionOwner, connectionRoutes } from './connections.ts';
import { admitFor, Refused } from './member.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

/** The same routes under `/v1`, for the tokens of a tenant that have `connections:write`. */

/** The tenant of the token. @throws Refused */
async function ownerOf(c: Ctx): Promise<ConnectionOwner> {
  const { principal } = await admitFor(c, CONNECTIONS_SCOPE, 'connections');
  const { tenant, tokenId } = principal;
  c.var.isolate.log({
    level: 'info',
    event: 'admin.request',
    tenant,
    token_id: tokenId,
    ...requestFields(c),
  });
  return memberOwner(c, principal);
}

/** A member in the console, or a token, that may manage the connections of its tenant. Its changes are recorded. */
export function memberOwner(c: Ctx, { tenant: id, tokenId }: Principal): ConnectionOwner {
  const tenant = () => c.env.TENANTS.getByName(id);
  const note = async (action: string, code: string | undefined) => {
    const { id: requestId, trace, receivedAt } = c.var.arrival;
    try {
      await tenant().recordChange({ tokenId, action, code, requestId, trace, receivedAt });
    } catch (cause) {
      // A change is made also when it cannot be recorded.
      logUnreachable(c, cause, id);
    }
  };
  return { id, tenant: tenant(), isOperator: false, note };
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
