/** The statements that change cells, their tags and their history together. The search index follows: see `indexPending`. */
import type { ToolContext } from '../tool.ts';
import { type Cell, live } from './cell.ts';
import type { Change, Next } from './change.ts';
import { clearClaim, hasClaimTrace, holderOf } from './claim-state.ts';
import { boardTopic } from './fields.ts';
import { countVersions, MAX_VERSIONS, pruneVersions, VERSION_SLACK } from './history.ts';

/**
 * Writes the cell and its event.
 * @param stored the row that the cell has, expired or not
 * @returns the new revision
 */
export function saveCell(
  context: ToolContext,
  runId: string,
  change: Change,
  next: Next,
  stored: Cell | undefined,
): number {
  const rev = context.nextRev();
  const versions = 1 + (stored?.versions ?? countVersions(context.sql, runId, change.key));
  const full = versions >= MAX_VERSIONS + VERSION_SLACK;
  const row = { rev, versions: full ? MAX_VERSIONS : versions };
  putCell(context, runId, change, next, row);
  addEvent(context, runId, change, next, { rev, listed: live(stored, context.now) === undefined });
  if (full) pruneVersions(context.sql, runId, change.key);
  if (stored?.tags !== next.tags) saveTags(context, runId, change.key, stored?.tags ?? '[]', next.tags);
  // What changed is work that nobody has tried yet.
  if (stored !== undefined && hasClaimTrace(stored) && holderOf(stored, context.now) === undefined)
    clearClaim(context, stored.id, 0);
  context.touch(boardTopic(runId));
  return rev;
}

type Numbers = { rev: number; versions: number };

/** Leaves the claim of a cell that is there as it is. */
function putCell(
  { sql, author, now }: ToolContext,
  runId: string,
  change: Change,
  next: Next,
  { rev, versions }: Numbers,
): void {
  sql.exec(
    `INSERT INTO board_cells
       (run_id, key, rev, author, principal, updated_at, expires_at, versions, bytes, tags, value)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (run_id, key) DO UPDATE SET rev = excluded.rev, author = excluded.author,
       principal = excluded.principal, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
       versions = excluded.versions, bytes = excluded.bytes, tags = excluded.tags, value = excluded.value`,
    runId,
    change.key,
    rev,
    change.author,
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
  change: Change,
  next: Next,
  { rev, listed }: { rev: number; listed: boolean },
): void {
  sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, expires_at, bytes, tags, value, listed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    rev,
    runId,
    change.key,
    change.mode,
    change.author,
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
