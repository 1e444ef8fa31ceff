/**
 * Who holds a cell, computed from the columns of its row and the current time. A claim ends by itself at `claim_until`:
 * nothing has to run for that.
 */
import { secondsLeft } from '../time.ts';
import type { Sql, ToolContext } from '../tool.ts';
import { type Cell, isExpired } from './cell.ts';

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

/**
 * SQL: the claim state of a row as the indexes know it, one of `STATE_CODES`. It does not know the time: the row of a claim that
 * ended by itself is `held` until `clearEndedClaims` clears it, so a query for `held` must compare `claim_until` as well.
 */
export const STATE_CODE = 'CASE WHEN claim_until IS NOT NULL THEN 1 WHEN attempts >= 5 THEN 2 ELSE 0 END';
export const STATE_CODES = { free: 0, held: 1, dead: 2 } as const satisfies Record<ClaimState, number>;
/** SQL: whether `STATE_CODE` is `free`, in the words of the partial indexes. */
export const IS_FREE = 'claim_until IS NULL AND attempts < 5';

/** How many ended claims one call clears. More of them end at once only if many claims of different lengths end together. */
const MAX_CLEARED = 128;

/**
 * Clears claims of a board that have ended, the first to end first. No answer about a cell depends on it, except by which
 * claim state it is listed and found.
 * @returns true if no ended claim is left
 */
export function clearEndedClaims(sql: Sql, runId: string, now: number): boolean {
  const cleared = sql.exec(
    `UPDATE board_cells SET claim_id = NULL, claim_by = NULL, claim_fence = NULL, claim_until = NULL
     WHERE id IN (SELECT id FROM board_cells INDEXED BY board_cells_claim_end
       WHERE run_id = ? AND claim_until <= ? ORDER BY claim_until LIMIT ?) RETURNING 1 AS cleared`,
    runId,
    now,
    MAX_CLEARED,
  );
  return cleared.length < MAX_CLEARED;
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
