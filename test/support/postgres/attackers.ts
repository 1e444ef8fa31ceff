import { Client, type Connection } from 'pg';
import { signClaim } from '../../../src/postgres/claim.ts';
import type { SharedDatabase } from '../../../src/postgres/databases.ts';
import { sqlState } from '../../../src/postgres/faults.ts';
import { openSql } from '../../../src/postgres/session.ts';
import { ToolError } from '../../../src/tools/errors.ts';
import type { Random } from '../fuzz/random.ts';
import type { Attacks, Place } from './attacks.ts';
import { never } from './calling.ts';

/** How an attempt ended: its rows in a fixed order, or its error. */
export type End = { readonly kind: 'rows' | 'failed'; readonly text: string };

/** Tools that paste their argument into SQL. */
const CARELESS: readonly (readonly [place: Place, statement: (argument: string) => string])[] = [
  ['text', (argument) => `SELECT id, subject FROM tickets WHERE subject = '${argument}'`],
  ['condition', (argument) => `SELECT id, subject FROM tickets WHERE status = 'open' AND ${argument}`],
  ['value', (argument) => `SELECT subject FROM tickets ORDER BY ${argument} LIMIT 10`],
  ['value', (argument) => `SELECT ${argument} AS value`],
  ['value', (argument) => `SELECT ${argument} AS value FROM tickets`],
  ['statement', (argument) => argument],
  [
    'text',
    (argument) => `UPDATE tickets SET subject = '${argument}' WHERE status = 'open' RETURNING subject`,
  ],
  ['value', (argument) => `INSERT INTO tickets (subject) VALUES (${argument}) RETURNING subject`],
  ['condition', (argument) => `DELETE FROM tickets WHERE ${argument} AND false RETURNING subject`],
];

/** The text that a careless tool sends for an argument. */
export function careless(random: Random, attacks: Attacks): string {
  const [place, statement] = random.pick(CARELESS);
  return statement(attacks.argument(place));
}

/** Where the calls of one tenant go. Each opens its connection anew after some statements, as each call does. */
export class Caller {
  readonly #open: () => ReturnType<typeof openSql>;
  #session: ReturnType<typeof openSql> | undefined;
  #left = 0;

  constructor(database: SharedDatabase, url: string, tenant: string, writes: boolean) {
    this.#open = () => openSql({ database, url, tenant, writes, signal: never, now: 0 });
  }

  async run(text: string): Promise<End> {
    if (this.#left-- === 0) {
      await this.close();
      this.#left = 90;
    }
    this.#session ??= this.#open();
    try {
      const rows = await this.#session.sql.query(text);
      return {
        kind: 'rows',
        text: rows
          .map((row) => JSON.stringify(row))
          .sort()
          .join('\n'),
      };
    } catch (cause) {
      const code = cause instanceof ToolError ? cause.code : 'internal';
      return { kind: 'failed', text: `${code}: ${cause}` };
    }
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }
}

/**
 * Somebody who has a session of the login to himself once a tenant is signed in, which no tool has. Statements go by the
 * protocol that takes several in one text. Whatever the server sends is kept: rows, notices, errors, copied data.
 */
export class Intruder {
  readonly #url: string;
  readonly #database: SharedDatabase;
  readonly #tenant: string;
  #client: Client | undefined;
  received = '';

  constructor(url: string, database: SharedDatabase, tenant: string) {
    this.#url = url;
    this.#database = database;
    this.#tenant = tenant;
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client({ connectionString: this.#url });
    client.on('error', () => {});
    client.on('notice', (notice) => {
      this.received += JSON.stringify(notice) + notice.message;
    });
    await client.connect();
    const { connection } = client as Client & { readonly connection: Connection };
    connection.on('copyData', ({ chunk }: { chunk: Buffer }) => {
      this.received += chunk.toString();
    });
    this.#client = client;
    return client;
  }

  /** Signs the tenant in to a transaction. @returns the claim */
  async signIn(): Promise<string> {
    const client = await this.#connected();
    const { rows } = await client
      .query(
        `BEGIN; RESET search_path; SET LOCAL statement_timeout = 500; SELECT pg_backend_pid() AS pid, current_database() AS database, (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint::text AS started`,
      )
      .then((results) => [results].flat().at(-1) ?? { rows: [] });
    const claim = signClaim(this.#database.key, this.#tenant, rows[0]);
    await client.query("SELECT set_config('bulkhead.claim', $1, true)", [claim]);
    return claim;
  }

  /** Runs statements one after the other, whatever becomes of each. @returns how many succeeded */
  async attempt(statements: readonly string[]): Promise<number> {
    let succeeded = 0;
    try {
      await this.signIn();
      for (const text of statements) {
        try {
          const results = await this.#client?.query(text);
          this.received += JSON.stringify([results].flat().map((result) => result?.rows));
          succeeded++;
        } catch (cause) {
          this.received += `${cause} ${JSON.stringify(cause)}`;
          // A lost connection: the session is gone.
          if (sqlState(cause) === undefined || String(sqlState(cause)).startsWith('57P')) throw cause;
          // A failed transaction takes no further statement, so the next one gets another.
          await this.#client?.query('ROLLBACK');
          await this.signIn();
        }
      }
      await this.#client?.query('COMMIT');
    } catch {
      await this.close();
    }
    return succeeded;
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }
}
