import { randomBytes, timingSafeEqual } from 'node:crypto';
import { fail, type Result, succeed } from '../../result.ts';
import { randomHex } from '../../telemetry/trace.ts';
import type { Scope } from '../../tools/tool.ts';
import type { TokenId } from '../contract/call.ts';
import type {
  CodeRedemption,
  ConsoleSession,
  Grant,
  GrantKind,
  GrantProblem,
  GrantRequest,
  GrantSecret,
  Issued,
  Member,
  Person,
  RefreshRequest,
} from '../contract/sign-in.ts';
import type { Database } from '../storage/database.ts';
import type { Token } from '../storage/tokens.ts';
import {
  codeSecret,
  type GrantRow,
  grantOf,
  issuedOf,
  personOf,
  refreshSecret,
  scopesOf,
  toolsOf,
} from './grant-rows.ts';

const DAY_MS = 86_400_000;

/** Live grants of one member to clients, and sessions in the console. One more ends the oldest of its kind. */
export const MAX_GRANTS_PER_MEMBER = 50;
export const MAX_SESSIONS_PER_MEMBER = 8;
const MOST: Readonly<Record<GrantKind, number>> = {
  client: MAX_GRANTS_PER_MEMBER,
  console: MAX_SESSIONS_PER_MEMBER,
};
/** Rows of one member, with those of grants that have ended. */
const MAX_ROWS_PER_MEMBER = 100;
/** How long an authorization code can be redeemed. */
export const CODE_MS = 60_000;
/** How long a grant lives without being refreshed, and at most. */
export const GRANT_IDLE_MS = 30 * DAY_MS;
export const GRANT_MS = 365 * DAY_MS;
/** How long a member stays signed in to the console, at most. */
export const SESSION_MS = 12 * 3_600_000;
/** How long a refresh token may be used again after its successor was made, and how often, always for the same successor. */
export const REFRESH_GRACE_MS = 120_000;
export const MAX_REFRESH_RETRIES = 50;
/** How long an ended grant is remembered, so that a replay is told from a forgery in the log. */
const REMEMBER_MS = DAY_MS;
/** Grants that the operator is shown at once. */
export const MAX_LISTED = 1000;
/** Grants in memory. */
const MAX_CACHED = 1000;

const LIVE = 'ended_at IS NULL AND expires_at > ?1 AND (redeemed_at IS NOT NULL OR code_expires_at > ?1)';

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/**
 * What members have granted to clients. Each grant is one entry on the tenant's list of tokens: its id is the `jti` of all
 * access tokens that are issued for it.
 *
 * Guarantees, each by one transaction: a code is redeemed once, and its second use ends the grant; a refresh token has one
 * successor, whatever number of requests ask for it at once; a refresh token older than the predecessor of the newest, or
 * the predecessor after the grace, ends the grant.
 */
export class Grants {
  readonly #db: Database;
  readonly #cached = new Map<string, Token>();
  #ended: TokenId[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** The grants that have ended since the last time: whoever holds a stream or a session of them loses it. */
  takeEnded(): TokenId[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /** Stores a grant whose client has yet to redeem the code. @returns what the code is made from */
  open(request: GrantRequest, member: Member, scopes: readonly Scope[], now: number): GrantSecret {
    return this.#db.transaction(() => {
      this.#makeRoom(member.id, 'client', now);
      const id = randomHex(12);
      const endsAt = Math.min(now + GRANT_MS, member.expiresAt ?? Number.MAX_SAFE_INTEGER);
      this.#db.exec(
        `INSERT INTO grants (id, member_id, client_digest, client_name, client_host, redirect_uri, challenge, scopes, tools,
           seed, created_at, code_expires_at, expires_at, ends_at, forget_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        id,
        member.id,
        request.client.digest,
        request.client.name,
        request.client.host,
        request.redirectUri,
        request.challenge,
        scopes.join(' '),
        request.tools?.join(' ') ?? null,
        randomBytes(32).toString('hex'),
        now,
        now + CODE_MS,
        Math.min(now + GRANT_IDLE_MS, endsAt),
        endsAt,
        now + CODE_MS + REMEMBER_MS,
      );
      const row = this.#row(id);
      if (row === undefined) throw new Error('the grant was not stored');
      return { grant: id as TokenId, secret: codeSecret(row) };
    });
  }

  /**
   * Opens a session in the console. It has every scope of the member, and no code or refresh token: no client has its secrets.
   */
  openSession(member: Member, now: number): ConsoleSession {
    return this.#db.transaction(() => {
      this.#makeRoom(member.id, 'console', now);
      const id = randomHex(12) as TokenId;
      const endsAt = Math.min(now + SESSION_MS, member.expiresAt ?? Number.MAX_SAFE_INTEGER);
      // A JWT counts whole seconds: the row and the session's cookie must end at the same moment.
      const expiresAt = Math.floor(endsAt / 1000) * 1000;
      this.#db.exec(
        `INSERT INTO grants (id, member_id, kind, client_digest, client_name, client_host, redirect_uri, challenge, scopes, seed,
           created_at, code_expires_at, redeemed_at, rotated_at, expires_at, ends_at, forget_at)
         VALUES (?, ?, 'console', '', ?, '', '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        id,
        member.id,
        member.name,
        member.scopes.join(' '),
        randomBytes(32).toString('hex'),
        now,
        now,
        now,
        now,
        expiresAt,
        expiresAt,
        expiresAt + REMEMBER_MS,
      );
      return { id, person: { member: member.id, name: member.name }, expiresAt };
    });
  }

  /** Redeems a code. A wrong verifier does not use the code up. */
  redeem(asked: CodeRedemption, now: number): Result<Issued, GrantProblem> {
    return this.#db.transaction(() => {
      const row = this.#row(asked.grant);
      if (row === undefined || !isSame(asked.secret, codeSecret(row))) return fail('unknown');
      if (row.redeemed_at !== null) {
        this.#end(row, now);
        return fail('replayed');
      }
      if (row.ended_at !== null) return fail('ended');
      if (now >= row.code_expires_at || now >= row.ends_at) return fail('expired');
      if (row.client_digest !== asked.clientDigest) return fail('other_client');
      if (asked.redirectUri !== undefined && asked.redirectUri !== row.redirect_uri)
        return fail('other_redirect_uri');
      if (!isSame(asked.challenge, row.challenge)) return fail('wrong_verifier');
      this.#db.exec('UPDATE grants SET redeemed_at = ? WHERE id = ?', now, row.id);
      return succeed(this.#issue(row, 0, now));
    });
  }

  refresh(asked: RefreshRequest, now: number): Result<Issued, GrantProblem> {
    return this.#db.transaction(() => {
      const row = this.#row(asked.grant);
      if (row === undefined || !isSame(asked.secret, refreshSecret(row, asked.generation)))
        return fail('unknown');
      if (row.ended_at !== null || row.redeemed_at === null) return fail('ended');
      if (now >= row.expires_at) return fail('expired');
      if (row.client_digest !== asked.clientDigest) return fail('other_client');
      if (asked.generation === row.generation) return succeed(this.#issue(row, row.generation + 1, now));
      const isPredecessor = asked.generation === row.generation - 1;
      // A clock that has stepped back must not make an old token good until it is where it was.
      if (!isPredecessor || Math.abs(now - row.rotated_at) >= REFRESH_GRACE_MS) {
        this.#end(row, now);
        return fail('replayed');
      }
      if (row.retries >= MAX_REFRESH_RETRIES) return fail('too_many_retries');
      this.#db.exec('UPDATE grants SET retries = retries + 1 WHERE id = ?', row.id);
      return succeed({ ...issuedOf(row, row.generation), repeated: true });
    });
  }

  /** Ends a grant; undefined when there is none. Ending it again changes nothing. */
  end(id: string, now: number, clientDigest?: string): Grant | undefined {
    const row = this.#row(id);
    if (row === undefined || (clientDigest !== undefined && row.client_digest !== clientDigest))
      return undefined;
    this.#end(row, now);
    return grantOf({ ...row, ended_at: row.ended_at ?? now });
  }

  /** Ends a session in the console; anything else is left as it is. @returns whose it was */
  endSession(id: string, now: number): Person | undefined {
    const row = this.#row(id);
    const person = row && personOf(row);
    if (row !== undefined && person !== undefined) this.#end(row, now);
    return person;
  }

  /** Ends the sessions in the console of a member who got a new key, or of every member. */
  endSessions(now: number, member?: string): void {
    this.#db.transaction(() => {
      const sessions = this.#db.exec<GrantRow>(
        `SELECT * FROM grants WHERE kind = 'console' AND ended_at IS NULL AND expires_at > ?1 AND (?2 IS NULL OR member_id = ?2)`,
        now,
        member ?? null,
      );
      for (const row of sessions) this.#end(row, now);
    });
  }

  /** Ends a grant for the operator, who sees it as a token. */
  revoke(id: string, now: number): Token | undefined {
    this.end(id, now);
    return this.token(id);
  }

  /** Ends the grants of a member who is removed. */
  endOf(member: string, now: number): void {
    this.#db.transaction(() => {
      for (const row of this.#rowsOf(member)) this.#end(row, now);
    });
  }

  /** The grants that live at `now`, of all members or of one, each member's newest last. */
  list(now: number, member?: string): Grant[] {
    return this.#db
      .exec<GrantRow>(
        `SELECT * FROM grants WHERE ${LIVE} AND redeemed_at IS NOT NULL AND (?2 IS NULL OR member_id = ?2)
         ORDER BY member_id, created_at LIMIT ?3`,
        now,
        member ?? null,
        MAX_LISTED,
      )
      .map(grantOf);
  }

  /** The grant as an entry on the tenant's list of tokens, if its code was redeemed. */
  token(id: string): Token | undefined {
    const known = this.#cached.get(id);
    if (known !== undefined) return known;
    const row = this.#row(id);
    if (row === undefined || row.redeemed_at === null) return undefined;
    const token: Token = {
      id: id as TokenId,
      label: row.client_name,
      scopes: scopesOf(row),
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      revokedAt: row.ended_at,
      isGrant: true,
      refreshedAt: row.generation === 0 ? undefined : row.rotated_at,
      tools: toolsOf(row),
      person: personOf(row),
      member: row.member_id,
    };
    const [oldest] = this.#cached.keys();
    if (this.#cached.size >= MAX_CACHED && oldest !== undefined) this.#cached.delete(oldest);
    this.#cached.set(id, token);
    return token;
  }

  #issue(row: GrantRow, generation: number, now: number): Issued {
    const expiresAt = Math.min(now + GRANT_IDLE_MS, row.ends_at);
    this.#db.exec(
      `UPDATE grants SET generation = ?, rotated_at = ?, retries = 0, expires_at = ?, forget_at = ? WHERE id = ?`,
      generation,
      now,
      expiresAt,
      expiresAt + REMEMBER_MS,
      row.id,
    );
    this.#cached.delete(row.id);
    return issuedOf({ ...row, expires_at: expiresAt }, generation);
  }

  #end(row: GrantRow, now: number): void {
    if (row.ended_at !== null) return;
    this.#db.exec(
      'UPDATE grants SET ended_at = ?, forget_at = ? WHERE id = ?',
      now,
      now + REMEMBER_MS,
      row.id,
    );
    this.#cached.delete(row.id);
    this.#ended.push(row.id as TokenId);
  }

  /** Ends the oldest live grants of a member who has too many, and forgets dead ones beyond the bound of rows. */
  #makeRoom(member: string, kind: GrantKind, now: number): void {
    const live = this.#db.exec<GrantRow>(
      `SELECT * FROM grants WHERE member_id = ?2 AND ${LIVE} ORDER BY created_at`,
      now,
      member,
    );
    const alike = live.filter((row) => row.kind === kind);
    for (const row of alike.slice(0, Math.max(0, alike.length - MOST[kind] + 1))) this.#end(row, now);
    const rows = this.#rowsOf(member);
    const dead = rows.filter(({ id }) => !live.some((row) => row.id === id));
    for (const { id } of dead.slice(0, Math.max(0, rows.length - MAX_ROWS_PER_MEMBER + 1)))
      this.#db.exec('DELETE FROM grants WHERE id = ?', id);
  }

  #rowsOf(member: string): GrantRow[] {
    return this.#db.exec<GrantRow>('SELECT * FROM grants WHERE member_id = ? ORDER BY created_at', member);
  }

  #row(id: string): GrantRow | undefined {
    const [row] = this.#db.exec<GrantRow>('SELECT * FROM grants WHERE id = ?', id);
    return row;
  }
}

/** Deletes grants that have ended long enough ago. */
export function sweepGrants(db: Pick<Database, 'exec'>, now: number, limit: number): number {
  return db.exec<{ id: string }>(
    'DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE forget_at <= ? LIMIT ?) RETURNING id',
    now,
    limit,
  ).length;
}
