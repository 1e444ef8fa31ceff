import { createLocalJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import * as z from 'zod';
import { fail, type Result, succeed } from '../../result.ts';
import type { ProviderConfig } from '../../sign-in-settings.ts';
import { EMAIL, SUBJECT } from '../../tenant/contract/identity.ts';
import { fetchJson, type JsonRequest } from './fetch-json.ts';

/**
 * The OpenID provider at which members may sign in (OpenID Connect Core 1.0, authorization code flow with PKCE).
 *
 * What it answers is not trusted further than its signature goes: every answer is bounded in size and time, is checked
 * against a schema, and is shown to nobody. Only what identifies the person leaves this file.
 */

/** How a person is known at the provider. */
export interface Identity {
  readonly sub: string;
  /** Only an address that the provider has verified, in lower case. */
  readonly email: string | undefined;
}

/** Why nobody was identified, as it stands in the log. The person is told in other words. */
export type ProviderProblem =
  | 'provider_unavailable'
  | 'provider_metadata'
  | 'provider_refused'
  | 'provider_answer'
  | 'provider_issuer'
  | 'id_token';

export interface SignInRequest {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** The PKCE code challenge (RFC 7636, method S256). */
  readonly challenge: string;
  /** Whether the provider shall ask for an account, although somebody has signed in there. */
  readonly isAnew: boolean;
}

export interface SignInAnswer {
  readonly code: string;
  /** The issuer that the answer names (RFC 9207). */
  readonly iss: string | undefined;
  readonly redirectUri: string;
  readonly verifier: string;
  readonly nonce: string;
}

/** The longest answer that is read, in bytes, and how long it may take. */
export const MAX_ANSWER_BYTES = 65_536;
export const ANSWER_MS = 5000;
/** How long metadata and keys are used without being fetched again, and how soon they are for a key that is not among them. */
export const FRESH_MS = 600_000;
export const KEYS_AGAIN_MS = 30_000;
const MAX_ID_TOKEN_CHARS = 16_384;
/** Clocks differ. */
const CLOCK_TOLERANCE_S = 30;
/** Signatures by a key that only the provider has: neither `none` nor a secret that is shared. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const idClaims = z.object({ sub: z.string().regex(SUBJECT), azp: z.string().optional() });
const emailClaims = z.object({
  email: z.string().regex(EMAIL),
  // Providers that have not checked an address say so, or nothing.
  email_verified: z.literal(true),
});
const tokenAnswer = z.object({
  id_token: z.string().max(MAX_ID_TOKEN_CHARS),
  access_token: z
    .string()
    .max(MAX_ID_TOKEN_CHARS)
    .regex(/^[\x21-\x7e]+$/)
    .optional(),
});

/** RFC 7517. What a key must have besides is checked when it is used. */
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

function metadataOf({ issuer }: ProviderConfig) {
  const own = new URL(issuer);
  const endpoint = z
    .string()
    .max(2048)
    .refine((text) => {
      if (!URL.canParse(text)) return false;
      const { protocol, hostname, username, password } = new URL(text);
      if (username !== '' || password !== '') return false;
      // Without TLS only where the issuer itself has none, which is on this machine.
      return protocol === 'https:' || (protocol === own.protocol && hostname === own.hostname);
    });
  return z.object({
    issuer: z.literal(issuer),
    authorization_endpoint: endpoint,
    token_endpoint: endpoint,
    jwks_uri: endpoint,
    userinfo_endpoint: endpoint.optional(),
    token_endpoint_auth_methods_supported: z.array(z.string()).default(['client_secret_basic']),
    authorization_response_iss_parameter_supported: z.boolean().default(false),
  });
}
type Metadata = z.infer<ReturnType<typeof metadataOf>>;

interface Fetched<T> {
  readonly value: T;
  readonly at: number;
}

export class OpenIdProvider {
  readonly #config: ProviderConfig;
  #metadata: Fetched<Metadata> | undefined;
  #keys: Fetched<JWTVerifyGetKey> | undefined;

  constructor(config: ProviderConfig) {
    this.#config = config;
  }

  /** Where the person signs in. */
  async signInUrl(request: SignInRequest, now: number): Promise<Result<URL, ProviderProblem>> {
    const metadata = await this.#readMetadata(now);
    if (!metadata.ok) return metadata;
    const url = new URL(metadata.value.authorization_endpoint);
    const parameters = {
      response_type: 'code',
      client_id: this.#config.clientId,
      redirect_uri: request.redirectUri,
      scope: 'openid email',
      state: request.state,
      nonce: request.nonce,
      code_challenge: request.challenge,
      code_challenge_method: 'S256',
      ...(request.isAnew ? { prompt: 'login' } : {}),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return succeed(url);
  }

  /** Who has signed in, by the answer that the browser has brought. */
  async identify(answer: SignInAnswer, now: number): Promise<Result<Identity, ProviderProblem>> {
    const read = await this.#readMetadata(now);
    if (!read.ok) return read;
    const metadata = read.value;
    const isNamed = answer.iss !== undefined || metadata.authorization_response_iss_parameter_supported;
    if (isNamed && answer.iss !== this.#config.issuer) return fail('provider_issuer');
    const fetched = await this.#fetch(metadata.token_endpoint, this.#tokenRequest(answer, metadata));
    if (!fetched.ok) return fetched;
    const { data: tokens } = tokenAnswer.safeParse(fetched.value);
    if (tokens === undefined) return fail('provider_answer');
    const payload = await this.#verify(tokens.id_token, answer.nonce, metadata, now);
    const { data: claims } = idClaims.safeParse(payload);
    if (payload === undefined || claims === undefined || !this.#isFor(payload, claims.azp))
      return fail('id_token');
    const about =
      'email_verified' in payload ? succeed(payload) : await this.#userInfo(metadata, tokens, claims.sub);
    if (!about.ok) return about;
    const email = emailClaims.safeParse(about.value).data?.email.toLowerCase();
    return succeed({ sub: claims.sub, email });
  }

  /** OpenID Connect Core, section 3.1.3.7: a token for several parties names the one that it was issued to. */
  #isFor({ aud }: JWTPayload, azp: string | undefined): boolean {
    const hasSeveral = Array.isArray(aud) && aud.length > 1;
    return azp === undefined ? !hasSeveral : azp === this.#config.clientId;
  }

  async #verify(idToken: string, nonce: string, { jwks_uri }: Metadata, now: number) {
    const keys: JWTVerifyGetKey = async (header, token) => {
      try {
        return await (await this.#readKeys(jwks_uri, now, FRESH_MS))(header, token);
      } catch {
        // The provider may have changed its keys since they were fetched.
        return (await this.#readKeys(jwks_uri, now, KEYS_AGAIN_MS))(header, token);
      }
    };
    try {
      const { payload } = await jwtVerify(idToken, keys, {
        issuer: this.#config.issuer,
        audience: this.#config.clientId,
        algorithms: ALGORITHMS,
        requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(now),
      });
      return payload.nonce === nonce ? payload : undefined;
    } catch {
      return undefined;
    }
  }

  async #readKeys(url: string, now: number, maxAgeMs: number): Promise<JWTVerifyGetKey> {
    const known = this.#keys;
    if (known !== undefined && now >= known.at && now - known.at < maxAgeMs) return known.value;
    const fetched = await this.#fetch(url, GET);
    if (!fetched.ok) throw new Error(fetched.error);
    const value = createLocalJWKSet(keySet.parse(fetched.value));
    this.#keys = { value, at: now };
    return value;
  }

  /** What is known of the person, where the provider does not put it into the ID token (OpenID Connect Core, section 5.4). */
  async #userInfo(
    metadata: Metadata,
    { access_token }: z.infer<typeof tokenAnswer>,
    sub: string,
  ): Promise<Result<unknown, ProviderProblem>> {
    if (metadata.userinfo_endpoint === undefined || access_token === undefined) return succeed(undefined);
    const headers = { ...GET.headers, authorization: `Bearer ${access_token}` };
    const fetched = await this.#fetch(metadata.userinfo_endpoint, { headers });
    if (!fetched.ok) return fetched;
    const { data } = z.looseObject({ sub: z.literal(sub) }).safeParse(fetched.value);
    return data === undefined ? fail('provider_answer') : succeed(data);
  }

  #tokenRequest({ code, redirectUri, verifier }: SignInAnswer, metadata: Metadata): Asked {
    const { clientId, clientSecret } = this.#config;
    const methods = metadata.token_endpoint_auth_methods_supported;
    const isInBody = !methods.includes('client_secret_basic') && methods.includes('client_secret_post');
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...(isInBody ? { client_id: clientId, client_secret: clientSecret } : {}),
    });
    // Both parts are form-encoded first (RFC 6749, section 2.3.1).
    const basic = [clientId, clientSecret].map((text) =>
      new URLSearchParams({ t: text }).toString().slice(2),
    );
    return {
      method: 'POST',
      headers: {
        ...GET.headers,
        'content-type': 'application/x-www-form-urlencoded',
        ...(isInBody ? {} : { authorization: `Basic ${btoa(basic.join(':'))}` }),
      },
      body: body.toString(),
    };
  }

  async #readMetadata(now: number): Promise<Result<Metadata, ProviderProblem>> {
    const known = this.#metadata;
    if (known !== undefined && now >= known.at && now - known.at < FRESH_MS) return succeed(known.value);
    const { issuer } = this.#config;
    const fetched = await this.#fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, GET);
    if (!fetched.ok) return fail('provider_unavailable');
    const { data: value } = metadataOf(this.#config).safeParse(fetched.value);
    if (value === undefined) return fail('provider_metadata');
    this.#metadata = { value, at: now };
    return succeed(value);
  }

  async #fetch(url: string, asked: Asked): Promise<Result<unknown, ProviderProblem>> {
    const fetched = await fetchJson(url, { ...asked, maxBytes: MAX_ANSWER_BYTES, ms: ANSWER_MS });
    if (fetched.ok) return succeed(fetched.value.value);
    return fail(fetched.error === 'refused' ? 'provider_refused' : 'provider_unavailable');
  }
}

type Asked = Omit<JsonRequest, 'maxBytes' | 'ms'>;
const GET = { headers: { accept: 'application/json' } };

const providers = new WeakMap<ProviderConfig, OpenIdProvider>();

/** The provider of this isolate. */
export function providerOf(config: ProviderConfig): OpenIdProvider {
  const known = providers.get(config) ?? new OpenIdProvider(config);
  providers.set(config, known);
  return known;
}
