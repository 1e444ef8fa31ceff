import type { Context, MiddlewareHandler } from 'hono';
import type { Config } from '../../config.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { clientAddress } from '../http/client-address.ts';
import { FENCED, type HttpRefusal, problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { refuse } from '../http/refusal-log.ts';
import { missingToken, toHttpRefusal } from './refusals.ts';
import { type Principal, VerifiedTokens, verifyToken } from './tokens.ts';

const verifiedTokens = new WeakMap<Config, VerifiedTokens>();

/** The verified tokens of this isolate. */
function verifiedTokensOf(config: Config): VerifiedTokens {
  const known = verifiedTokens.get(config);
  if (known !== undefined) return known;
  const made = new VerifiedTokens((token, now) =>
    verifyToken(config.tokenKeys, config.audiences, token, now),
  );
  verifiedTokens.set(config, made);
  return made;
}

/** The credential of `Authorization: Bearer …` (RFC 6750, section 2.1). */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];
}

/** Limits the requests that one address can send without a credential. */
export const limitAnonymous: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: clientAddress(c) });
  return success ? next() : refuse(c, problem, FENCED);
};

/**
 * The principal of the request's bearer token. An address that sends too many requests without a valid one is refused
 * by the rate limit `ANONYMOUS_FENCE`.
 */
export async function authenticate(c: Context<AppEnv>): Promise<Result<Principal, HttpRefusal>> {
  const { config } = c.get('isolate');
  const token = bearerOf(c.req.raw);
  const principal =
    token === undefined
      ? undefined
      : await verifiedTokensOf(config).principal(token, c.get('arrival').receivedAt);
  if (principal !== undefined) return succeed(principal);
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: clientAddress(c) });
  if (!success) return fail(FENCED);
  const sentOne = c.req.header('authorization') !== undefined;
  return fail(sentOne ? toHttpRefusal(c, { reason: 'invalid_token' }) : missingToken(c));
}
