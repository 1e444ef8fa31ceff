/**
 * The log of claims: who claimed which cell, and how each claim ended. `blackboard_watch` shows its events, and the holder of a
 * claim that has ended learns from it which cell the claim was on.
 * Memory: entries are stored for 7 days, at most the last 100,000 revisions.
 */
import type { ToolContext } from '../tool.ts';
import { boardTopic } from './fields.ts';
import { limitClaimEvents } from './sweep.ts';

/** How a claim ended that was not released; the watcher of a board is shown `expired` only. */
export type ClaimEnd = 'expired' | 'taken_over' | 'deleted' | 'cell_expired';

export interface ClaimEvent {
  readonly run_id: string;
  readonly key: string;
  readonly op: 'claim' | 'release';
  readonly by: string;
  /** Set when the claim ends, so that `findEndedClaim` finds it. */
  readonly claimId?: string | null;
  /** The rev of the cell when its claim ended; 0 if it was deleted. */
  readonly cellRev?: number;
  readonly ended?: ClaimEnd;
  /** When the claim expired, in milliseconds since the epoch. */
  readonly expiredAt?: number;
}

/** What logging needs; the author of an expiry is nobody. */
export type LogContext = Pick<ToolContext, 'sql' | 'now' | 'nextRev' | 'touch'> &
  Partial<Pick<ToolContext, 'author'>>;

/** Logs an event of a claim with a revision of its own. @returns that revision */
export function logClaimEvent(context: LogContext, event: ClaimEvent): number {
  const rev = context.nextRev();
  context.sql.exec(
    `INSERT INTO board_marks (rev, run_id, key, op, author, principal, at, claim_id, cell_rev, ended, expired_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    rev,
    event.run_id,
    event.key,
    event.op,
    event.by,
    context.author?.principal ?? '',
    context.now,
    event.claimId ?? null,
    event.cellRev ?? null,
    event.ended ?? null,
    event.expiredAt ?? null,
  );
  limitClaimEvents(context.sql);
  context.touch(boardTopic(event.run_id));
  return rev;
}

export function logClaimEvents(context: LogContext, events: readonly ClaimEvent[]): void {
  for (const event of events) logClaimEvent(context, event);
}

export type EndedClaim = { run_id: string; key: string; cell_rev: number; ended: ClaimEnd | null };

/** The logged end of a claim; undefined if it has not ended, or the log entry has been deleted. */
export function findEndedClaim({ sql }: Pick<ToolContext, 'sql'>, claimId: string): EndedClaim | undefined {
  const [row] = sql.exec<EndedClaim>(
    'SELECT run_id, key, cell_rev, ended FROM board_marks WHERE claim_id = ?',
    claimId,
  );
  return row;
}
