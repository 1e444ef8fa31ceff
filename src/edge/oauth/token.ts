import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { fail, type Result, succeed } from '../../result.ts';
import type { GrantRefusal, Issued } from '../../tenant/contract/sign-in.ts';
import { signToken } from '../auth/tokens.ts';
import { logUnreachable } from '../http/attempt.ts';
import type { AppEnv } from '../http/isolate.ts';
import { type ClientRequest, readClientRequest } from './client-authentication.ts';
import { clientDigest } from './clients.ts';
import { NO_STORE, type OAuthError, refuseOAuth, temporarily } from './oauth-errors.ts';
import { record } from './records.ts';
import { isOwnResource } from './resource.ts';
import { decodeCode, decodeRefresh, encodeRefresh, type TenantSecret } from './secrets.ts';

type Ctx = Context<AppEnv>;

/** How long an access token is valid, at most. What it may do is asked of the tenant on each request. */
export const ACCESS_TOKEN_MS = 3_600_000;

/** `POST /token`: exchanges a code or a refresh token for an access token. */
export async function issueTokens(c: Ctx): Promise<Response> {
  const sent = await readClientRequest(c);
  if (!sent.ok) return refuseOAuth(c, sent.error);
  const { client, parameters } = sent.value;
  const refuse = (error: OAuthError, secret?: TenantSecret) =>
    refuseOAuth(c, error, client.id, secret && { tenant: secret.tenant, token_id: secret.grant });
  const resource = parameters.get('resource');
  if (resource !== undefined && !isOwnResource(c, resource)) return refuse(INVALID_TARGET);
  const asked = readGrant(c, sent.value);
  if (!asked.ok) return refuse(asked.error);
  const { secret, redeem } = asked.value;
  const issued = await reach(c, redeem);
  if (!issued.ok) return refuse(errorOf(issued.error), secret);
  return respondTokens(c, secret, issued.value, client.id);
}

const INVALID_TARGET: OAuthError = {
  error: 'invalid_target',
  description: 'The resource is not this server.',
};
const INVALID_GRANT: OAuthError = {
  error: 'invalid_grant',
  description: 'The code or refresh token is not valid. Ask the person to connect again.',
};

interface Asked {
  readonly secret: TenantSecret;
  /** Asks the tenant. */
  readonly redeem: () => PromiseLike<Result<Issued, GrantRefusal>>;
}

/** A code or refresh token that was not made here is refused without a word to any tenant. */
function readGrant(c: Ctx, { client, parameters }: ClientRequest): Result<Asked, OAuthError> {
  const { config } = c.var.isolate;
  const digest = clientDigest(client.id);
  switch (parameters.get('grant_type')) {
    case 'authorization_code': {
      const secret = decodeCode(config, parameters.get('code') ?? '', c.var.arrival.receivedAt);
      const verifier = parameters.get('code_verifier') ?? '';
      if (!VERIFIER.test(verifier))
        return fail({
          error: 'invalid_request',
          description: 'code_verifier is required: 43 to 128 characters.',
        });
      if (secret === undefined) return fail({ ...INVALID_GRANT, problem: 'unknown' });
      const { tenant, ...proof } = secret;
      const redeem = () =>
        c.env.TENANTS.getByName(tenant).redeem({
          ...proof,
          clientDigest: digest,
          redirectUri: parameters.get('redirect_uri'),
          challenge: createHash('sha256').update(verifier).digest('base64url'),
        });
      return succeed({ secret, redeem });
    }
    case 'refresh_token': {
      const secret = decodeRefresh(config, parameters.get('refresh_token') ?? '');
      if (secret === undefined) return fail({ ...INVALID_GRANT, problem: 'unknown' });
      const { tenant, ...proof } = secret;
      const redeem = () => c.env.TENANTS.getByName(tenant).refreshGrant({ ...proof, clientDigest: digest });
      return succeed({ secret, redeem });
    }
    default:
      return fail({
        error: 'unsupported_grant_type',
        description: 'grant_type must be authorization_code or refresh_token.',
      });
  }
}

/** RFC 7636, section 4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

async function reach(c: Ctx, redeem: Asked['redeem']): Promise<Result<Issued, GrantRefusal>> {
  try {
    return await redeem();
  } catch (cause) {
    logUnreachable(c, cause);
    return fail({ reason: 'unavailable' });
  }
}

function errorOf(refusal: GrantRefusal): OAuthError {
  if (refusal.reason !== 'invalid_grant') return temporarily(refusal.reason);
  const { problem } = refusal;
  return problem === 'too_many_retries' ? temporarily(problem) : { ...INVALID_GRANT, problem };
}

async function respondTokens(
  c: Ctx,
  { tenant, grant }: TenantSecret,
  issued: Issued,
  clientId: string,
): Promise<Response> {
  const { config } = c.var.isolate;
  const now = c.var.arrival.receivedAt;
  const expiresAt = Math.min(now + ACCESS_TOKEN_MS, issued.expiresAt);
  const accessToken = await signToken(
    config.tokenKeys[0],
    config.mcpUrl,
    { tenant, tokenId: grant, expiresAt },
    now,
  );
  const event = issued.repeated ? 'oauth.refresh_retried' : 'oauth.issued';
  record(c, event, clientId, { tenant, token_id: grant });
  return Response.json(
    {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: Math.max(1, Math.floor((expiresAt - now) / 1000)),
      refresh_token: encodeRefresh(config, {
        tenant,
        grant,
        secret: issued.secret,
        generation: issued.generation,
      }),
      // What the person has allowed, which may be less than the client asked for.
      scope: issued.scopes.join(' '),
    },
    { headers: NO_STORE },
  );
}
