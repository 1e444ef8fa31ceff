import { ToolError } from '../tools/errors.ts';

/**
 * What a caller is told of a failed statement. Messages of PostgreSQL quote values, names and statements, so none is
 * passed on.
 */

const BAD_VALUE = new Set(['22001', '22003', '22007', '22008', '22021', '22P02', '22P05']);
const BUSY = new Set(['40001', '40P01', '55P03']);
const QUERY_CANCELED = '57014';
const NOT_ALLOWED = '42501';
const RETRY_MS = 1000;

export const UNREACHABLE = 'The database cannot be reached. Try again later.';

/** A fault of the database's set-up or of this program: it is answered as `internal`, and its message is logged. */
export class DatabaseFault extends Error {}

/** The SQLSTATE of an error of PostgreSQL; undefined for errors of the network. */
export function sqlState(cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in Object(cause)
    ? code
    : undefined;
}

/** The error that a tool sees. What is not expected becomes an `Error` for the logs, and is answered as `internal`. */
export function toolFault(cause: unknown): Error {
  if (cause instanceof ToolError || cause instanceof DatabaseFault) return cause;
  const code = sqlState(cause);
  if (code === undefined) return new ToolError('unavailable', UNREACHABLE, { retry_after_ms: RETRY_MS });
  if (code === QUERY_CANCELED) {
    const message = 'The database took too long and stopped the statement. Ask for less, or try again later.';
    return new ToolError('unavailable', message, { retry_after_ms: RETRY_MS });
  }
  if (BUSY.has(code)) {
    const message = 'The rows are in use by another call. Try again.';
    return new ToolError('unavailable', message, { retry_after_ms: RETRY_MS });
  }
  if (/^(?:08|53|57|58)/.test(code))
    return new ToolError('unavailable', UNREACHABLE, { retry_after_ms: RETRY_MS });
  if (BAD_VALUE.has(code)) {
    const message = 'The database does not take a value of this call. Check the arguments, then retry.';
    return new ToolError('invalid_input', message);
  }
  if (code.startsWith('23')) {
    const message =
      'The call conflicts with what is stored, or with a rule of the table. Check the arguments, then retry.';
    return new ToolError('invalid_input', message);
  }
  if (code === NOT_ALLOWED)
    return new ToolError(
      'forbidden',
      'The database does not allow this statement to a tool. Change the call.',
    );
  return new DatabaseFault(`PostgreSQL refused the statement with SQLSTATE ${code}${reason(code, cause)}`);
}

/** Errors of syntax and of names quote the statement only, which the log redacts; others can quote rows. */
const reason = (code: string, cause: unknown) =>
  code.startsWith('42') && cause instanceof Error ? `: ${cause.message}` : '';
