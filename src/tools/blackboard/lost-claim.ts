/** Tells the former holder of a claim what became of it. */
import * as z from 'zod';
import { count } from '../fields.ts';
import type { ToolContext } from '../tool.ts';
import { loadCells, selectCells, unlessExpired } from './cell.ts';
import { findEndedClaim } from './claim-log.ts';
import { describeHolder, holderOf } from './claim-state.ts';

const REASONS = [
  'expired',
  'taken_over',
  'released',
  'deleted',
  'cell_expired',
  'other_cell',
  'unknown',
] as const;
type Reason = (typeof REASONS)[number];

export const lostReason = () =>
  z
    .enum(REASONS)
    .optional()
    .describe(
      'Why the claim is lost. other_cell: it holds another cell than you named; unknown: never given, or over 7 days ago.',
    );

/** For an answer: which cell a lost claim was on, the current rev of that cell, and who holds it now. */
export interface LostClaim {
  readonly reason: Reason;
  readonly key?: string;
  readonly rev?: number;
  readonly held_by?: string;
  readonly retry_after_ms?: number;
}

/** The output fields of a lost claim that other outcomes do not have. */
export const heldByOther = {
  held_by: z.string().optional().describe('Who holds the cell.'),
  retry_after_ms: count().optional(),
};

/** @param claimId a claim that does not hold, or not the cell that the caller named */
export function describeLost(context: ToolContext, claimId: string): LostClaim {
  const found = endOf(context, claimId);
  if (found === undefined) return { reason: 'unknown' };
  const { run_id, key, reason } = found;
  const { sql, now } = context;
  const cell = unlessExpired(loadCells(sql, run_id, [key], 1).get(key), now);
  const holder = reason === 'other_cell' ? undefined : holderOf(cell, now);
  return {
    reason,
    key,
    rev: cell?.rev ?? 0,
    ...(holder === undefined ? {} : describeHolder(holder, now)),
  };
}

function endOf(
  context: ToolContext,
  claimId: string,
): { run_id: string; key: string; reason: Reason } | undefined {
  const ended = findEndedClaim(context, claimId);
  if (ended !== undefined) return { run_id: ended.run_id, key: ended.key, reason: ended.ended ?? 'released' };
  const [cell] = selectCells(context.sql, 'claim_id = ?', [claimId], 1);
  if (cell === undefined) return undefined;
  const { run_id, key } = cell;
  if (holderOf(cell, context.now) !== undefined) return { run_id, key, reason: 'other_cell' };
  // It has ended, but that is not logged yet.
  return { run_id, key, reason: unlessExpired(cell, context.now) === undefined ? 'cell_expired' : 'expired' };
}
