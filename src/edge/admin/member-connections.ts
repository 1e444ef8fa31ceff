import { CONNECTIONS_SCOPE } from '../../tools/families.ts';
import type { Principal } from '../auth/tokens.ts';
import { logUnreachable } from '../http/attempt.ts';
import { markLogged } from '../http/refusal-log.ts';
import { type ConnectionOwner, connectionRoutes } from './connections.ts';
import { admitFor, memberRoutes } from './member.ts';
import type { Ctx } from './refusals.ts';

/** The same routes under `/v1`, for the tokens of a tenant that have `connections:write`. */

/** The tenant of the token. @throws Refused */
async function ownerOf(c: Ctx): Promise<ConnectionOwner> {
  const { principal } = await admitFor(c, CONNECTIONS_SCOPE, 'connections');
  return memberOwner(c, principal);
}

/** A member in the console, or a token, that may manage the connections of its tenant. Its changes are recorded. */
export function memberOwner(c: Ctx, { tenant: id, tokenId }: Principal): ConnectionOwner {
  const tenant = () => c.env.TENANTS.getByName(id);
  const note = async (action: string, code: string | undefined) => {
    const { id: requestId, trace, receivedAt } = c.var.arrival;
    try {
      await tenant().recordChange({ tokenId, action, code, requestId, trace, receivedAt });
      markLogged(c);
    } catch (cause) {
      // A change is made also when it cannot be recorded.
      logUnreachable(c, cause, id);
    }
  };
  return { id, tenant: tenant(), isOperator: false, note };
}

export const memberConnections = memberRoutes('/connections');
memberConnections.route('/', connectionRoutes('/connections', ownerOf));
