import type { Scope } from '../../tools/tool.ts';
import type { TokenId } from './call.ts';

/** What the edge and a tenant tell each other about members and the grants that they give to clients. */

/** A person who may sign in to a tenant. */
export interface Member {
  readonly id: string;
  readonly name: string;
  /** How the account at the OpenID provider is recognised, such as `email ann@example.com`; undefined for none. */
  readonly identity: string | undefined;
  readonly scopes: readonly Scope[];
  /** Tells the member's keys apart, and nothing about them. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** undefined: the membership does not end by itself. */
  readonly expiresAt: number | undefined;
}

/** A member who was removed, and the tokens that were issued at the word of that member and were active. */
export interface RemovedMember {
  readonly member: Member;
  readonly tokens: readonly { readonly id: TokenId; readonly label: string }[];
  /** Whether the tokens were kept; otherwise they are revoked. */
  readonly keptTokens: boolean;
}

/** A member with a new sign-in key. The secret is part of the key, and is not stored. */
export interface KeyedMember {
  readonly member: Member;
  readonly secret: string;
}

/** Proof that a browser has signed in as a member. It ends when the member gets a new key or is removed. */
export interface MemberProof {
  readonly member: string;
  readonly keyDigest: string;
}

export interface SignedIn {
  readonly proof: MemberProof;
  readonly name: string;
  readonly scopes: readonly Scope[];
}

/**
 * A member who acts in person, in their own session in the console. The only way to be one: neither a token that was issued nor
 * what a member has granted to a client, however much it may do, is a person.
 */
export interface Person {
  /** The id of the member. */
  readonly member: string;
  readonly name: string;
}

/** A session of a member in the console: a grant that no client has. */
export interface ConsoleSession {
  readonly id: TokenId;
  readonly person: Person;
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Why a tenant does not let a member sign in. */
export type SignInRefusal = 'unknown_member' | 'suspended' | 'unavailable';

/** The client that asks for a grant. */
export interface GrantClient {
  /** SHA-256 of the client id, in hex. */
  readonly digest: string;
  readonly name: string;
  /** The host that is responsible for the client: of its metadata document, or of its redirect URI. */
  readonly host: string;
}

export interface GrantRequest {
  readonly proof: MemberProof;
  readonly client: GrantClient;
  readonly redirectUri: string;
  /** The PKCE code challenge (RFC 7636, method S256). */
  readonly challenge: string;
  /** The scopes that the member has ticked; those of the member are granted. */
  readonly scopes: readonly Scope[];
  /** The tools that the member has ticked; undefined for all that the scopes allow. */
  readonly tools: readonly string[] | undefined;
}

/** A secret of a grant: part of an authorization code or of a refresh token. */
export interface GrantSecret {
  readonly grant: TokenId;
  readonly secret: string;
}

export interface CodeRedemption extends GrantSecret {
  readonly clientDigest: string;
  /** The redirect URI that the client repeats, if it does. */
  readonly redirectUri: string | undefined;
  readonly challenge: string;
}

export interface RefreshRequest extends GrantSecret {
  readonly clientDigest: string;
  readonly generation: number;
}

/** What a token response is made from. */
export interface Issued {
  readonly scopes: readonly Scope[];
  /** When the grant ends unless it is refreshed. */
  readonly expiresAt: number;
  /** The refresh token's number and secret. */
  readonly generation: number;
  readonly secret: string;
  /** Whether the same refresh token had been used before, within the grace. */
  readonly repeated: boolean;
}

/** Why a code or a refresh token is refused, for the log; the client is told `invalid_grant` alone. */
export type GrantProblem =
  | 'unknown'
  | 'ended'
  | 'expired'
  | 'replayed'
  | 'too_many_retries'
  | 'other_client'
  | 'other_redirect_uri'
  | 'wrong_verifier';

export type GrantRefusal =
  | { readonly reason: 'invalid_grant'; readonly problem: GrantProblem }
  | { readonly reason: 'suspended' | 'unavailable' };

export type GrantKind = 'client' | 'console';

/** A grant as the operator sees it. */
export interface Grant {
  readonly id: TokenId;
  /** For a client, or the member's own session in the console. */
  readonly kind: GrantKind;
  readonly member: string;
  readonly clientName: string;
  readonly clientHost: string;
  readonly scopes: readonly Scope[];
  /** The tools that it is held to; undefined for all that its scopes allow. */
  readonly tools: readonly string[] | undefined;
  readonly createdAt: number;
  /** When its client last fetched a token. */
  readonly refreshedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | undefined;
}
