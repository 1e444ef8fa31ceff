import { createHmac } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { jwtVerify, SignJWT } from 'jose';
import * as z from 'zod';
import type { TokenKey } from '../../../config.ts';
import { MAX_TOKEN_CHARS } from '../../auth/tokens.ts';
import { ownOrigin } from '../../http/host.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { OPERATOR_HOME } from '../layout.tsx';

/**
 * The session of the operator in the console: one cookie, beside those of tenants.
 *
 * Its value is a token that is signed with a key made of a signing key and the admin key, for an audience of its own. So it
 * ends when either key is changed, is no token of a tenant, and is worth nothing at any API. Nothing is stored.
 */

export const OPERATOR_SESSION_MS = 3_600_000;
const ALGORITHM = 'HS256';
/** No id of a tenant. */
const SUBJECT = '@operator';
export const MAX_NAME_CHARS = 64;

export interface OperatorSession {
  /** Who the operator says to be, which nothing proves; empty when nothing was said. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What tells this session from others, and is no secret. */
export const sessionName = ({ expiresAt }: OperatorSession) => `${SUBJECT} ${expiresAt}`;

const claims = z.object({ sub: z.literal(SUBJECT), name: z.string().max(MAX_NAME_CHARS), exp: z.number() });

const audienceOf = (c: Context<AppEnv>) => `${c.var.isolate.config.publicUrl}${OPERATOR_HOME}`;

const isSecure = (c: Context<AppEnv>) => ownOrigin(c).startsWith('https:');

/** No name of a cookie of a tenant, all of which begin with `bulkhead-console-`. */
const cookieOf = (c: Context<AppEnv>) => (isSecure(c) ? '__Host-bulkhead-operator' : 'bulkhead-operator');

const attributesOf = (c: Context<AppEnv>) =>
  ({ path: '/', httpOnly: true, secure: isSecure(c), sameSite: 'Lax' }) as const;

const secretOf = (key: TokenKey, adminKey: string) =>
  createHmac('sha256', key.secret).update(`console operator ${adminKey}`).digest();

export async function startOperatorSession(c: Context<AppEnv>, name: string): Promise<void> {
  const now = c.var.arrival.receivedAt;
  const { tokenKeys, adminKey } = c.var.isolate.config;
  const [key] = tokenKeys;
  const token = await new SignJWT({ name })
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: 'JWT' })
    .setSubject(SUBJECT)
    .setAudience(audienceOf(c))
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor((now + OPERATOR_SESSION_MS) / 1000))
    .sign(secretOf(key, adminKey));
  setCookie(c, cookieOf(c), token, { ...attributesOf(c), maxAge: OPERATOR_SESSION_MS / 1000 });
}

export function endOperatorSession(c: Context<AppEnv>): void {
  deleteCookie(c, cookieOf(c), attributesOf(c));
}

/** Whether the browser sent a session, which may have ended. */
export const hasOperatorCookie = (c: Context<AppEnv>) => getCookie(c, cookieOf(c)) !== undefined;

export async function operatorSessionOf(c: Context<AppEnv>): Promise<OperatorSession | undefined> {
  const { tokenKeys, adminKey } = c.var.isolate.config;
  const cookie = getCookie(c, cookieOf(c)) ?? '';
  if (cookie.length > MAX_TOKEN_CHARS) return undefined;
  try {
    const { payload } = await jwtVerify(
      cookie,
      ({ kid }) => {
        const key = tokenKeys.find((candidate) => candidate.kid === kid);
        if (key === undefined) throw new Error('no such key');
        return secretOf(key, adminKey);
      },
      {
        algorithms: [ALGORITHM],
        audience: audienceOf(c),
        requiredClaims: ['sub', 'exp'],
        currentDate: new Date(c.var.arrival.receivedAt),
      },
    );
    const { name, exp } = claims.parse(payload);
    return { name, expiresAt: exp * 1000 };
  } catch {
    // Every session that does not hold gets the same answer, whatever is wrong with it.
    return undefined;
  }
}
