/** Who holds a cell, worked out from the columns of its row: no claim needs to be ended for it to be over. */
import type { SqlValue, ToolContext } from '../tool.ts';
import { type Cell, isExpired, secondsLeft } from './cell.ts';

/** Claims without a result after which an item is no longer given to those who ask for the next one. */
export const MAX_FAILED_ATTEMPTS = 5;

export const CLAIM_STATES = ['free', 'held', 'dead'] as const;
export type ClaimState = (typeof CLAIM_STATES)[number];

type Claimed = Pick<
  Cell,
  'expires_at' | 'claim_id' | 'claim_by' | 'claim_fence' | 'claim_until' | 'attempts'
>;

export interface Holder {
  readonly id: string;
  readonly by: string;
  readonly fence: number;
  readonly until: number;
}

/** Who holds the cell now; nobody holds a cell that has expired. */
export function holderOf(cell: Claimed | undefined, now: number): Holder | undefined {
  if (cell === undefined || cell.claim_id === null || isExpired(cell.expires_at, now)) return undefined;
  const { claim_id: id, claim_by: by, claim_fence: fence, claim_until: until } = cell;
  if (by === null || fence === null || until === null || now >= until) return undefined;
  return { id, by, fence, until };
}

/** Whether the row tells of a claim, past or present. */
export function hasClaimTrace(cell: Claimed): boolean {
  return cell.claim_id !== null || cell.attempts > 0;
}

/** A live cell's claim as an answer shows it; undefined for a cell that nobody holds or failed at. */
export function describeClaim(cell: Claimed, now: number) {
  if (!hasClaimTrace(cell)) return undefined;
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

/** What those are told who come second. */
export function describeHolder(holder: Holder, now: number) {
  return { held_by: holder.by, retry_after_ms: holder.until - now };
}

/** The same distinction for live cells in SQL, as a part of a WHERE clause. */
export function inState(state: ClaimState, now: number): { where: string; bindings: SqlValue[] } {
  if (state === 'held') return { where: 'claim_until > ?', bindings: [now] };
  return {
    where: `(claim_until IS NULL OR claim_until <= ?) AND attempts ${state === 'dead' ? '>=' : '<'} ?`,
    bindings: [now, MAX_FAILED_ATTEMPTS],
  };
}

/** Ends whatever claim the row tells of. @param attempts those that stay counted */
export function clearClaim({ sql }: Pick<ToolContext, 'sql'>, id: number, attempts: number): void {
  sql.exec(
    `UPDATE board_cells SET claim_id = NULL, claim_by = NULL, claim_fence = NULL, claim_until = NULL, attempts = ?
     WHERE id = ?`,
    attempts,
    id,
  );
}
