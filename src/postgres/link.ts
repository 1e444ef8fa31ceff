import type { Client, Connection, QueryConfig, QueryResult } from 'pg';
import { ToolError } from '../tools/errors.ts';
import type { SqlRow, SqlValue } from '../tools/sql.ts';
import { COLUMN_TYPES } from './values.ts';

/** What one statement may return. */
export const MAX_ROWS = 1000;
export const MAX_BYTES = 1_048_576;
const CONNECT_MS = 5000;

export interface Statement {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

/**
 * One connection to a database. Whatever is received is counted as it arrives, and the connection is destroyed when it
 * is more than a statement may return, so that a large result is neither kept in memory nor read to its end.
 */
export class Link {
  readonly #client: Client;
  readonly #connection: Connection;
  #bytes = 0;
  #rows = 0;
  #excess: ToolError | undefined;
  #lost = false;

  private constructor(client: Client) {
    this.#client = client;
    // The driver's types do not name this property, which is documented for listening to its messages.
    this.#connection = (client as Client & { readonly connection: Connection }).connection;
  }

  static async open(url: string, signal: AbortSignal): Promise<Link> {
    // Loaded when it is needed: a local server without databases starts sooner.
    const { Client } = await import('pg');
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      types: COLUMN_TYPES,
      // Statements are sent without waiting for the answer to the one before.
      pipeline: true,
    });
    const link = new Link(client);
    // Without a listener, the loss of an idle connection would end the process.
    client.on('error', () => link.destroy());
    signal.addEventListener('abort', () => link.destroy(), { once: true });
    await client.connect();
    link.#watch();
    signal.throwIfAborted();
    return link;
  }

  #watch(): void {
    this.#connection.stream.on('data', (chunk: Uint8Array) => {
      this.#bytes += chunk.byteLength;
      if (this.#bytes > MAX_BYTES) this.#refuse('The result is larger than 1 MiB. Ask for less.', MAX_BYTES);
    });
    this.#connection.on('rowDescription', () => {
      this.#rows = 0;
    });
    this.#connection.on('dataRow', () => {
      if (++this.#rows > MAX_ROWS)
        this.#refuse('The result has more than 1,000 rows. Ask for fewer.', MAX_ROWS);
    });
  }

  #refuse(message: string, limit: number): void {
    this.#excess ??= new ToolError('too_large', message, { limit });
    this.destroy();
  }

  /**
   * Sends statements in one go and waits for all of them.
   * @returns the rows of each
   * @throws the first error: ToolError `too_large`, or an error of the driver
   */
  async run(statements: readonly Statement[]): Promise<SqlRow[][]> {
    this.#bytes = 0;
    const sent = statements.map(({ text, values }) => {
      // Without this, the driver would send a text that has no parameters in a form that takes several statements.
      const extended: QueryConfig & { queryMode: 'extended' } = {
        text,
        values: [...values],
        queryMode: 'extended',
      };
      return this.#client.query<SqlRow>(extended);
    });
    return (await this.#settled(sent)).map(({ rows }) => rows);
  }

  /** Sends several constant statements as one text. @returns the row of the last one */
  async runScript(text: string): Promise<SqlRow | undefined> {
    this.#bytes = 0;
    const [results] = await this.#settled([this.#client.query<SqlRow>(text)]);
    return [results].flat().at(-1)?.rows[0];
  }

  async #settled(sent: readonly Promise<QueryResult<SqlRow>>[]): Promise<QueryResult<SqlRow>[]> {
    const ends = await Promise.allSettled(sent);
    const failed = ends.find((end) => end.status === 'rejected');
    if (this.#excess !== undefined) throw this.#excess;
    if (failed !== undefined) throw failed.reason;
    return ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  }

  /** True once the connection can run no further statement. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** `T` within a transaction, `E` within one that failed, `I` outside. */
  get transactionStatus(): string | null {
    return this.#client.getTransactionStatus();
  }

  /** Drops the connection at once. The server then cancels its statement and rolls back. */
  destroy(): void {
    this.#lost = true;
    this.#connection.stream.destroy();
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {});
  }
}
