import { createHash, randomBytes } from 'node:crypto';
import { randomHex } from '../../telemetry/trace.ts';
import { ALL_SCOPES, type Scope } from '../../tools/tool.ts';
import type { KeyedMember, Member, MemberProof, SignedIn } from '../contract/sign-in.ts';
import type { Database } from '../storage/database.ts';

/** Members of one tenant. Those whose membership has expired count until they are removed. */
export const MAX_MEMBERS = 1000;

const SECRET_BYTES = 32;

export interface NewMember {
  readonly name: string;
  readonly identity?: string | undefined;
  readonly scopes: readonly Scope[];
  readonly ttlMs?: number | undefined;
}

interface MemberRow extends Record<string, string | number | null> {
  id: string;
  name: string;
  identity: string | null;
  scopes: string;
  key_digest: string;
  created_at: number;
  expires_at: number | null;
}

const digestOf = (secret: string) => createHash('sha256').update(secret).digest('hex');
const newSecret = () => randomBytes(SECRET_BYTES).toString('base64url');
const isScope = (text: string): text is Scope => ALL_SCOPES.some((scope) => scope === text);

const memberOf = (row: MemberRow): Member => ({
  id: row.id,
  name: row.name,
  identity: row.identity ?? undefined,
  scopes: row.scopes.split(' ').filter(isScope),
  keyId: row.key_digest.slice(0, 12),
  createdAt: row.created_at,
  expiresAt: row.expires_at ?? undefined,
});

/** The people who may sign in to one tenant. */
export class Members {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Adds a member; returns `full`, or `taken` when another member has the same identity. */
  add({ name, identity, scopes, ttlMs }: NewMember, now: number): KeyedMember | 'full' | 'taken' {
    const [{ members } = { members: 0 }] = this.#db.exec<{ members: number }>(
      'SELECT count(*) AS members FROM members',
    );
    if (members >= MAX_MEMBERS) return 'full';
    if (identity !== undefined && this.#hasIdentity(identity)) return 'taken';
    const id = randomHex(8);
    const secret = newSecret();
    this.#db.exec(
      `INSERT INTO members (id, name, identity, scopes, key_digest, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      name,
      identity ?? null,
      scopes.join(' '),
      digestOf(secret),
      now,
      ttlMs === undefined ? null : now + ttlMs,
    );
    const member = this.find(id);
    if (member === undefined) throw new Error('the member was not stored');
    return { member, secret };
  }

  list(): Member[] {
    return this.#db
      .exec<MemberRow>('SELECT * FROM members ORDER BY created_at, id LIMIT ?', MAX_MEMBERS)
      .map(memberOf);
  }

  find(id: string): Member | undefined {
    const row = this.#row(id);
    return row === undefined ? undefined : memberOf(row);
  }

  /** The member who has signed in elsewhere, under the first of these names that is a member's. */
  withIdentity(identities: readonly string[], now: number): SignedIn | undefined {
    for (const identity of identities) {
      const [row] = this.#db.exec<MemberRow>('SELECT * FROM members WHERE identity = ?', identity);
      const signedIn = row && this.signedIn({ member: row.id, keyDigest: row.key_digest }, now);
      if (signedIn !== undefined) return signedIn;
    }
    return undefined;
  }

  /** The accounts at the OpenID provider under which members sign in. */
  identities(): string[] {
    return this.#db
      .exec<{ identity: string }>(
        'SELECT identity FROM members WHERE identity IS NOT NULL ORDER BY identity LIMIT ?',
        MAX_MEMBERS,
      )
      .map(({ identity }) => identity);
  }

  #hasIdentity(identity: string): boolean {
    return this.#db.exec('SELECT 1 FROM members WHERE identity = ?', identity).length > 0;
  }

  /** Replaces the member's sign-in key; whoever has signed in with the old one is signed out. */
  renewKey(id: string): KeyedMember | undefined {
    const secret = newSecret();
    this.#db.exec('UPDATE members SET key_digest = ? WHERE id = ?', digestOf(secret), id);
    const member = this.find(id);
    return member === undefined ? undefined : { member, secret };
  }

  remove(id: string): Member | undefined {
    const member = this.find(id);
    this.#db.exec('DELETE FROM members WHERE id = ?', id);
    return member;
  }

  /** The member who signs in with a key. Digests are compared, so the time of it tells nothing about the secret. */
  withKey(id: string, secret: string, now: number): SignedIn | undefined {
    return this.signedIn({ member: id, keyDigest: digestOf(secret) }, now);
  }

  /** The member of a proof that is still good. */
  signedIn({ member: id, keyDigest }: MemberProof, now: number): SignedIn | undefined {
    const row = this.#row(id);
    if (row === undefined || row.key_digest !== keyDigest) return undefined;
    if (row.expires_at !== null && now >= row.expires_at) return undefined;
    const { name, scopes } = memberOf(row);
    return { proof: { member: id, keyDigest }, name, scopes };
  }

  #row(id: string): MemberRow | undefined {
    const [row] = this.#db.exec<MemberRow>('SELECT * FROM members WHERE id = ?', id);
    return row;
  }
}
