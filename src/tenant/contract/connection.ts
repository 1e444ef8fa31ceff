import type { OAuthClient, StoredToken } from './access-token.ts';

/** Connections of a tenant: what the edge and the tenant tell each other of them. */

/** Where a connection leads, and how its secret is sent there. */
export interface HttpTarget {
  readonly kind: 'http';
  /** An origin and a path that ends with a slash. All requests are below it. */
  readonly url: string;
  /** The header whose value is the secret, or the access token. */
  readonly header: string;
  /** Whether the operator allows an address that is not public. */
  readonly internal: boolean;
  /** Where an access token comes from; undefined if the secret itself is sent. */
  readonly oauth?: OAuthClient | undefined;
}

/** A database of the deployment that all tenants share. It has no secret of the tenant's. */
export interface PostgresTarget {
  readonly kind: 'postgres';
  /** Its name in the setting `DATABASES`. */
  readonly database: string;
}

export type ConnectionTarget = HttpTarget | PostgresTarget;

/** The header of an access token (RFC 6750, section 2.1). */
export const HEADER_OF_TOKENS = 'Authorization';

export const CONNECTION_NAME = /^[a-z][a-z0-9_-]{0,31}$/;

/** A secret as it is stored: encrypted with a key of its own, which is encrypted with a key of the deployment. All of it base64url. */
export interface SealedSecret {
  /** Which key of the deployment. */
  readonly kid: string;
  readonly wrapIv: string;
  readonly wrappedKey: string;
  readonly iv: string;
  readonly data: string;
}

/** A secret that a host keeps elsewhere has the form that it is sent in. */
export type StoredSecret =
  | ({ readonly form: 'sealed' } & SealedSecret)
  | { readonly form: 'plain'; readonly value: string };

export interface StoredHttpConnection {
  readonly name: string;
  readonly target: HttpTarget;
  readonly secret: StoredSecret;
  /** Of a credential by OAuth, if there is one that has not ended. */
  readonly token?: StoredToken | undefined;
}

export interface StoredPostgresConnection {
  readonly name: string;
  readonly target: PostgresTarget;
}

export type StoredConnection = StoredHttpConnection | StoredPostgresConnection;

export const hasSecret = <Connection extends StoredConnection>(
  connection: Connection,
): connection is Connection & StoredHttpConnection => connection.target.kind === 'http';

/** A connection whose secret was encrypted for one tenant, or that has none. */
export type NewConnection =
  | {
      readonly name: string;
      readonly target: HttpTarget;
      readonly secret: SealedSecret;
      readonly instance: string;
    }
  | StoredPostgresConnection;

/** What is shown of a connection. */
export interface ConnectionInfo {
  readonly name: string;
  readonly target: ConnectionTarget;
  /** Which key has encrypted its secret; undefined if it has none. */
  readonly keyId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly changedAt: number;
  readonly breaker: 'closed' | 'open' | 'half_open';
}

/** Whether a call may use a connection. */
export type Gate =
  | { readonly admits: true; readonly isProbe: boolean }
  | { readonly admits: false; readonly reason: 'busy' | 'failing'; readonly retryAfterMs: number };

/** A connection as it is given to one call. */
export type ConnectionGrant = StoredConnection & {
  /** Which tenant it belongs to: an id that is never used again, also not for a tenant of the same name. */
  readonly instance: string;
  readonly gate: Gate;
};

/** What became of the requests that a call has sent through a connection. */
export interface ConnectionUse {
  readonly name: string;
  readonly succeeded: number;
  /** Those that failed, or took too long. */
  readonly failed: number;
}

export interface RewrapResult {
  readonly rewrapped: number;
  /** The names of those that no present key opens. They need their secret again. */
  readonly left: readonly string[];
}
