import type { Context } from 'hono';
import type { Config } from '../../config.ts';
import type { Refusal } from '../../tenant/contract/call.ts';
import { addressOf } from '../http/client-address.ts';
import {
  FENCED,
  type HttpRefusal,
  missingToken,
  RESOURCE_METADATA_PATH,
  refusalOf,
} from '../http/http-errors.ts';
import { type AppEnv, bearerOf } from '../http/isolate.ts';
import { type Principal, VerifiedTokens, verifyToken } from './tokens.ts';

/** A request that goes no further, and whose it was when that is known. */
export interface Refused {
  readonly refusal: HttpRefusal;
  readonly principal?: Principal;
}

/** What there is to be called with a token: each has metadata of its own (RFC 9728, section 3.1). */
export const RESOURCES = ['/mcp', '/sse'] as const;

function metadataUrlOf(c: Context<AppEnv>): string {
  const resource = RESOURCES.find((path) => path === c.req.path) ?? '/mcp';
  return `${c.var.edge.config.publicUrl}${RESOURCE_METADATA_PATH}${resource}`;
}

/** A refusal of the tenant's, or of the check of a token, as HTTP says it for this request. */
export const httpRefusal = (c: Context<AppEnv>, refusal: Refusal): HttpRefusal =>
  refusalOf(refusal, metadataUrlOf(c));

const verifiedTokens = new WeakMap<Config, VerifiedTokens>();

/** The verified tokens of this isolate. */
function verifiedTokensOf(config: Config): VerifiedTokens {
  const known = verifiedTokens.get(config);
  if (known !== undefined) return known;
  const made = new VerifiedTokens((token, now) => verifyToken(config.tokenKeys, config.mcpUrl, token, now));
  verifiedTokens.set(config, made);
  return made;
}

/** Who asks, by the bearer token. An address that keeps asking without a good one meets the fence. */
export async function authenticate(c: Context<AppEnv>): Promise<Principal | Refused> {
  const token = bearerOf(c.req.raw);
  const principal =
    token === undefined
      ? undefined
      : await verifiedTokensOf(c.var.edge.config).principal(token, c.var.info.receivedAt);
  if (principal !== undefined) return principal;
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: addressOf(c.req.raw) });
  if (!success) return { refusal: FENCED };
  const hadToken = c.req.header('authorization') !== undefined;
  return {
    refusal: hadToken ? httpRefusal(c, { reason: 'invalid_token' }) : missingToken(metadataUrlOf(c)),
  };
}
