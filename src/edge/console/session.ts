import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import { type Principal, signToken, verifyToken } from '../auth/tokens.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';

/**
 * The session of a person in the console: a cookie for each tenant.
 *
 * Its value is a token with the `sub` and `jti` of the one that the person has signed in with, for another audience. So it
 * is worth nothing as a bearer token of the API, the tenant is asked on every request whether the token still holds, and
 * nothing is stored. The tenant is part of the cookie's name: one browser shows several tenants side by side.
 */

/** The longest that a session lasts; it ends with its token before that. */
export const SESSION_MS = 12 * 3_600_000;
/** Sessions of one browser that the page of the sign-in names. */
const MAX_NAMED = 8;

/** No audience of an API token, for none of the server's names. */
const audienceOf = (c: Context<AppEnv>) => `${c.var.isolate.config.publicUrl}/console`;

const isSecure = (c: Context<AppEnv>) => ownOrigin(c).startsWith('https:');

/** A cookie named `__Host-…` is sent to exactly this host over https; browsers refuse the name without TLS. */
const prefixOf = (c: Context<AppEnv>) => (isSecure(c) ? '__Host-bulkhead-console-' : 'bulkhead-console-');

const attributesOf = (c: Context<AppEnv>) =>
  // A link to a run that somebody was sent must open signed in, which `Strict` would not allow.
  ({ path: '/', httpOnly: true, secure: isSecure(c), sameSite: 'Lax' }) as const;

/** Signs the browser in as the token's owner. */
export async function startSession(c: Context<AppEnv>, principal: Principal): Promise<void> {
  const now = c.var.arrival.receivedAt;
  const session = { ...principal, expiresAt: Math.min(principal.expiresAt, now + SESSION_MS) };
  const [key] = c.var.isolate.config.tokenKeys;
  setCookie(c, prefixOf(c) + principal.tenant, await signToken(key, audienceOf(c), session, now), {
    ...attributesOf(c),
    maxAge: Math.floor((session.expiresAt - now) / 1000),
  });
}

export function endSession(c: Context<AppEnv>, tenant: TenantId): void {
  deleteCookie(c, prefixOf(c) + tenant, attributesOf(c));
}

/** The token that the browser is signed in with at a tenant, if it is. Whether that was revoked is the tenant's to say. */
export async function sessionOf(c: Context<AppEnv>, tenant: TenantId): Promise<Principal | undefined> {
  const { tokenKeys } = c.var.isolate.config;
  const cookie = getCookie(c, prefixOf(c) + tenant) ?? '';
  const principal = await verifyToken(tokenKeys, [audienceOf(c)], cookie, c.var.arrival.receivedAt);
  return principal?.tenant === tenant ? principal : undefined;
}

/** The tenants that the browser has a session of. */
export async function tenantsOf(c: Context<AppEnv>): Promise<TenantId[]> {
  const prefix = prefixOf(c);
  const named = Object.keys(getCookie(c))
    .filter((name) => name.startsWith(prefix))
    .slice(0, MAX_NAMED)
    .flatMap((name) => parseTenantId(name.slice(prefix.length)) ?? []);
  const sessions = await Promise.all(named.map((tenant) => sessionOf(c, tenant)));
  return sessions.flatMap((session) => session?.tenant ?? []);
}
