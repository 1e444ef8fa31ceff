import type { HeldCallView, HeldState } from '../contract/approval.ts';
import { REMOTE_TOOL_MS, type TokenId } from '../contract/call.ts';

/** A held call as it is stored. */

/** A run of a remote tool whose end was not reported for this long was lost: it could not last longer. */
export const LOST_AFTER_MS = REMOTE_TOOL_MS + 30_000;

export type HeldRow = {
  id: string;
  state: HeldState;
  token_id: TokenId;
  tool: string;
  digest: string;
  run_key: string;
  trace_id: string;
  client: string | null;
  size: number;
  held_at: number;
  expires_at: number;
  forget_at: number;
  decided_at: number | null;
  decided_by: string | null;
  reason: string | null;
  started_at: number | null;
  slot: string | null;
  args: string;
  result: string | null;
};

/** The state at `now`, also when nobody has stored yet that its time is over. */
export function stateAt(row: HeldRow, now: number): HeldState {
  const isOpen = row.state === 'pending' || row.state === 'approved';
  if (isOpen && now >= row.expires_at) return 'expired';
  // Also after a clock has stepped back: it would be running until the clock is where it was.
  if (row.state === 'running' && Math.abs(now - (row.started_at ?? 0)) >= LOST_AFTER_MS) return 'unknown';
  return row.state;
}

export const viewOf = (row: HeldRow, tokenLabel: string | undefined, now: number): HeldCallView => ({
  id: row.id,
  state: stateAt(row, now),
  tool: row.tool,
  tokenId: row.token_id,
  tokenLabel,
  client: row.client ?? undefined,
  traceId: row.trace_id,
  heldAt: row.held_at,
  expiresAt: row.expires_at,
  decidedAt: row.decided_at ?? undefined,
  decidedBy: row.decided_by ?? undefined,
  reason: row.reason ?? undefined,
});
