import type { SqlRow } from '../tools/sql.ts';
import { signClaim, type Transaction } from './claim.ts';
import type { SharedDatabase } from './databases.ts';
import { DatabaseFault } from './faults.ts';
import type { Link, Statement } from './link.ts';

/** Whose transaction it is, and whether it may write. */
export interface SignedIn {
  readonly database: SharedDatabase;
  readonly tenant: string;
  readonly writes: boolean;
}

const COMMIT: Statement = { text: 'COMMIT', values: [] };
const ROLLBACK: Statement = { text: 'ROLLBACK', values: [] };
const SIGN_IN = "SELECT pg_catalog.set_config('bulkhead.claim', $1, true)";

/**
 * Runs one statement in a transaction that is signed in as the tenant.
 * @returns its rows, once the transaction has ended
 * @throws ToolError `too_large`, an error of the driver, or DatabaseFault if the statement has left its transaction
 */
export async function transact(link: Link, signedIn: SignedIn, statement: Statement): Promise<SqlRow[]> {
  const { database, tenant, writes } = signedIn;
  const begun = await link.runScript(begin(writes, database.timeoutMs));
  const signIn = { text: SIGN_IN, values: [signClaim(database.key, tenant, transactionOf(begun))] };
  try {
    return writes ? await write(link, [signIn, statement]) : await read(link, [signIn, statement]);
  } catch (cause) {
    // A connection that was lost rolls back by itself.
    if (!link.isLost && link.transactionStatus !== 'I')
      await link.run([ROLLBACK]).catch(() => link.destroy());
    throw cause;
  }
}

/** Nothing is committed: a setting that the statement made for its session is undone as well. */
async function read(link: Link, statements: readonly Statement[]): Promise<SqlRow[]> {
  const [, rows = []] = await link.run([...statements, ROLLBACK]);
  requireStatus(link, 'I');
  return rows;
}

async function write(link: Link, statements: readonly Statement[]): Promise<SqlRow[]> {
  const [, rows = []] = await link.run(statements);
  requireStatus(link, 'T');
  await link.run([COMMIT]);
  requireStatus(link, 'I');
  return rows;
}

/**
 * Begins a transaction, and resets what earlier ones may have left: behind a pool, the session served other tenants.
 * DISCARD ALL does the same, but not within a transaction, and outside it a pool may send it to another session.
 */
const begin = (writes: boolean, timeoutMs: number) => `
  BEGIN ISOLATION LEVEL READ COMMITTED ${writes ? 'READ WRITE' : 'READ ONLY'};
  RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;
  CLOSE ALL; DEALLOCATE ALL; UNLISTEN *; DISCARD SEQUENCES;
  SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL row_security = on;
  SELECT pg_catalog.pg_advisory_unlock_all();
  SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_database() AS database,
    (extract(epoch FROM pg_catalog.transaction_timestamp()) * 1000000)::pg_catalog.int8 AS started`;

function transactionOf(row: SqlRow | undefined): Transaction {
  const { pid, database, started } = row ?? {};
  if (typeof pid === 'number' && typeof database === 'string' && typeof started === 'string')
    return { pid, database, started };
  throw new DatabaseFault('the database did not describe the transaction');
}

/** A statement that ended its transaction, or a transaction that stayed open, must not be followed by another. */
function requireStatus(link: Link, expected: 'I' | 'T'): void {
  if (link.transactionStatus === expected) return;
  link.destroy();
  throw new DatabaseFault('a transaction did not end where it had to');
}
