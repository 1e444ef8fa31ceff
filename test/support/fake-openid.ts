import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/**
 * An OpenID provider in the test's own process, in place of the internet: it keeps to the protocol unless the test makes
 * it misbehave. Its part of `fetch` is `answer`.
 */

export const ISSUER = 'https://id.example';
export const CLIENT_ID = 'bulkhead+&=%co';
export const CLIENT_SECRET = 'provider-secret:with/odd+characters';

/** The settings of a server whose members sign in here. */
export const OIDC_SETTINGS = {
  OIDC_ISSUER: ISSUER,
  OIDC_CLIENT_ID: CLIENT_ID,
  OIDC_CLIENT_SECRET: CLIENT_SECRET,
  OIDC_NAME: 'Example ID',
};

type Endpoint = 'metadata' | 'token' | 'jwks' | 'userinfo';
const PATHS: Readonly<Record<string, Endpoint>> = {
  '/.well-known/openid-configuration': 'metadata',
  '/token': 'token',
  '/jwks': 'jwks',
  '/userinfo': 'userinfo',
};

interface Flow {
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
  readonly account: Record<string, unknown>;
}

export interface Signer {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: object;
}

export async function newSigner(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

export class FakeProvider {
  /** Replaces the answer of an endpoint. */
  readonly instead: Partial<Record<Endpoint, () => Response | Promise<Response>>> = {};
  /** Changes what an ID token says, and how it is signed. */
  change: (claims: JWTPayload) => JWTPayload = (claims) => claims;
  sign: (claims: JWTPayload) => Promise<string> = (claims) => this.signedBy(this.signer, claims);
  metadata: Record<string, unknown> = {};
  /** What the userinfo endpoint adds to the subject. */
  info: Record<string, unknown> = {};
  signer: Signer;
  /** What it was asked, newest last. */
  readonly requests: { endpoint: Endpoint; init: RequestInit; body: URLSearchParams }[] = [];
  readonly #flows = new Map<string, Flow>();
  #codes = 0;

  constructor(signer: Signer) {
    this.signer = signer;
  }

  static async start(): Promise<FakeProvider> {
    return new FakeProvider(await newSigner('k1'));
  }

  /** The person signs in under an account. @returns where the browser is sent back to */
  signIn(location: string | null, account: Record<string, unknown>): URL {
    const asked = new URL(location ?? '').searchParams;
    const code = `code-${++this.#codes}`;
    this.#flows.set(code, {
      nonce: asked.get('nonce') ?? '',
      challenge: asked.get('code_challenge') ?? '',
      redirectUri: asked.get('redirect_uri') ?? '',
      account,
    });
    const back = new URL(asked.get('redirect_uri') ?? '');
    back.searchParams.set('code', code);
    back.searchParams.set('state', asked.get('state') ?? '');
    return back;
  }

  async answer(url: string, init: RequestInit = {}): Promise<Response> {
    const endpoint = PATHS[new URL(url).pathname];
    if (endpoint === undefined || !url.startsWith(ISSUER))
      return new Response('nobody here', { status: 404 });
    const body = new URLSearchParams(String(init.body ?? ''));
    this.requests.push({ endpoint, init, body });
    const replaced = this.instead[endpoint];
    return replaced === undefined ? this.#usual(endpoint, init, body) : replaced();
  }

  signedBy({ kid, privateKey }: Signer, claims: JWTPayload): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  }

  async #usual(endpoint: Endpoint, init: RequestInit, body: URLSearchParams): Promise<Response> {
    switch (endpoint) {
      case 'metadata':
        return Response.json({
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/authorize?tenant=1`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/jwks`,
          userinfo_endpoint: `${ISSUER}/userinfo`,
          ...this.metadata,
        });
      case 'jwks':
        return Response.json({ keys: [this.signer.publicJwk] });
      case 'userinfo':
        return Response.json({ sub: 'user-1', ...this.info });
      case 'token':
        return this.#exchange(init, body);
    }
  }

  async #exchange({ headers }: RequestInit, body: URLSearchParams): Promise<Response> {
    const flow = this.#flows.get(body.get('code') ?? '');
    this.#flows.delete(body.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(body.get('code_verifier') ?? '')
      .digest('base64url');
    const isGood =
      flow?.challenge === challenge &&
      flow.redirectUri === body.get('redirect_uri') &&
      isAuthenticated(new Headers(headers), body);
    if (!isGood) return Response.json({ error: 'invalid_grant' }, { status: 400 });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: CLIENT_ID, nonce: flow.nonce, iat: now, exp: now + 300 };
    const idToken = await this.sign(this.change({ ...claims, sub: 'user-1', ...flow.account }));
    return Response.json({ id_token: idToken, access_token: 'upstream-access-token', token_type: 'Bearer' });
  }
}

function isAuthenticated(headers: Headers, body: URLSearchParams): boolean {
  const [, basic = ''] = /^Basic (.+)$/.exec(headers.get('authorization') ?? '') ?? [];
  if (basic === '') return body.get('client_id') === CLIENT_ID && body.get('client_secret') === CLIENT_SECRET;
  const given = atob(basic)
    .split(':')
    .map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
  return given[0] === CLIENT_ID && given[1] === CLIENT_SECRET;
}
