import type { Context } from 'hono';
import { addressOf } from './address.ts';
import { FENCED, type HttpRefusal, missingToken, refusalOf } from './answers.ts';
import { type AppEnv, bearerOf } from './edge.ts';
import type { Principal } from './tokens.ts';

/** A request that goes no further, and whose it was when that is known. */
export interface Refused {
  readonly refusal: HttpRefusal;
  readonly principal?: Principal;
}

/** Who asks, by the bearer token. An address that keeps asking without a good one meets the fence. */
export async function authenticate(c: Context<AppEnv>): Promise<Principal | Refused> {
  const { config, tokens } = c.var.edge;
  const token = bearerOf(c.req.raw);
  const principal = token === undefined ? undefined : await tokens.principal(token, c.var.info.receivedAt);
  if (principal !== undefined) return principal;
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: addressOf(c.req.raw) });
  if (!success) return { refusal: FENCED };
  const hadToken = c.req.header('authorization') !== undefined;
  return {
    refusal: hadToken
      ? refusalOf({ reason: 'invalid_token' }, config.publicUrl)
      : missingToken(config.publicUrl),
  };
}
