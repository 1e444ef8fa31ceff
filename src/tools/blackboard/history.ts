/** The versions of a cell: the newest 20, none older than 7 days. */
import type { Sql } from '../tool.ts';

export const MAX_VERSIONS = 20;
export const VERSION_MS = 7 * 86_400_000;
/** Versions beyond 20 that wait, unreadable, to be dropped together. */
export const VERSION_SLACK = 12;

/** A row of `board_events`. */
export type Version = {
  rev: number;
  op: string;
  author: string;
  at: number;
  expires_at: number | null;
  bytes: number | null;
  tags: string;
};

/** The versions that are kept of a key, newest first. */
export function versionsOf(sql: Sql, runId: string, key: string, now: number): Version[] {
  return sql
    .exec<Version>(
      `SELECT rev, op, author, at, expires_at, bytes, tags FROM board_events
       WHERE run_id = ? AND key = ? ORDER BY rev DESC LIMIT ?`,
      runId,
      key,
      MAX_VERSIONS,
    )
    .filter((version) => version.at > now - VERSION_MS);
}

/** The beginning of the value that a version holds; a deletion holds none. */
export function versionValue(sql: Sql, rev: number, maxChars: number): string | undefined {
  const [row] = sql.exec<{ value: string | null }>(
    'SELECT substr(value, 1, ?) AS value FROM board_events WHERE rev = ?',
    maxChars,
    rev,
  );
  return row?.value ?? undefined;
}

export function countVersions(sql: Sql, runId: string, key: string): number {
  const [row] = sql.exec<{ n: number }>(
    'SELECT count(*) AS n FROM board_events WHERE run_id = ? AND key = ?',
    runId,
    key,
  );
  return row?.n ?? 0;
}

/** Drops all but the newest 20 versions of a key, and notes for those who watch that there were more. */
export function pruneVersions(sql: Sql, runId: string, key: string): void {
  const dropped = sql.exec<{ rev: number }>(
    `DELETE FROM board_events WHERE run_id = ? AND key = ? AND rev <=
       (SELECT rev FROM board_events WHERE run_id = ? AND key = ? ORDER BY rev DESC LIMIT 1 OFFSET ?)
     RETURNING rev`,
    runId,
    key,
    runId,
    key,
    MAX_VERSIONS,
  );
  raiseFloor(sql, runId, key, dropped);
}

/** Notes that these events were dropped. */
export function raiseFloor(
  sql: Sql,
  runId: string,
  key: string,
  dropped: readonly { readonly rev: number }[],
): void {
  if (dropped.length === 0) return;
  sql.exec(
    `INSERT INTO board_floors (run_id, key, rev) VALUES (?, ?, ?)
     ON CONFLICT (run_id, key) DO UPDATE SET rev = max(rev, excluded.rev)`,
    runId,
    key,
    Math.max(...dropped.map(({ rev }) => rev)),
  );
}
