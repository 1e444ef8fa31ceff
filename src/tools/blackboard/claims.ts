/**
 * Starts, renews and ends claims: exclusive, time-limited locks on cells.
 *
 * Guarantees: a cell has at most one holder, because a tenant's tools run one after another and each in a transaction.
 * Every claim gets a larger fence than the one before, so other systems can reject a holder that is late.
 * A claim id cannot be guessed, and only the caller that started the claim gets it.
 * Fails by time: a claim ends without any call at `claim_until`, or earlier if its cell expires or is deleted. A holder learns
 * this from its next call, which changes nothing.
 * Memory: one claim per cell, in the cell's row. Starts and releases are also logged in `board_marks` (7 days, at most the
 * last 100,000 revisions). A repeated release is recognised only as long as its log entry exists.
 */
import { createHash } from 'node:crypto';
import type { ToolContext } from '../tool.ts';
import { type Cell, selectCells } from './cell.ts';
import { clearClaim, type Holder, holderOf } from './claim-state.ts';
import { boardTopic } from './fields.ts';
import { limitClaimEvents } from './sweep.ts';
import { MAX_VALUE_BYTES } from './value.ts';

export interface HeldCell {
  readonly cell: Cell;
  readonly holder: Holder;
}

/**
 * The cell that a claim holds; undefined if the claim has ended or never existed.
 * @param runId the board that the cell must be on; undefined accepts any
 * @param maxChars how many characters of the value to load
 */
export function findHeldCell(
  { sql, now }: ToolContext,
  claimId: string,
  runId: string | undefined,
  maxChars = MAX_VALUE_BYTES,
): HeldCell | undefined {
  const [cell] = selectCells(sql, 'claim_id = ?', [claimId], maxChars);
  const holder = holderOf(cell, now);
  if (cell === undefined || holder === undefined) return undefined;
  return runId === undefined || runId === cell.run_id ? { cell, holder } : undefined;
}

/** Derives the id of a claim from its fence with the tenant's secret, so that others cannot compute it. */
function claimIdOf({ seal }: ToolContext, fence: number): string {
  return createHash('sha256')
    .update(seal('claim', String(fence)))
    .digest('hex')
    .slice(0, 32);
}

/** Starts a claim on a cell that nobody holds. The cell keeps its rev, because its value does not change. */
export function startClaim(context: ToolContext, cell: Cell, by: string, ttlSeconds: number): Holder {
  const fence = context.nextRev();
  const holder = { id: claimIdOf(context, fence), by, fence, until: context.now + ttlSeconds * 1000 };
  context.sql.exec(
    `UPDATE board_cells SET claim_id = ?, claim_by = ?, claim_fence = ?, claim_until = ?, attempts = attempts + 1
     WHERE id = ?`,
    holder.id,
    by,
    fence,
    holder.until,
    cell.id,
  );
  logClaimEvent(context, cell, { rev: fence, op: 'claim', by, claimId: null, cellRev: null });
  return holder;
}

/** Makes the claim end `ttlSeconds` from now. @returns its new end, in milliseconds since the epoch */
export function renewClaim({ sql, now }: ToolContext, { cell }: HeldCell, ttlSeconds: number): number {
  const until = now + ttlSeconds * 1000;
  sql.exec('UPDATE board_cells SET claim_until = ? WHERE id = ?', until, cell.id);
  return until;
}

/**
 * Ends the claim.
 * @param outcome `cellRev`: the current rev of the cell, 0 if it was deleted; `attempts`: the failed attempts that remain counted
 */
export function endClaim(
  context: ToolContext,
  { cell, holder }: HeldCell,
  outcome: { readonly cellRev: number; readonly attempts: number },
): void {
  if (outcome.cellRev > 0) clearClaim(context, cell.id, outcome.attempts);
  logClaimEvent(context, cell, {
    rev: context.nextRev(),
    op: 'release',
    by: holder.by,
    claimId: holder.id,
    cellRev: outcome.cellRev,
  });
}

interface ClaimEvent {
  readonly rev: number;
  readonly op: 'claim' | 'release';
  readonly by: string;
  /** Set for a release only, so that `findReleasedClaim` finds it. */
  readonly claimId: string | null;
  readonly cellRev: number | null;
}

function logClaimEvent({ sql, author, now, touch }: ToolContext, cell: Cell, event: ClaimEvent): void {
  sql.exec(
    `INSERT INTO board_marks (rev, run_id, key, op, author, principal, at, claim_id, cell_rev)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    event.rev,
    cell.run_id,
    cell.key,
    event.op,
    event.by,
    author.principal,
    now,
    event.claimId,
    event.cellRev,
  );
  limitClaimEvents(sql);
  touch(boardTopic(cell.run_id));
}

/** The logged release of a claim; undefined if the claim was never released or the log entry has been deleted. */
export function findReleasedClaim(
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
