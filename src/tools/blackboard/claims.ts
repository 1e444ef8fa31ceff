/** The statements that take, renew and end claims. */
import { createHash } from 'node:crypto';
import type { ToolContext } from '../tool.ts';
import { type Cell, selectCells } from './cell.ts';
import { clearClaim, type Holder, holderOf } from './claim-state.ts';
import { boardTopic } from './fields.ts';
import { MAX_VALUE_BYTES } from './value.ts';

export interface Held {
  readonly cell: Cell;
  readonly holder: Holder;
}

/**
 * The cell that is held by the claim; undefined when the claim is lost, or was never given.
 * @param runId the board that the cell must be on, if it matters
 * @param maxChars how much of the value is wanted, in characters
 */
export function findHeld(
  { sql, now }: ToolContext,
  claimId: string,
  runId: string | undefined,
  maxChars = MAX_VALUE_BYTES,
): Held | undefined {
  const [cell] = selectCells(sql, 'claim_id = ?', [claimId], maxChars);
  const holder = holderOf(cell, now);
  if (cell === undefined || holder === undefined) return undefined;
  return runId === undefined || runId === cell.run_id ? { cell, holder } : undefined;
}

/** A name for a claim that, unlike its fence, nobody can guess. */
function nameOf({ seal }: ToolContext, fence: number): string {
  return createHash('sha256')
    .update(seal(`claim ${fence}`))
    .digest('hex')
    .slice(0, 32);
}

/** Gives the cell, which nobody holds, to `by`. The cell's own rev stays: its value has not changed. */
export function takeClaim(context: ToolContext, cell: Cell, by: string, ttlSeconds: number): Holder {
  const fence = context.nextRev();
  const holder = { id: nameOf(context, fence), by, fence, until: context.now + ttlSeconds * 1000 };
  context.sql.exec(
    `UPDATE board_cells SET claim_id = ?, claim_by = ?, claim_fence = ?, claim_until = ?, attempts = attempts + 1
     WHERE id = ?`,
    holder.id,
    by,
    fence,
    holder.until,
    cell.id,
  );
  mark(context, cell, { rev: fence, op: 'claim', by, claimId: null, cellRev: null });
  return holder;
}

/** Makes the claim end `ttlSeconds` from now. */
export function renewClaim({ sql, now }: ToolContext, { cell }: Held, ttlSeconds: number): number {
  const until = now + ttlSeconds * 1000;
  sql.exec('UPDATE board_cells SET claim_until = ? WHERE id = ?', until, cell.id);
  return until;
}

/**
 * Ends the claim for good.
 * @param outcome `cellRev`: the rev that the cell has now, 0 when it was deleted; `attempts`: those that stay counted
 */
export function endClaim(
  context: ToolContext,
  { cell, holder }: Held,
  outcome: { readonly cellRev: number; readonly attempts: number },
): void {
  if (outcome.cellRev > 0) clearClaim(context, cell.id, outcome.attempts);
  mark(context, cell, {
    rev: context.nextRev(),
    op: 'release',
    by: holder.by,
    claimId: holder.id,
    cellRev: outcome.cellRev,
  });
}

interface Mark {
  readonly rev: number;
  readonly op: 'claim' | 'release';
  readonly by: string;
  readonly claimId: string | null;
  readonly cellRev: number | null;
}

function mark({ sql, author, now, touch }: ToolContext, cell: Cell, about: Mark): void {
  sql.exec(
    `INSERT INTO board_marks (rev, run_id, key, op, author, principal, at, claim_id, cell_rev)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    about.rev,
    cell.run_id,
    cell.key,
    about.op,
    about.by,
    author.principal,
    now,
    about.claimId,
    about.cellRev,
  );
  touch(boardTopic(cell.run_id));
}

/** A claim that was released, as far as it is remembered. */
export function findReleased(
  { sql }: ToolContext,
  claimId: string,
  runId: string | undefined,
): { run_id: string; key: string; cell_rev: number } | undefined {
  const [row] = sql.exec<{ run_id: string; key: string; cell_rev: number }>(
    'SELECT run_id, key, cell_rev FROM board_marks WHERE claim_id = ?',
    claimId,
  );
  return row === undefined || (runId !== undefined && runId !== row.run_id) ? undefined : row;
}
