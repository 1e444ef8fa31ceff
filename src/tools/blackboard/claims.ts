/**
 * Starts, renews and ends claims: exclusive, time-limited locks on cells.
 *
 * Guarantees: a cell has at most one holder, because a tenant's tools run one after another and each in a transaction.
 * Every claim gets a larger fence than the one before, so other systems can reject a holder that is late.
 * A claim id cannot be guessed, and only the caller that started the claim gets it.
 * Fails by time: a claim ends without any call at `claim_until`, or earlier if its cell expires or is deleted, or another
 * caller takes it over. A holder learns this from its next call, which changes nothing.
 * Memory: one claim per cell, in the cell's row. Starts and ends are also logged (`claim-log.ts`). A repeated release is
 * recognised only as long as its log entry exists.
 */
import { createHash } from 'node:crypto';
import type { ToolContext } from '../tool.ts';
import { type Cell, selectCells } from './cell.ts';
import { logClaimEvent } from './claim-log.ts';
import { clearClaim, type Holder, holderOf, type Outcome } from './claim-state.ts';
import { endOverdueClaims } from './expiry.ts';
import { queueTopic } from './fields.ts';
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

/** Starts a claim on an unexpired cell. A holder that it has loses it. The cell keeps its rev, because its value does not change. */
export function startClaim(context: ToolContext, cell: Cell, by: string, ttlSeconds: number): Holder {
  const { run_id, key } = cell;
  const holder = holderOf(cell, context.now);
  if (holder === undefined) endOverdueClaims(context, [cell]);
  else
    logClaimEvent(context, {
      run_id,
      key,
      op: 'release',
      by: holder.by,
      claimId: holder.id,
      cellRev: cell.rev,
      ended: 'taken_over',
    });
  const fence = logClaimEvent(context, { run_id, key, op: 'claim', by });
  const claim = { id: claimIdOf(context, fence), by, fence, until: context.now + ttlSeconds * 1000 };
  context.sql.exec(
    `UPDATE board_cells SET claim_id = ?, claim_by = ?, claim_fence = ?, claim_until = ?, claimed_at = ?,
       attempts = attempts + 1 WHERE id = ?`,
    claim.id,
    by,
    fence,
    claim.until,
    context.now,
    cell.id,
  );
  return claim;
}

/** Makes the claim end `ttlSeconds` from now. @returns its new end, in milliseconds since the epoch */
export function renewClaim({ sql, now }: ToolContext, { cell }: HeldCell, ttlSeconds: number): number {
  const until = now + ttlSeconds * 1000;
  sql.exec('UPDATE board_cells SET claim_until = ? WHERE id = ?', until, cell.id);
  return until;
}

/**
 * Ends the claim by its release.
 * @param cellRev the current rev of the cell; 0 if it was deleted
 * @param outcome what remains in its row
 */
export function endClaim(
  context: ToolContext,
  { cell, holder }: HeldCell,
  cellRev: number,
  outcome: Outcome,
): void {
  const { run_id, key } = cell;
  if (cellRev > 0) clearClaim(context, cell.id, outcome);
  logClaimEvent(context, { run_id, key, op: 'release', by: holder.by, claimId: holder.id, cellRev });
  context.touch(queueTopic(run_id));
}
