import {
  assertSecureTokenEndpoint,
  checkResourceAllowed,
  discoverOAuthServerInfo,
  exchangeAuthorization,
  extractWWWAuthenticateParams,
  type OAuthTokens,
  refreshAuthorization,
  registerClient,
  resourceUrlFromServerUrl,
  startAuthorization,
  validateAuthorizationResponseIssuer,
} from '@modelcontextprotocol/client';
import type { Fetch } from '../guarded-fetch.ts';
import type { SignIn } from './store.ts';

/** No part of a sign-in but the person takes longer. */
const REQUEST_TIMEOUT_MS = 30_000;
/** An access token is renewed so long before its end, or at half of its life if that is shorter. */
const RENEW_EARLY_MS = 60_000;

type Discovered = Awaited<ReturnType<typeof discoverOAuthServerInfo>>;
type Metadata = NonNullable<Discovered['authorizationServerMetadata']>;

/** The server does not offer what a sign-in needs. The message is a sentence for the user. */
export class UnfitServerError extends Error {
  override readonly name = 'UnfitServerError';
}

/** The person, or the server in the person's place, has said no (OAuth 2.1, section 4.1.2.1). */
export class DeniedError extends Error {
  override readonly name = 'DeniedError';
}

/** What a sign-in was started with, and the answer is redeemed with. */
export interface Started {
  readonly authorizationUrl: URL;
  readonly client: SignIn['client'];
  readonly codeVerifier: string;
  readonly redirectUri: string;
}

/**
 * The authorization server of one MCP endpoint: discovery (RFC 9728, RFC 8414), dynamic registration, authorization code with
 * PKCE and a resource indicator, refresh, revocation. The protocol itself is the SDK's. Its `auth` is not used, because it
 * opens the browser again when a refresh fails, also when the server is only out of reach.
 */
export class AuthorizationServer {
  readonly #url: URL;
  readonly #fetch: Fetch;
  readonly #metadata: Metadata;
  readonly #resource: string | undefined;
  readonly #scope: string | undefined;

  private constructor(url: URL, fetch: Fetch, discovered: Discovered, scope: string | undefined) {
    const { authorizationServerMetadata: metadata, resourceMetadata } = discovered;
    if (metadata === undefined)
      throw new UnfitServerError(
        `${url.origin} offers no sign-in. Use a token of its operator instead of --login.`,
      );
    this.#url = url;
    this.#fetch = fetch;
    this.#metadata = metadata;
    this.#resource = resourceMetadata?.resource;
    this.#scope = scope ?? resourceMetadata?.scopes_supported?.join(' ');
    const requestedResource = resourceUrlFromServerUrl(url);
    if (
      this.#resource !== undefined &&
      !checkResourceAllowed({ requestedResource, configuredResource: this.#resource })
    )
      throw new UnfitServerError(
        `${url.origin} says that it is ${this.#resource}. Use that address in --url.`,
      );
  }

  get issuer(): string {
    return this.#metadata.issuer;
  }

  /** @param signal ends every request of this object */
  static async of(url: URL, signal: AbortSignal): Promise<AuthorizationServer> {
    const fetchHere: Fetch = (input, init) =>
      fetch(input, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) });
    // The refusal names the metadata, and the scopes that this very URL needs.
    const refusal = await fetchHere(url, { headers: { accept: 'text/event-stream' } });
    await refusal.body?.cancel();
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(refusal);
    const discovered = await discoverOAuthServerInfo(url, {
      fetchFn: fetchHere,
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    });
    return new AuthorizationServer(url, fetchHere, discovered, scope);
  }

  /** Registers this program and makes the URL at which the person signs in. */
  async start(redirectUri: string, state: string): Promise<Started> {
    const { registration_endpoint, code_challenge_methods_supported } = this.#metadata;
    if (!code_challenge_methods_supported?.includes('S256'))
      throw new UnfitServerError(
        `${this.issuer} does not support PKCE with S256, without which nobody should sign in.`,
      );
    if (registration_endpoint === undefined)
      throw new UnfitServerError(
        `${this.issuer} lets no program register itself. Use a token of its operator instead of --login.`,
      );
    const { client_id, client_secret } = await registerClient(this.issuer, {
      ...this.#common,
      clientMetadata: {
        client_name: 'bulkhead stdio',
        redirect_uris: [redirectUri],
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
      ...(this.#scope === undefined ? {} : { scope: this.#scope }),
    });
    const client = { client_id, ...(client_secret === undefined ? {} : { client_secret }) };
    const { authorizationUrl, codeVerifier } = await startAuthorization(this.issuer, {
      metadata: this.#metadata,
      clientInformation: client,
      redirectUrl: redirectUri,
      state,
      ...this.#resourceIndicator,
      ...(this.#scope === undefined ? {} : { scope: this.#scope }),
    });
    if (!['https:', 'http:'].includes(authorizationUrl.protocol))
      throw new UnfitServerError(`${this.issuer} names a page that no browser should open.`);
    return { authorizationUrl, client, codeVerifier, redirectUri };
  }

  /**
   * Redeems the answer; its `iss` must be this server, also in a refusal (RFC 9207).
   * @throws DeniedError
   */
  async redeem(
    { client, codeVerifier, redirectUri }: Started,
    answer: URLSearchParams,
    now: number,
  ): Promise<SignIn> {
    validateAuthorizationResponseIssuer({
      iss: answer.get('iss') ?? undefined,
      expectedIssuer: this.issuer,
      issParameterSupported: this.#metadata.authorization_response_iss_parameter_supported === true,
    });
    const [error, code] = [answer.get('error'), answer.get('code')];
    if (error !== null || code === null) throw new DeniedError(error ?? 'no code');
    const tokens = await exchangeAuthorization(this.issuer, {
      ...this.#common,
      ...this.#resourceIndicator,
      clientInformation: client,
      authorizationCode: code,
      iss: this.issuer,
      codeVerifier,
      redirectUri,
    });
    return this.#signIn(client, tokens, now);
  }

  async refresh(client: SignIn['client'], refreshToken: string, now: number): Promise<SignIn> {
    const tokens = await refreshAuthorization(this.issuer, {
      ...this.#common,
      ...this.#resourceIndicator,
      clientInformation: client,
      refreshToken,
    });
    return this.#signIn(client, tokens, now);
  }

  /** Ends the grant of a token (RFC 7009). @returns whether the server has confirmed it */
  async revoke({ client, access_token, refresh_token }: SignIn): Promise<boolean> {
    const endpoint = 'revocation_endpoint' in this.#metadata ? this.#metadata.revocation_endpoint : undefined;
    if (typeof endpoint !== 'string') return false;
    const body = new URLSearchParams({ token: refresh_token ?? access_token, client_id: client.client_id });
    if (client.client_secret !== undefined) body.set('client_secret', client.client_secret);
    const response = await this.#fetch(assertSecureTokenEndpoint(endpoint), {
      method: 'POST',
      body,
      redirect: 'error',
    });
    await response.body?.cancel();
    return response.ok;
  }

  get #common() {
    return { metadata: this.#metadata, fetchFn: this.#fetch };
  }

  get #resourceIndicator() {
    return this.#resource === undefined ? {} : { resource: this.#resource };
  }

  #signIn(client: SignIn['client'], tokens: OAuthTokens, now: number): SignIn {
    const { access_token, refresh_token, expires_in } = tokens;
    const lifeMs = expires_in === undefined ? undefined : expires_in * 1000;
    return {
      state: 'signed_in',
      url: this.#url.href,
      issuer: this.issuer,
      client,
      access_token,
      ...(refresh_token === undefined ? {} : { refresh_token }),
      renew_at: lifeMs === undefined ? null : now + lifeMs - Math.min(RENEW_EARLY_MS, lifeMs / 2),
    };
  }
}
