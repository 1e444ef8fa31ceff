import type { StoredSecret } from './connection.ts';

/** OAuth 2.0 credentials of connections, and the access tokens that they give (RFC 6749). */

export const OAUTH_GRANTS = ['client_credentials', 'refresh_token'] as const;
/** How a client proves who it is at a token endpoint (OpenID Connect Core, section 9). */
export const CLIENT_AUTHENTICATIONS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const;

/** What a connection does to get an access token. None of it is secret. */
export interface OAuthClient {
  readonly grant: (typeof OAUTH_GRANTS)[number];
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientAuth: (typeof CLIENT_AUTHENTICATIONS)[number];
  /** Which of the client's keys signs, for a token endpoint that has several. */
  readonly keyId?: string | undefined;
  readonly scope?: string | undefined;
  /** RFC 8707. */
  readonly resource?: string | undefined;
  /** Of providers that ask for it instead of `resource`. */
  readonly audience?: string | undefined;
}

/** An access token as a tenant keeps it. */
export interface StoredToken {
  readonly id: string;
  readonly value: StoredSecret;
  /** Milliseconds since the epoch. */
  readonly obtainedAt: number;
  /** When it is no longer used, some time before it ends. */
  readonly expiresAt: number;
}

/** How a call gets on that has no access token which it can use. */
export type TokenLease =
  | { readonly kind: 'token'; readonly token: StoredToken }
  /** This call renews the token, and then settles the lease. */
  | {
      readonly kind: 'leased';
      readonly lease: string;
      readonly secret: StoredSecret;
      /** Whether a renewal before it did not say how it ended. */
      readonly isAfterLoss: boolean;
    }
  /** Another call renews it. */
  | { readonly kind: 'wait' }
  /** The token endpoint has refused the credential a moment ago. */
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'gone' };

/** How a renewal ended. */
export interface TokenSettlement {
  readonly lease: string;
  readonly token?: Omit<StoredToken, 'id'> | undefined;
  /** The credential with its new refresh token, if there is one. */
  readonly secret?: StoredSecret | undefined;
  /** The error with which the token endpoint refuses the credential. */
  readonly refused?: string | undefined;
}

/** How long a renewal may take, in milliseconds. Another call may then take it for lost. */
export const TOKEN_LEASE_MS = 15_000;
/** How long a credential that was refused is not tried again, in milliseconds. */
export const REFUSED_MS = 10_000;
/** A token that the service refuses although it is this young is not renewed, in milliseconds. */
export const YOUNG_TOKEN_MS = 10_000;
