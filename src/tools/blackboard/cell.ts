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
  updated_at: number;
  /** In milliseconds since the epoch: from then on the cell counts as absent. */
  expires_at: number | null;
  versions: number;
  bytes: number;
  /** The claim that was last taken and not released; it is lost once it or the cell has expired. */
  claim_id: string | null;
  claim_by: string | null;
  claim_fence: number | null;
  /** In milliseconds since the epoch. */
  claim_until: number | null;
  /** Claims taken since the cell last got a result, the present one included. */
  attempts: number;
  /** A JSON list of distinct texts, sorted. */
  tags: string;
  /** JSON text, or as much of its beginning as was asked for. */
  value: string;
};

const wholeKey = keyPath();

/** The key of a cell, with `agent` as the prefix `<agent>/`. @throws ToolError `invalid_input` */
export function cellKey(agent: string | undefined, key: string, field: string): string {
  if (agent === undefined) return key;
  const whole = wholeKey.safeParse(`${agent}/${key}`);
  if (whole.success) return whole.data;
  throw invalidInput(
    field,
    `agent and ${field} together, as <agent>/<key>, must be 1 to 256 characters without an empty part; shorten or correct one.`,
  );
}

/**
 * The cells that are there, expired ones too, by key.
 * @param keys at most 50
 * @param maxChars how much of each value is wanted, in characters
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

/** @param where a condition on `board_cells`, for `bindings` */
export function selectCells(
  sql: Sql,
  where: string,
  bindings: readonly SqlValue[],
  maxChars: number,
): Cell[] {
  return sql.exec<Cell>(
    `SELECT id, run_id, key, rev, author, updated_at, expires_at, versions, bytes, claim_id, claim_by,
       claim_fence, claim_until, attempts, tags, substr(value, 1, ?) AS value
     FROM board_cells WHERE ${where}`,
    maxChars,
    ...bindings,
  );
}

/** The cell, unless it is absent: an expired one is. */
export function live<Row extends { expires_at: number | null }>(
  cell: Row | undefined,
  now: number,
): Row | undefined {
  return cell === undefined || isExpired(cell.expires_at, now) ? undefined : cell;
}

export function isExpired(expiresAt: number | null, now: number): boolean {
  return expiresAt !== null && now >= expiresAt;
}

/** Seconds since `at`, in whole seconds. */
export function ageSeconds(at: number, now: number): number {
  return Math.max(0, Math.floor((now - at) / 1000));
}

/** Seconds until `expiresAt`, rounded up; undefined for a cell that stays. */
export function secondsLeft(expiresAt: number | null, now: number): number | undefined {
  return expiresAt === null ? undefined : Math.max(0, Math.ceil((expiresAt - now) / 1000));
}

/** Stored tags, as a list. */
export function tagList(tags: string): string[] {
  return JSON.parse(tags);
}

/** The keys that begin with `prefix`, as a half-open range in the order of the database; no `to` means no end. */
export function prefixRange(prefix: string): { from: string; to?: string } {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  // The order of UTF-8 bytes is the order of code points, in which surrogates do not occur.
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) {
      const next = last === 0xd7ff ? 0xe000 : last + 1;
      return { from: prefix, to: String.fromCodePoint(...points, next) };
    }
  }
  return { from: prefix };
}
