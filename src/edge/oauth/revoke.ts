import type { Context } from 'hono';
import { verifyToken } from '../auth/tokens.ts';
import type { AppEnv } from '../http/isolate.ts';
import { readClientRequest } from './client-authentication.ts';
import { clientDigest } from './clients.ts';
import { NO_STORE, refuseOAuth, temporarily } from './oauth-errors.ts';
import { record } from './records.ts';
import { decodeRefresh } from './secrets.ts';

/**
 * `POST /revoke` (RFC 7009): a client ends a grant of its own, by its access token or its refresh token. A token that means
 * nothing here, or is another client's, is answered the same way and changes nothing.
 */
export async function revokeGrant(c: Context<AppEnv>): Promise<Response> {
  const sent = await readClientRequest(c);
  if (!sent.ok) return refuseOAuth(c, sent.error);
  const { client, parameters } = sent.value;
  const token = parameters.get('token');
  if (token === undefined)
    return refuseOAuth(c, { error: 'invalid_request', description: 'token is required.' }, client.id);
  const named = await grantOf(c, token);
  if (named !== undefined) {
    try {
      const { tenant, grant } = named;
      const ended = await c.env.TENANTS.getByName(tenant).endGrant(grant, clientDigest(client.id));
      if (ended !== undefined)
        record(c, 'oauth.ended', client.id, { tenant, member: ended.member, token_id: grant });
    } catch {
      return refuseOAuth(c, temporarily('unavailable'), client.id);
    }
  }
  return new Response(null, { status: 200, headers: NO_STORE });
}

async function grantOf(c: Context<AppEnv>, token: string) {
  const { config } = c.var.isolate;
  const refresh = decodeRefresh(config, token);
  if (refresh !== undefined) return refresh;
  const access = await verifyToken(config.tokenKeys, config.audiences, token, c.var.arrival.receivedAt);
  return access && { tenant: access.tenant, grant: access.tokenId };
}
