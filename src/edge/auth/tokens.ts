import { jwtVerify, SignJWT } from 'jose';
import type { Config, TokenKey } from '../../config.ts';
import { parseTenantId, type TenantId, type TokenId } from '../../tenant/contract/call.ts';

/** Bearer tokens: JWTs (RFC 7519) that the deployment signs with HS256. */

const ALGORITHM = 'HS256';
const TOKEN_ID = /^[0-9a-f]{24}$/;
/** Longer tokens are refused without being parsed: valid ones have fewer than 400 characters. */
export const MAX_TOKEN_CHARS = 2048;

/** The tenant and token of a verified signature. The tenant decides whether the token is still active. */
export interface Principal {
  readonly tenant: TenantId;
  readonly tokenId: TokenId;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Signs the token `jti` of a tenant for one audience (RFC 8707): the URL of the MCP endpoint. */
export function signToken(
  key: TokenKey,
  audience: string,
  principal: Principal,
  issuedAt: number,
): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: 'JWT' })
    .setSubject(principal.tenant)
    .setJti(principal.tokenId)
    .setAudience(audience)
    .setIssuedAt(Math.floor(issuedAt / 1000))
    .setExpirationTime(Math.floor(principal.expiresAt / 1000))
    .sign(key.secret);
}

/** An API token that a tenant has put on its list, as its owner is given it. */
export const signIssued = (
  { tokenKeys, mcpUrl }: Pick<Config, 'tokenKeys' | 'mcpUrl'>,
  tenant: TenantId,
  { id: tokenId, expiresAt, createdAt }: { id: TokenId; expiresAt: number; createdAt: number },
): Promise<string> => signToken(tokenKeys[0], mcpUrl, { tenant, tokenId, expiresAt }, createdAt);

/** The principal of a token that is well-formed, signed by one of `keys`, for one of `audiences`, and not expired. */
export async function verifyToken(
  keys: readonly TokenKey[],
  audiences: readonly string[],
  token: string,
  now: number,
): Promise<Principal | undefined> {
  if (token.length > MAX_TOKEN_CHARS) return undefined;
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = keys.find((candidate) => candidate.kid === kid);
        if (key === undefined) throw new Error('no such key');
        return key.secret;
      },
      {
        algorithms: [ALGORITHM],
        audience: [...audiences],
        requiredClaims: ['sub', 'jti', 'exp'],
        currentDate: new Date(now),
      },
    );
    const tenant = parseTenantId(payload.sub ?? '');
    const { jti = '', exp = 0 } = payload;
    if (tenant === undefined || !TOKEN_ID.test(jti)) return undefined;
    return { tenant, tokenId: jti as TokenId, expiresAt: exp * 1000 };
  } catch {
    // Every invalid token gets the same answer, whatever is wrong with it.
    return undefined;
  }
}

/** Verified tokens that one isolate caches, each until it expires. */
const MAX_VERIFIED = 1000;

/**
 * Caches verified tokens, because checking a signature costs more than the rest of a request at the edge. This is safe: a
 * valid signature stays valid until the token expires, and the tenant checks on every request whether it was revoked.
 */
export class VerifiedTokens {
  readonly #verified = new Map<string, Principal>();
  readonly #verify: (token: string, now: number) => Promise<Principal | undefined>;

  constructor(verify: (token: string, now: number) => Promise<Principal | undefined>) {
    this.#verify = verify;
  }

  async principal(token: string, now: number): Promise<Principal | undefined> {
    const known = this.#verified.get(token);
    if (known !== undefined && now < known.expiresAt) return known;
    this.#verified.delete(token);
    const principal = await this.#verify(token, now);
    if (principal === undefined) return undefined;
    if (this.#verified.size >= MAX_VERIFIED) {
      const [oldest] = this.#verified.keys();
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(token, principal);
    return principal;
  }
}
