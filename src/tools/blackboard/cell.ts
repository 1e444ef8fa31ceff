import { invalidInput } from '../errors.ts';
import { keyPath } from '../fields.ts';
import type { Sql } from '../tool.ts';

/** A row of `board_cells`. */
export type Cell = {
  id: number;
  key: string;
  rev: number;
  author: string;
  updated_at: number;
  /** In milliseconds since the epoch: from then on the cell counts as absent. */
  expires_at: number | null;
  versions: number;
  bytes: number;
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
  const rows = sql.exec<Cell>(
    `SELECT id, key, rev, author, updated_at, expires_at, versions, bytes, tags, substr(value, 1, ?) AS value
     FROM board_cells WHERE run_id = ? AND key IN (${keys.map(() => '?').join()})`,
    maxChars,
    runId,
    ...keys,
  );
  return new Map(rows.map((row) => [row.key, row]));
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
