/**
 * Who holds a cell, computed from the columns of its row and the current time. A claim ends by itself at `claim_until`:
 * nothing has to run for that.
 */
import { secondsLeft } from '../time.ts';
import type { ToolContext } from '../tool.ts';
import { type Cell, type Condition, isExpired } from './cell.ts';

/** After this many claims without a result a cell is dead: it can only be claimed by its key. */
export const MAX_FAILED_ATTEMPTS = 5;

export const CLAIM_STATES = ['free', 'held', 'dead'] as const;
export type ClaimState = (typeof CLAIM_STATES)[number];

type ClaimColumns = Pick<
  Cell,
  'expires_at' | 'claim_id' | 'claim_by' | 'claim_fence' | 'claim_until' | 'attempts'
>;

export interface Holder {
  readonly id: string;
  readonly by: string;
  /** Fencing token: the revision at which the claim was started. */
  readonly fence: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Whether a claim that ends at `until` still holds. */
export function isHeldUntil(until: number | null, now: number): until is number {
  return until !== null && now < until;
}

/** Who holds the cell now. An expired cell has no holder. */
export function holderOf(cell: ClaimColumns | undefined, now: number): Holder | undefined {
  if (cell === undefined || cell.claim_id === null || isExpired(cell.expires_at, now)) return undefined;
  const { claim_id: id, claim_by: by, claim_fence: fence, claim_until: until } = cell;
  if (by === null || fence === null || !isHeldUntil(until, now)) return undefined;
  return { id, by, fence, until };
}

/** Whether the cell is claimed now, or was claimed since its last result. */
export function hasClaimHistory(cell: ClaimColumns): boolean {
  return cell.claim_id !== null || cell.attempts > 0;
}

/** The claim of an unexpired cell as answers show it; undefined if nobody holds the cell and no claim failed. */
export function describeClaim(cell: ClaimColumns, now: number) {
  if (!hasClaimHistory(cell)) return undefined;
  const holder = holderOf(cell, now);
  const state: ClaimState =
    holder !== undefined ? 'held' : cell.attempts >= MAX_FAILED_ATTEMPTS ? 'dead' : 'free';
  return {
    state,
    by: holder?.by,
    fence: holder?.fence,
    expires_in_s: secondsLeft(holder?.until ?? null, now),
    attempts: cell.attempts,
  };
}

/** The holder as it is shown to callers that cannot have the cell now. */
export function describeHolder(holder: Holder, now: number) {
  return { held_by: holder.by, retry_after_ms: holder.until - now };
}

/** The states of `describeClaim` as SQL, for unexpired cells. */
export function claimCondition(state: ClaimState, now: number): Condition {
  if (state === 'held') return { where: 'claim_until > ?', bindings: [now] };
  return {
    where: `(claim_until IS NULL OR claim_until <= ?) AND attempts ${state === 'dead' ? '>=' : '<'} ?`,
    bindings: [now, MAX_FAILED_ATTEMPTS],
  };
}

/**
 * Removes the claim from a cell's row.
 * @param attempts the number of failed attempts that remain counted
 */
export function clearClaim({ sql }: Pick<ToolContext, 'sql'>, id: number, attempts: number): void {
  sql.exec(
    `UPDATE board_cells SET claim_id = NULL, claim_by = NULL, claim_fence = NULL, claim_until = NULL, attempts = ?
     WHERE id = ?`,
    attempts,
    id,
  );
}
