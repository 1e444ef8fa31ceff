/** Stores a planned write: the cell, its tags and its event. The indexes of events and texts are updated later: see `indexPending`. */
import type { ToolContext } from '../tool.ts';
import { type Cell, isExpired } from './cell.ts';
import { clearClaim, hasClaimHistory, holderOf, NEW_WORK } from './claim-state.ts';
import { endOverdueClaims, expireCell } from './expiry.ts';
import { boardTopic, queueTopic } from './fields.ts';
import { countVersions } from './history.ts';
import type { CellWrite, PlannedCell } from './plan-write.ts';

interface Save {
  readonly runId: string;
  readonly write: CellWrite;
  readonly next: PlannedCell;
  readonly stored: Cell | undefined;
}

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
  if (stored !== undefined && isExpired(stored.expires_at, context.now)) {
    expireCell(context, stored);
    return saveCell(context, runId, write, next, undefined);
  }
  if (stored !== undefined) endOverdueClaims(context, [stored]);
  const rev = context.nextRev();
  const versions = 1 + (stored?.versions ?? countVersions(context.sql, runId, write.key));
  putCell(context, { runId, write, next, stored }, { rev, versions });
  addEvent(context, runId, write, next, { rev, listed: stored === undefined });
  if (stored?.tags !== next.tags) saveTags(context, runId, write.key, stored?.tags ?? '[]', next.tags);
  context.touch(boardTopic(runId));
  if (holderOf(stored, context.now) !== undefined) {
    if (stored?.done === 1) context.sql.exec('UPDATE board_cells SET done = 0 WHERE id = ?', stored.id);
    return rev;
  }
  if (stored !== undefined && hasClaimHistory(stored)) clearClaim(context, stored.id, NEW_WORK);
  context.touch(queueTopic(runId));
  return rev;
}

/** Inserts or updates the row. An existing row keeps its claim, and its place in the index of free cells until `indexPending`. */
function putCell(
  { sql, author, now }: ToolContext,
  { runId, write, next, stored }: Save,
  { rev, versions }: { rev: number; versions: number },
): void {
  const written = [rev, write.author, author.principal, now, versions, next.bytes, next.tags, next.json];
  if (stored === undefined) {
    sql.exec(
      `INSERT INTO board_cells
         (queued, author, principal, updated_at, versions, bytes, tags, value, expires_at, run_id, key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...written,
      next.expiresAt,
      runId,
      write.key,
    );
    return;
  }
  sql.exec(
    `UPDATE board_cells SET newer = ?, author = ?, principal = ?, updated_at = ?, versions = ?, bytes = ?, tags = ?,
       value = ? WHERE id = ?`,
    ...written,
    stored.id,
  );
  // SQLite rewrites an index entry whenever one of its columns is assigned, even with the same value.
  if (next.expiresAt !== stored.expires_at)
    sql.exec('UPDATE board_cells SET expires_at = ? WHERE id = ?', next.expiresAt, stored.id);
}

function addEvent(
  { sql, author, now }: ToolContext,
  runId: string,
  write: CellWrite,
  next: PlannedCell,
  { rev, listed }: { rev: number; listed: boolean },
): void {
  sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, expires_at, bytes, tags, value, listed, indexed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
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
