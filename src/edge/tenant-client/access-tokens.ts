import type { AccessTokens } from '../../connections/oauth/access-token.ts';
import type { TokenLease, TokenSettlement } from '../../tenant/contract/access-token.ts';
import type { TenantId } from '../../tenant/contract/call.ts';

/**
 * The access tokens of a tenant's connections, kept in its Durable Object.
 * @param waitUntil lets work finish after the response was sent
 */
export function accessTokensOf(
  env: Env,
  tenant: TenantId,
  waitUntil: (work: Promise<unknown>) => void,
): AccessTokens {
  const stub = () => env.TENANTS.getByName(tenant);
  return {
    request: async (connection, not): Promise<TokenLease> => {
      const answered = await stub().requestConnectionToken(connection, not);
      return answered.ok ? answered.value : { kind: 'gone' };
    },
    settle: async (connection, settlement: TokenSettlement): Promise<boolean> => {
      const settled = await stub().settleConnectionToken(connection, settlement);
      return settled.ok && settled.value;
    },
    keepAlive: waitUntil,
  };
}
