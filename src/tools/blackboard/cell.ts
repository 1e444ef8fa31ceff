import { invalidInput } from '../errors.ts';
import { keyPath } from '../fields.ts';
import type { Sql, SqlValue } from '../tool.ts';

/** A row of `board_cells`. */
export type Cell = {
  id: number;
  run_id: string;
  key: string;
  rev: number;
  author: string;
  /** The token with which the cell was written. */
  principal: string;
  updated_at: number;
  /** Milliseconds since the epoch. From this moment on the cell counts as absent, even if its row still exists. */
  expires_at: number | null;
  versions: number;
  bytes: number;
  /** The claim that was started last and not released. It has ended if `claim_until` or `expires_at` has passed. */
  claim_id: string | null;
  claim_by: string | null;
  claim_fence: number | null;
  /**
   * Milliseconds since the epoch. Without a claim: the end of a delay, or `FOREVER` for a cell that is done, so that the
   * indexes of free cells leave it out.
   */
  claim_until: number | null;
  /** When the claim was started; null also for claims of earlier releases. */
  claimed_at: number | null;
  /** Claims since the cell last got a result, including the current one. */
  attempts: number;
  /** 1: the cell has a result, so it is not offered again. It stays so while someone claims it by its key. */
  done: number;
  /** Why the last attempt failed, as its worker gave it. */
  failure: string | null;
  /** JSON array of distinct strings, sorted. */
  tags: string;
  /** JSON text, or only its start if the query asked for no more. */
  value: string;
};

const fullKey = keyPath();

/**
 * The full key of a cell: `<agent>/<key>` if there is an agent, else `key`.
 * @param field the argument that `key` came from, for the error
 * @throws ToolError `invalid_input`
 */
export function cellKey(agent: string | undefined, key: string, field: string): string {
  if (agent === undefined) return key;
  const parsed = fullKey.safeParse(`${agent}/${key}`);
  if (parsed.success) return parsed.data;
  throw invalidInput(
    field,
    `The full key <agent>/<key> must be 1 to 256 characters with no empty part. Shorten or correct agent or ${field}.`,
    { expected: 'string', min: 1, max: 256 },
  );
}

/**
 * The stored cells by key, expired ones included.
 * @param keys at most 50
 * @param maxChars how many characters of each value to load
 */
export function loadCells(
  sql: Sql,
  runId: string,
  keys: readonly string[],
  maxChars: number,
): Map<string, Cell> {
  const rows = selectCells(
    sql,
    `run_id = ? AND key IN (${keys.map(() => '?').join()})`,
    [runId, ...keys],
    maxChars,
  );
  return new Map(rows.map((row) => [row.key, row]));
}

/**
 * The bytes of values that `loadCells` would load, at most: a text has no more characters than bytes. They stand before the
 * values in their rows, so that no value is read for it.
 */
export function bytesToLoad(sql: Sql, runId: string, keys: readonly string[], maxChars: number): number {
  const [row] = sql.exec<{ bytes: number }>(
    `SELECT total(min(bytes, ?)) AS bytes FROM board_cells WHERE run_id = ? AND key IN (${keys.map(() => '?').join()})`,
    maxChars,
    runId,
    ...keys,
  );
  return row?.bytes ?? 0;
}

/**
 * The whole value of a cell.
 * @param loadedChars how many characters of it were loaded
 */
export function wholeValue(sql: Sql, cell: Cell, loadedChars: number): string {
  // A text never has more characters than bytes.
  if (cell.bytes <= loadedChars) return cell.value;
  const [row] = sql.exec<{ value: string }>('SELECT value FROM board_cells WHERE id = ?', cell.id);
  return row?.value ?? cell.value;
}

/** @param where a condition on `board_cells`, with a `?` for each of `bindings` */
export function selectCells(
  sql: Sql,
  where: string,
  bindings: readonly SqlValue[],
  maxChars: number,
): Cell[] {
  return sql.exec<Cell>(
    `SELECT id, run_id, key, rev, author, principal, updated_at, expires_at, versions, bytes, claim_id, claim_by,
       claim_fence, claim_until, claimed_at, attempts, done, failure, tags, substr(value, 1, ?) AS value
     FROM board_cells WHERE ${where}`,
    maxChars,
    ...bindings,
  );
}

/** Returns the cell, or undefined if it does not exist or has expired. */
export function unlessExpired<Row extends { expires_at: number | null }>(
  cell: Row | undefined,
  now: number,
): Row | undefined {
  return cell === undefined || isExpired(cell.expires_at, now) ? undefined : cell;
}

export function isExpired(expiresAt: number | null, now: number): boolean {
  return expiresAt !== null && now >= expiresAt;
}

/** The opposite of `isExpired` as SQL on `board_cells`. Its one binding is the current time. */
export const NOT_EXPIRED = '(expires_at IS NULL OR expires_at > ?)';

export function parseTags(tags: string): string[] {
  return JSON.parse(tags);
}

/** A part of a WHERE clause with its bindings. */
export interface Condition {
  readonly where: string;
  readonly bindings: readonly SqlValue[];
}

/** Matches the keys of a board that start with `prefix`, in any table with the columns `run_id` and `key`. */
export function keyCondition(runId: string, prefix: string): Condition {
  if (prefix === '') return { where: 'run_id = ?', bindings: [runId] };
  const { from, to } = prefixRange(prefix.normalize('NFC'));
  if (to === undefined) return { where: 'run_id = ? AND key >= ?', bindings: [runId, from] };
  return { where: 'run_id = ? AND key >= ? AND key < ?', bindings: [runId, from, to] };
}

/**
 * The keys that start with `prefix` as a half-open range in the order of the database, so that an index can serve them.
 * `to` is undefined if the range has no upper bound.
 */
export function prefixRange(prefix: string): { from: string; to?: string } {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  // SQLite compares UTF-8 bytes, which sorts by code point. Surrogates are not code points of any key, so they are skipped.
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) {
      const next = last === 0xd7ff ? 0xe000 : last + 1;
      return { from: prefix, to: String.fromCodePoint(...points, next) };
    }
  }
  return { from: prefix };
}
