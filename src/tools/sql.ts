/** A parameter of a statement. A list becomes an array of PostgreSQL; numbers must be finite. */
export type SqlValue = SqlScalar | readonly SqlScalar[];
export type SqlScalar = string | number | boolean | null;

/**
 * One row, by the names of its columns. `boolean`, `int2`, `int4`, `float4` and `float8` are what they are in
 * JavaScript, `json` and `jsonb` are parsed, `timestamptz` is RFC 3339 in UTC; everything else, `int8` and `numeric`
 * included, is the text of PostgreSQL. Check rows by a zod schema before you use them.
 */
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * Runs statements in a database that all tenants share, as the tenant of the call: its policies leave no other row to
 * be read or written, whatever the statement says.
 *
 * Each statement is one transaction, of at most 1,000 rows and 1 MiB, within the time that the
 * operator has set, and read-only unless the tool declares
 * that it writes. At most 100 statements run in a call, one after the other.
 *
 * @throws ToolError `too_large`, `invalid_input`, `forbidden` or `unavailable`, whose messages contain nothing of the
 * database
 * @example
 * ```ts
 * import * as z from 'zod';
 * import type { Sql } from './sql.ts';
 *
 * const tickets = z.array(z.strictObject({ id: z.string(), subject: z.string() }));
 *
 * async function openTickets(sql: Sql, limit: number) {
 *   return tickets.parse(await sql`SELECT id, subject FROM tickets WHERE status = 'open' LIMIT ${limit}`);
 * }
 * ```
 */
export interface Sql {
  /** Runs the statement. Each `${value}` is sent as a parameter and is never part of its text. */
  (text: TemplateStringsArray, ...values: SqlValue[]): Promise<SqlRow[]>;
  /** Runs a statement whose text the tool has put together, with its parameters `$1`, `$2` and so on. */
  query(text: string, values?: readonly SqlValue[]): Promise<SqlRow[]>;
}
