import * as z from 'zod';
import {
  CLIENT_AUTHENTICATIONS,
  OAUTH_GRANTS,
  type TokenLease,
  type TokenSettlement,
} from '../contract/access-token.ts';
import type { ConnectionInfo, SealedSecret, StoredConnection, StoredSecret } from '../contract/connection.ts';
import type { Database } from '../storage/database.ts';
import { type Breaker, CLOSED, stateOf } from './breaker.ts';
import { requestToken, settleToken, type TokenRequest, type TokenState } from './token-state.ts';

/** The most connections that a tenant can have. */
export const MAX_CONNECTIONS = 64;

const oauth = z.strictObject({
  grant: z.enum(OAUTH_GRANTS),
  tokenUrl: z.string(),
  clientId: z.string(),
  clientAuth: z.enum(CLIENT_AUTHENTICATIONS),
  keyId: z.string().optional(),
  scope: z.string().optional(),
  resource: z.string().optional(),
  audience: z.string().optional(),
});
const target = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('http'),
    url: z.string(),
    header: z.string(),
    internal: z.boolean(),
    oauth: oauth.optional(),
  }),
  z.strictObject({ kind: z.literal('postgres'), database: z.string() }),
]);
const secret = z.strictObject({
  kid: z.string(),
  wrapIv: z.string(),
  wrappedKey: z.string(),
  iv: z.string(),
  data: z.string(),
});

const tokens = z.strictObject({
  token: z
    .strictObject({
      id: z.string(),
      value: secret.extend({ form: z.literal('sealed') }),
      obtainedAt: z.number(),
      expiresAt: z.number(),
    })
    .optional(),
  lease: z.strictObject({ id: z.string(), until: z.number() }).optional(),
  refused: z.strictObject({ at: z.number(), error: z.string() }).optional(),
});

/** In the columns of a secret and of tokens, where there is none. */
const NO_SECRET = '';

type Row = {
  name: string;
  target: string;
  secret: string;
  key_id: string;
  created_at: number;
  changed_at: number;
  opens: number;
  open_until: number;
  tokens: string;
};

export type ConnectionRow = StoredConnection & {
  readonly breaker: Pick<Breaker, 'opens' | 'openUntil'>;
};

/** The connections of one tenant, as rows. */
export class ConnectionStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): ConnectionRow | undefined {
    const [row] = this.#db.exec<Row>('SELECT * FROM connections WHERE name = ?', name);
    return row && connectionOf(row);
  }

  all(): ConnectionRow[] {
    return this.#db.exec<Row>('SELECT * FROM connections ORDER BY name').map(connectionOf);
  }

  list(now: number): ConnectionInfo[] {
    return this.#db.exec<Row>('SELECT * FROM connections ORDER BY name').map((row) => infoOf(row, now));
  }

  /**
   * Creates or replaces a connection.
   * @param secret undefined for a kind that has none
   * @returns undefined when the tenant has as many as it can have
   */
  set(
    { name, target }: Pick<StoredConnection, 'name' | 'target'>,
    secret: SealedSecret | undefined,
    now: number,
  ) {
    const [known] = this.#db.exec('SELECT 1 AS known FROM connections WHERE name = ?', name);
    const [{ connections } = { connections: 0 }] = this.#db.exec<{ connections: number }>(
      'SELECT count(*) AS connections FROM connections',
    );
    if (known === undefined && connections >= MAX_CONNECTIONS) return undefined;
    const [row] = this.#db.exec<Row>(
      `INSERT INTO connections (name, target, secret, key_id, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET target = excluded.target, secret = excluded.secret, key_id = excluded.key_id,
         changed_at = excluded.changed_at, opens = 0, open_until = 0, tokens = ''
       RETURNING *`,
      name,
      JSON.stringify(target),
      secret === undefined ? NO_SECRET : JSON.stringify(secret),
      secret?.kid ?? NO_SECRET,
      now,
      now,
    );
    return row && infoOf(row, now);
  }

  /**
   * Replaces the stored form of a secret, if nobody has changed it meanwhile. Its access token is dropped, which the old key
   * may have encrypted; a renewal that is under way still counts. @returns whether it was replaced
   */
  replaceSecret(name: string, before: SealedSecret, after: SealedSecret): boolean {
    const replaced = this.#db.exec<Row>(
      'UPDATE connections SET secret = ?, key_id = ? WHERE name = ? AND secret = ? RETURNING *',
      JSON.stringify(after),
      after.kid,
      name,
      JSON.stringify(before),
    );
    for (const row of replaced)
      if (row.tokens !== NO_SECRET) this.#saveTokens(name, { ...stateOfTokens(row), token: undefined });
    return replaced.length > 0;
  }

  /** Gives a call the access token of a connection, or the right to renew it. */
  requestToken(name: string, asked: Omit<TokenRequest, 'secret'>): TokenLease {
    const [row] = this.#db.exec<Row>('SELECT * FROM connections WHERE name = ?', name);
    if (row === undefined || row.secret === NO_SECRET) return { kind: 'gone' };
    const { answer, next } = requestToken(stateOfTokens(row), { ...asked, secret: sealedOf(row) });
    if (next !== undefined) this.#saveTokens(name, next);
    return answer;
  }

  /**
   * Stores what a renewal has given: the token, and in the same statement the new refresh token.
   * @returns whether the lease was still good
   */
  settleToken(name: string, settlement: TokenSettlement, now: number): boolean {
    const [row] = this.#db.exec<Row>('SELECT * FROM connections WHERE name = ?', name);
    const next = row && settleToken(stateOfTokens(row), settlement, now);
    if (next === undefined) return false;
    const renewed = settlement.secret && requireSealed(settlement.secret);
    if (renewed === undefined) this.#saveTokens(name, next);
    else
      this.#db.exec(
        'UPDATE connections SET tokens = ?, secret = ?, key_id = ? WHERE name = ?',
        tokensText(next),
        JSON.stringify(renewed),
        renewed.kid,
        name,
      );
    return true;
  }

  #saveTokens(name: string, state: TokenState): void {
    this.#db.exec('UPDATE connections SET tokens = ? WHERE name = ?', tokensText(state), name);
  }

  remove(name: string, now: number): ConnectionInfo | undefined {
    const [row] = this.#db.exec<Row>('DELETE FROM connections WHERE name = ? RETURNING *', name);
    return row && infoOf(row, now);
  }

  saveBreaker(name: string, { opens, openUntil }: Breaker): void {
    this.#db.exec('UPDATE connections SET opens = ?, open_until = ? WHERE name = ?', opens, openUntil, name);
  }
}

const sealedOf = (row: Row): StoredSecret => ({ form: 'sealed', ...secret.parse(JSON.parse(row.secret)) });

function stateOfTokens(row: Row): TokenState {
  return row.tokens === NO_SECRET ? {} : tokens.parse(JSON.parse(row.tokens));
}

function tokensText(state: TokenState): string {
  if (state.token !== undefined) requireSealed(state.token.value);
  return JSON.stringify(state);
}

/** Nothing reaches this database that is not encrypted. */
function requireSealed(stored: StoredSecret): SealedSecret {
  if (stored.form === 'plain') throw new Error('a secret arrived that is not encrypted');
  const { form: _, ...sealed } = stored;
  return sealed;
}

function connectionOf(row: Row): ConnectionRow {
  const { name } = row;
  const to = target.parse(JSON.parse(row.target));
  const breaker = { opens: row.opens, openUntil: row.open_until };
  return to.kind === 'postgres'
    ? { name, target: to, breaker }
    : { name, target: to, secret: sealedOf(row), token: stateOfTokens(row).token, breaker };
}

function infoOf(row: Row, now: number): ConnectionInfo {
  return {
    name: row.name,
    target: target.parse(JSON.parse(row.target)),
    keyId: row.key_id === NO_SECRET ? undefined : row.key_id,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    breaker: stateOf({ ...CLOSED, opens: row.opens, openUntil: row.open_until }, now).kind,
  };
}
