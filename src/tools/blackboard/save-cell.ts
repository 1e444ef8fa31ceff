/** Stores a planned write: the cell, its tags and its event. The search index is updated later: see `indexPending`. */
import type { ToolContext } from '../tool.ts';
import { type Cell, unlessExpired } from './cell.ts';
import { clearClaim, hasClaimHistory, holderOf } from './claim-state.ts';
import { boardTopic } from './fields.ts';
import { countVersions, MAX_VERSIONS, pruneVersions, VERSION_SLACK } from './history.ts';
import type { CellWrite, PlannedCell } from './plan-write.ts';

/**
 * @param stored the current row of the cell, expired or not
 * @returns the new revision of the cell
 */
export function saveCell(
  context: ToolContext,
  runId: string,
  write: CellWrite,
  next: PlannedCell,
  stored: Cell | undefined,
): number {
  const rev = context.nextRev();
  const versions = 1 + (stored?.versions ?? countVersions(context.sql, runId, write.key));
  const full = versions >= MAX_VERSIONS + VERSION_SLACK;
  const row = { rev, versions: full ? MAX_VERSIONS : versions };
  putCell(context, runId, write, next, row);
  addEvent(context, runId, write, next, { rev, listed: unlessExpired(stored, context.now) === undefined });
  if (full) pruneVersions(context.sql, runId, write.key);
  if (stored?.tags !== next.tags) saveTags(context, runId, write.key, stored?.tags ?? '[]', next.tags);
  // A new value is new work: failed attempts at the old value no longer count.
  if (stored !== undefined && hasClaimHistory(stored) && holderOf(stored, context.now) === undefined)
    clearClaim(context, stored.id, 0);
  context.touch(boardTopic(runId));
  return rev;
}

/** Inserts or updates the row. An existing row keeps its claim. */
function putCell(
  { sql, author, now }: ToolContext,
  runId: string,
  write: CellWrite,
  next: PlannedCell,
  { rev, versions }: { rev: number; versions: number },
): void {
  sql.exec(
    `INSERT INTO board_cells
       (run_id, key, rev, author, principal, updated_at, expires_at, versions, bytes, tags, value)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (run_id, key) DO UPDATE SET rev = excluded.rev, author = excluded.author,
       principal = excluded.principal, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
       versions = excluded.versions, bytes = excluded.bytes, tags = excluded.tags, value = excluded.value`,
    runId,
    write.key,
    rev,
    write.author,
    author.principal,
    now,
    next.expiresAt,
    versions,
    next.bytes,
    next.tags,
    next.json,
  );
}

function addEvent(
  { sql, author, now }: ToolContext,
  runId: string,
  write: CellWrite,
  next: PlannedCell,
  { rev, listed }: { rev: number; listed: boolean },
): void {
  sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, expires_at, bytes, tags, value, listed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    rev,
    runId,
    write.key,
    write.mode,
    write.author,
    author.principal,
    now,
    next.expiresAt,
    next.bytes,
    next.tags,
    next.json,
    listed ? 1 : 0,
  );
}

function saveTags({ sql }: ToolContext, runId: string, key: string, before: string, after: string): void {
  if (before !== '[]') {
    sql.exec(
      'DELETE FROM board_tags WHERE run_id = ? AND key = ? AND tag IN (SELECT value FROM json_each(?))',
      runId,
      key,
      before,
    );
  }
  if (after !== '[]') {
    sql.exec(
      'INSERT INTO board_tags (run_id, tag, key) SELECT ?, value, ? FROM json_each(?)',
      runId,
      key,
      after,
    );
  }
}
