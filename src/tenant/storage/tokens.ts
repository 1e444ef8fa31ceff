import { randomHex } from '../../telemetry/trace.ts';
import { ALL_SCOPES, type Scope } from '../../tools/families.ts';
import type { TokenId } from '../contract/call.ts';
import type { Person } from '../contract/sign-in.ts';
import type { Database } from './database.ts';

/** Tokens on one tenant's list. Expired and revoked ones are deleted when a new token needs the place. */
export const MAX_TOKENS = 1000;

export interface Token {
  readonly id: TokenId;
  readonly label: string;
  readonly scopes: Scope[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** Whether a member has granted it to a client; otherwise the operator has issued it. */
  readonly isGrant: boolean;
  /** When the client of a grant has refreshed it last; undefined for a grant that was not yet, and for an issued token. */
  readonly refreshedAt: number | undefined;
  /** The tools that it is held to; undefined for all that its scopes allow. */
  readonly tools: readonly string[] | undefined;
  /** The member whose own session in the console it is; undefined for everything else. */
  readonly person: Person | undefined;
  /** The id of the member at whose word it was issued or granted; undefined for the operator. */
  readonly member: string | undefined;
}

export interface NewToken {
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly ttlMs: number;
  readonly tools?: readonly string[] | undefined;
  /** Who issues it, by name; undefined for the operator. */
  readonly issuedBy?: string | undefined;
  readonly member?: string | undefined;
}

/** What is taken from a token. */
export interface Narrowing {
  readonly remove: readonly Scope[];
  /** The tools that it keeps; undefined: as they are. */
  readonly tools: readonly string[] | undefined;
}

/** Scopes to add to a token and to remove from it. */
export interface ScopeChange {
  readonly add: readonly Scope[];
  readonly remove: readonly Scope[];
}

interface TokenRow extends Record<string, string | number | null> {
  id: string;
  label: string;
  scopes: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
  tools: string | null;
  member: string | null;
}

const isScope = (text: string): text is Scope => ALL_SCOPES.some((scope) => scope === text);
const isLive = (token: Token, now: number) => token.revokedAt === null && now < token.expiresAt;

/** The grants of members, which are on the tenant's list like its tokens. */
export interface GrantedTokens {
  token(id: string): Token | undefined;
}

/**
 * The tenant's list of tokens: those that the operator has issued are read once, then answered from memory; grants are
 * looked up. All changes of issued tokens go through this class.
 */
export class TokenList {
  readonly #db: Database;
  readonly #grants: GrantedTokens;
  readonly #tokens = new Map<string, Token>();

  constructor(db: Database, grants: GrantedTokens) {
    this.#db = db;
    this.#grants = grants;
    for (const row of db.exec<TokenRow>('SELECT * FROM tokens ORDER BY created_at LIMIT ?', MAX_TOKENS)) {
      this.#tokens.set(row.id, {
        id: row.id as TokenId,
        label: row.label,
        scopes: row.scopes.split(' ').filter(isScope),
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
        isGrant: false,
        refreshedAt: undefined,
        tools: row.tools?.split(' '),
        person: undefined,
        member: row.member ?? undefined,
      });
    }
  }

  /** The token, if it is on the list, is not revoked and has not expired. */
  active(id: TokenId, now: number): Token | undefined {
    const token = this.find(id);
    return token !== undefined && isLive(token, now) ? token : undefined;
  }

  /** The token or grant, whatever its state is. */
  find(id: string): Token | undefined {
    return this.#tokens.get(id) ?? this.#grants.token(id);
  }

  /** The issued tokens. */
  list(): Token[] {
    return [...this.#tokens.values()];
  }

  /** The active tokens that were issued at the word of a member. */
  ofMember(member: string, now: number): Token[] {
    return this.list().filter((token) => token.member === member && isLive(token, now));
  }

  /** Adds a token; returns undefined when there are already 1,000 live tokens. */
  issue(options: NewToken, now: number): Token | undefined {
    if (this.#tokens.size >= MAX_TOKENS && !this.#dropOneDead(now)) return undefined;
    const token: Token = {
      id: randomHex(12) as TokenId,
      label: options.label,
      scopes: [...options.scopes],
      createdAt: now,
      // A JWT counts whole seconds (RFC 7519, NumericDate): the list and the JWT must expire at the same moment.
      expiresAt: Math.floor((now + options.ttlMs) / 1000) * 1000,
      revokedAt: null,
      isGrant: false,
      refreshedAt: undefined,
      tools: options.tools,
      person: undefined,
      member: options.member,
    };
    this.#db.exec(
      'INSERT INTO tokens (id, label, scopes, created_at, expires_at, revoked_at, issued_by, member) VALUES (?, ?, ?, ?, ?, NULL, ?, ?)',
      token.id,
      token.label,
      token.scopes.join(' '),
      token.createdAt,
      token.expiresAt,
      options.issuedBy ?? null,
      options.member ?? null,
    );
    if (token.tools !== undefined)
      this.#db.exec('UPDATE tokens SET tools = ? WHERE id = ?', token.tools.join(' '), token.id);
    this.#tokens.set(token.id, token);
    return token;
  }

  /** Revokes a token for good. Revoking an already revoked token keeps its original revocation time. */
  revoke(id: string, now: number): Token | undefined {
    const token = this.#tokens.get(id);
    if (token === undefined || token.revokedAt !== null) return token;
    const revoked = { ...token, revokedAt: now };
    this.#db.exec('UPDATE tokens SET revoked_at = ? WHERE id = ?', now, id);
    this.#tokens.set(id, revoked);
    return revoked;
  }

  /**
   * Replaces the scopes of a token that is active at `now`. Scopes that only another release knows stay in its row.
   * @returns the changed token, or undefined if no such token is active
   */
  setScopes(id: string, scopes: readonly Scope[], now: number): Token | undefined {
    const token = this.#tokens.get(id);
    if (token === undefined || !isLive(token, now)) return undefined;
    const [row] = this.#db.exec<{ scopes: string }>('SELECT scopes FROM tokens WHERE id = ?', id);
    const unknown = (row?.scopes ?? '').split(' ').filter((scope) => scope !== '' && !isScope(scope));
    const changed = { ...token, scopes: [...scopes] };
    this.#db.exec('UPDATE tokens SET scopes = ? WHERE id = ?', [...scopes, ...unknown].join(' '), id);
    this.#tokens.set(id, changed);
    return changed;
  }

  /** Holds an active token to these tools. @returns the changed token, or undefined if no such token is active */
  setTools(id: string, tools: readonly string[], now: number): Token | undefined {
    const token = this.#tokens.get(id);
    if (token === undefined || !isLive(token, now)) return undefined;
    const changed = { ...token, tools };
    this.#db.exec('UPDATE tokens SET tools = ? WHERE id = ?', tools.join(' '), id);
    this.#tokens.set(id, changed);
    return changed;
  }

  #dropOneDead(now: number): boolean {
    const dead = this.list().find((token) => !isLive(token, now));
    if (dead === undefined) return false;
    this.#db.exec('DELETE FROM tokens WHERE id = ?', dead.id);
    return this.#tokens.delete(dead.id);
  }
}
