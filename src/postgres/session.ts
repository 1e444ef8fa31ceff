import { ToolError } from '../tools/errors.ts';
import type { Sql, SqlRow, SqlValue } from '../tools/sql.ts';
import { requireSafe } from './check.ts';
import type { LocatedDatabase } from './databases.ts';
import { toolFault } from './faults.ts';
import { Link, type Statement } from './link.ts';
import { handlesRows } from './statement.ts';
import { type SignedIn, transact } from './transaction.ts';
import { requireSqlValues } from './values.ts';

/** How much longer than a statement may run its connection is kept, for a server that does not stop it. */
const GRACE_MS = 5000;
/** Statements of one call. */
const MAX_STATEMENTS = 100;

/** A call of one tenant. `tenant` contains no colon. */
export interface SqlCall extends Pick<SignedIn, 'tenant' | 'writes'> {
  /** The end of the call. */
  readonly signal: AbortSignal;
  /** The time in milliseconds, which limits how long a check of the database is believed. */
  readonly now: number;
}

/** Gives `sql` to one call; what a connection of kind postgres leads to. */
export type OpenSql = (call: SqlCall) => SqlOfCall;

type SqlSessionOptions = SqlCall & LocatedDatabase;

/** How calls use a database. */
export const openerOf =
  (located: LocatedDatabase): OpenSql =>
  (call) =>
    openSql({ ...located, ...call });

export interface SqlOfCall {
  readonly sql: Sql;
  /** How many statements the database has answered, and how many found it slow or away. */
  outcomes(): { readonly succeeded: number; readonly failed: number };
  /** Closes the connection when the call has ended. */
  close(): Promise<void>;
}

/** `sql` by what runs a statement. */
export function sqlOf(query: Sql['query']): Sql {
  const template = (texts: TemplateStringsArray, ...values: SqlValue[]) =>
    query(
      texts.reduce((text, part, index) => `${text}$${index}${part}`),
      values,
    );
  return Object.assign(template, { query });
}

/**
 * Gives a call `sql` on a shared database.
 *
 * Guarantees: every statement runs in a transaction of its own, which is signed in as the tenant and in which nothing is
 * left of what others did on the same session. The tool has no other way to the connection. The connection is opened
 * with the first statement and belongs to the call. A database that fails its check is not used.
 *
 * @returns `sql` for the tool, and what the platform needs besides
 */
export function openSql(options: SqlSessionOptions): SqlOfCall {
  const session = new SqlSession(options);
  return {
    sql: sqlOf((text, values = []) => session.enqueue({ text, values })),
    outcomes: () => session.outcomes,
    close: () => session.close(),
  };
}

class SqlSession {
  readonly #options: SqlSessionOptions;
  #link: Promise<Link> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #statements = 0;
  #closed = false;
  #succeeded = 0;
  #failed = 0;

  constructor(options: SqlSessionOptions) {
    this.#options = options;
  }

  /** Runs the statement after those that were sent before it. */
  enqueue(statement: Statement): Promise<SqlRow[]> {
    if (++this.#statements > MAX_STATEMENTS)
      return Promise.reject(new Error(`a call can run at most ${MAX_STATEMENTS} statements`));
    const run = this.#last.then(() => this.#run(statement));
    this.#last = run.catch(() => {});
    return run;
  }

  async #run(statement: Statement): Promise<SqlRow[]> {
    if (this.#closed) throw new Error('a statement was sent after the end of its call');
    if (!handlesRows(statement.text) || statement.text.includes('\0'))
      throw new Error(
        'a statement must begin with SELECT, WITH, VALUES, TABLE, INSERT, UPDATE, DELETE or MERGE, and must not contain U+0000',
      );
    const values = requireSqlValues(statement.values);
    const { timeoutMs } = this.#options.database;
    try {
      const link = await this.#connected();
      const rows = await withTimer(link, timeoutMs, () =>
        transact(link, this.#options, { text: statement.text, values }),
      );
      this.#succeeded++;
      return rows;
    } catch (cause) {
      const fault = toolFault(cause);
      if (fault instanceof ToolError && fault.code === 'unavailable') this.#failed++;
      else this.#succeeded++;
      throw fault;
    }
  }

  get outcomes() {
    return { succeeded: this.#succeeded, failed: this.#failed };
  }

  /** The connection of this call: the same one until it is lost. */
  async #connected(): Promise<Link> {
    if ((await this.#link)?.isLost) this.#link = undefined;
    return this.#open();
  }

  #open(): Promise<Link> {
    const { url, signal, database, now } = this.#options;
    this.#link ??= Link.open(url, signal).then(async (link) => {
      try {
        await withTimer(link, database.timeoutMs, () => requireSafe(link, database.name, url, now));
        return link;
      } catch (cause) {
        link.destroy();
        throw cause;
      }
    });
    return this.#link;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    await link?.close();
  }
}

/** Destroys the connection when the server has not answered in time. */
async function withTimer<T>(link: Link, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => link.destroy(), timeoutMs + GRACE_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
