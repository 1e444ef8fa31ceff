import * as z from 'zod';
import type { ConnectionInfo, SealedSecret, StoredConnection } from '../contract/connection.ts';
import type { Database } from '../storage/database.ts';
import { type Breaker, CLOSED, stateOf } from './breaker.ts';

/** The most connections that a tenant can have. */
export const MAX_CONNECTIONS = 64;

const target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('http'), url: z.string(), header: z.string(), internal: z.boolean() }),
  z.strictObject({ kind: z.literal('postgres'), database: z.string() }),
]);
const secret = z.strictObject({
  kid: z.string(),
  wrapIv: z.string(),
  wrappedKey: z.string(),
  iv: z.string(),
  data: z.string(),
});

/** In the columns of a secret, where there is none. */
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
         changed_at = excluded.changed_at, opens = 0, open_until = 0
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

  /** Replaces the stored form of a secret, if nobody has changed it meanwhile. @returns whether it was replaced */
  replaceSecret(name: string, before: SealedSecret, after: SealedSecret): boolean {
    const replaced = this.#db.exec(
      'UPDATE connections SET secret = ?, key_id = ? WHERE name = ? AND secret = ? RETURNING name',
      JSON.stringify(after),
      after.kid,
      name,
      JSON.stringify(before),
    );
    return replaced.length > 0;
  }

  remove(name: string, now: number): ConnectionInfo | undefined {
    const [row] = this.#db.exec<Row>('DELETE FROM connections WHERE name = ? RETURNING *', name);
    return row && infoOf(row, now);
  }

  saveBreaker(name: string, { opens, openUntil }: Breaker): void {
    this.#db.exec('UPDATE connections SET opens = ?, open_until = ? WHERE name = ?', opens, openUntil, name);
  }
}

function connectionOf(row: Row): ConnectionRow {
  const { name } = row;
  const to = target.parse(JSON.parse(row.target));
  const breaker = { opens: row.opens, openUntil: row.open_until };
  return to.kind === 'postgres'
    ? { name, target: to, breaker }
    : { name, target: to, secret: { form: 'sealed', ...secret.parse(JSON.parse(row.secret)) }, breaker };
}

function infoOf(row: Row, now: number): ConnectionInfo {
  return {
    name: row.name,
    target: target.parse(JSON.parse(row.target)),
    keyId: row.key_id === NO_SECRET ? undefined : row.key_id,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    breaker: stateOf({ ...CLOSED, openUntil: row.open_until }, now).kind,
  };
}
