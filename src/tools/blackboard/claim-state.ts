/**
 * The claim state of a cell, computed from the columns of its row and the current time. A claim or delay ends by itself at
 * `claim_until`: nothing has to run for that.
 */
import { ageSeconds, secondsLeft } from '../time.ts';
import type { ToolContext } from '../tool.ts';
import { type Cell, isExpired } from './cell.ts';

/** After this many claims without a result a cell is dead: it can only be claimed by its key. */
export const MAX_FAILED_ATTEMPTS = 5;

export const CLAIM_STATES = ['free', 'held', 'delayed', 'done', 'dead'] as const;
export type ClaimState = (typeof CLAIM_STATES)[number];

/** `claim_until` of an unclaimed cell that is done. */
export const FOREVER = Number.MAX_SAFE_INTEGER;

export type ClaimColumns = Pick<
  Cell,
  | 'expires_at'
  | 'claim_id'
  | 'claim_by'
  | 'claim_fence'
  | 'claim_until'
  | 'claimed_at'
  | 'attempts'
  | 'done'
  | 'failure'
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
export function holderOf(
  cell:
    | Pick<ClaimColumns, 'expires_at' | 'claim_id' | 'claim_by' | 'claim_fence' | 'claim_until'>
    | undefined,
  now: number,
): Holder | undefined {
  if (cell === undefined || cell.claim_id === null || isExpired(cell.expires_at, now)) return undefined;
  const { claim_id: id, claim_by: by, claim_fence: fence, claim_until: until } = cell;
  if (by === null || fence === null || !isHeldUntil(until, now)) return undefined;
  return { id, by, fence, until };
}

/** Whether the cell is claimed, delayed or done, or was claimed since its last result. */
export function hasClaimHistory({ claim_until, attempts, done }: ClaimColumns): boolean {
  return claim_until !== null || attempts > 0 || done === 1;
}

/** The state of an unexpired cell. */
export function claimState(cell: ClaimColumns, now: number): ClaimState {
  if (holderOf(cell, now) !== undefined) return 'held';
  if (cell.done === 1) return 'done';
  if (cell.claim_id === null && isHeldUntil(cell.claim_until, now)) return 'delayed';
  return cell.attempts >= MAX_FAILED_ATTEMPTS ? 'dead' : 'free';
}

/** The claim of an unexpired cell as answers show it; undefined if the cell was not claimed since its value was written. */
export function describeClaim(cell: ClaimColumns, now: number) {
  if (!hasClaimHistory(cell)) return undefined;
  const state = claimState(cell, now);
  if (state === 'free' && cell.attempts === 0) return undefined;
  const holder = holderOf(cell, now);
  const isTimed = state === 'held' || state === 'delayed';
  return {
    state,
    by: holder?.by,
    fence: holder?.fence,
    age_s: holder === undefined || cell.claimed_at === null ? undefined : ageSeconds(cell.claimed_at, now),
    expires_in_s: isTimed ? secondsLeft(cell.claim_until, now) : undefined,
    attempts: cell.attempts || undefined,
    failed: cell.failure ?? undefined,
  };
}

/** The holder as it is shown to callers that cannot have the cell now. */
export function describeHolder(holder: Holder, now: number) {
  return { held_by: holder.by, retry_after_ms: holder.until - now };
}

/** SQL: the conditions of the partial indexes, in the same words. */
export const IS_FREE = 'claim_until IS NULL AND attempts < 5';
export const IS_DUE = 'claim_until < 9007199254740991';
/** SQL: a code that an index has for each row: 0 is free and 2 is dead; 1 has all rows with `claim_until`. */
const STATE_CODE = 'CASE WHEN claim_until IS NOT NULL THEN 1 WHEN attempts >= 5 THEN 2 ELSE 0 END';
/** SQL: the three parts of that index, each in order of key. */
export const STATE_PARTS = [0, 1, 2].map((code) => `${STATE_CODE} = ${code}`);
export const ALL_STATES = { index: 'board_cells_state', where: `${STATE_CODE} IN (0, 1, 2)` } as const;

/**
 * SQL: where an index has the cells of each state, in order of key. It does not know the time: a claim or delay that has ended
 * remains there until it is cleared, so a query must compare `claim_until` as well.
 */
export const STATE_INDEXES = {
  free: { index: 'board_cells_state', where: `${STATE_CODE} = 0` },
  dead: { index: 'board_cells_state', where: `${STATE_CODE} = 2` },
  held: { index: 'board_cells_held', where: 'claim_id IS NOT NULL' },
  delayed: { index: 'board_cells_delayed', where: `claim_id IS NULL AND ${IS_DUE}` },
  done: { index: 'board_cells_done', where: 'claim_id IS NULL AND claim_until = 9007199254740991' },
} as const satisfies Record<ClaimState, { readonly index: string; readonly where: string }>;

/** SQL: ends a claim or delay without a result. A cell that was done before its claim is done again. */
export const END_CLAIM = `claim_id = NULL, claim_by = NULL, claim_fence = NULL, claimed_at = NULL,
  claim_until = CASE WHEN done = 1 THEN 9007199254740991 END`;

/** What remains in the row of a cell when its claim has ended. */
export interface Outcome {
  /** The failed attempts that remain counted. */
  readonly attempts: number;
  readonly isDone: boolean;
  readonly failure: string | null;
  /** When the cell is offered again, in milliseconds since the epoch; null: at once. */
  readonly delayedUntil: number | null;
}

/** A new value is new work: failed attempts at the old value, its result and its delay no longer count. */
export const NEW_WORK: Outcome = { attempts: 0, isDone: false, failure: null, delayedUntil: null };

/** Removes the claim from a cell's row. */
export function clearClaim({ sql }: Pick<ToolContext, 'sql'>, id: number, outcome: Outcome): void {
  const { attempts, isDone, failure, delayedUntil } = outcome;
  const isDead = attempts >= MAX_FAILED_ATTEMPTS;
  sql.exec(
    `UPDATE board_cells SET claim_id = NULL, claim_by = NULL, claim_fence = NULL, claimed_at = NULL,
       claim_until = ?, attempts = ?, done = ?, failure = ? WHERE id = ?`,
    isDone ? FOREVER : isDead ? null : delayedUntil,
    attempts,
    isDone ? 1 : 0,
    failure,
    id,
  );
}
