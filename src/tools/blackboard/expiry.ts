/**
 * Expired cells and claims as events. A cell or claim expires by time alone, and every answer respects that at once; here
 * the expiry is logged with a revision, so that watchers and subscribers learn of it.
 *
 * Guarantees: each expiry is logged exactly once, because the same transaction removes what has expired from the cell's row.
 * Events are logged in the order of their times, at most a given number in one call.
 * Failure: if nothing is logged for a long time (a local server that does not run), events are logged late, but with the time at which they happened.
 */
import type { Expiry, ExpiryContext, Sql } from '../tool.ts';
import { type Cell, isExpired } from './cell.ts';
import { deleteCellRows } from './cell-rows.ts';
import { logClaimEvent } from './claim-log.ts';
import { END_CLAIM, FOREVER, IS_DUE } from './claim-state.ts';
import { boardTopic, queueTopic } from './fields.ts';
import { indexIfBehind } from './search-index.ts';

/** What is logged of a cell that has expired, or whose claim has. */
export type ClaimedRow = Pick<
  Cell,
  | 'id'
  | 'run_id'
  | 'key'
  | 'rev'
  | 'author'
  | 'principal'
  | 'expires_at'
  | 'claim_id'
  | 'claim_by'
  | 'claim_until'
>;
export const CLAIM_COLUMNS =
  'id, run_id, key, rev, author, principal, expires_at, claim_id, claim_by, claim_until';

export const boardExpiry: Expiry = {
  next(sql) {
    const [next] = sql.exec<{ cell: number | null; claim: number | null }>(
      `SELECT
         (SELECT expires_at FROM board_cells WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT 1) AS cell,
         (SELECT claim_until FROM board_cells INDEXED BY board_cells_due WHERE ${IS_DUE} ORDER BY claim_until LIMIT 1)
           AS claim`,
    );
    const at = Math.min(next?.cell ?? FOREVER, next?.claim ?? FOREVER);
    return at === FOREVER ? undefined : at;
  },
  record(context, limit) {
    const cells = context.sql.exec<ClaimedRow>(
      `SELECT ${CLAIM_COLUMNS} FROM board_cells WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`,
      context.now,
      limit,
    );
    const claims = context.sql.exec<ClaimedRow>(
      `SELECT ${CLAIM_COLUMNS} FROM board_cells INDEXED BY board_cells_due
       WHERE ${IS_DUE} AND claim_until <= ? ORDER BY claim_until LIMIT ?`,
      context.now,
      limit,
    );
    recordExpiries(context, cells, claims);
    indexIfBehind(context.sql);
    return cells.length + claims.length;
  },
};

/** When the next cell or claim of a board expires, or has expired without being logged. */
export function nextExpiryOf(sql: Sql, runId: string): number | undefined {
  const [row] = sql.exec<{ at: number }>(
    `SELECT min(coalesce((SELECT expires_at FROM board_cells INDEXED BY board_cells_board_expiry
         WHERE run_id = ? AND expires_at IS NOT NULL ORDER BY expires_at LIMIT 1), ${FOREVER}),
       coalesce((SELECT claim_until FROM board_cells INDEXED BY board_cells_claim_end
         WHERE run_id = ? AND claim_until IS NOT NULL ORDER BY claim_until LIMIT 1), ${FOREVER})) AS at`,
    runId,
    runId,
  );
  return row === undefined || row.at === FOREVER ? undefined : row.at;
}

/** How many ended claims one call of a tool clears at a time. */
const MAX_CLEARED = 128;

/**
 * Logs and clears claims and delays of a board that have ended, the first to end first.
 * @returns true if none is left
 */
export function endClaimsOf(context: ExpiryContext, runId: string): boolean {
  const rows = context.sql.exec<ClaimedRow>(
    `SELECT ${CLAIM_COLUMNS} FROM board_cells INDEXED BY board_cells_claim_end
     WHERE run_id = ? AND claim_until <= ? ORDER BY claim_until LIMIT ?`,
    runId,
    context.now,
    MAX_CLEARED,
  );
  endOverdueClaims(context, rows);
  return rows.length < MAX_CLEARED;
}

/** Whether a claim or delay of a board has ended and is not cleared yet: then its cell is not listed in the right state. */
export function hasUnclearedClaims(sql: Sql, runId: string, now: number): boolean {
  return (
    sql.exec(
      `SELECT 1 AS due FROM board_cells INDEXED BY board_cells_claim_end
       WHERE run_id = ? AND claim_until <= ? LIMIT 1`,
      runId,
      now,
    ).length > 0
  );
}

/** Logs and clears the claims that have ended of these unexpired cells, whatever the other cells are. */
export function endOverdueClaims(context: ExpiryContext, cells: readonly ClaimedRow[]): void {
  recordExpiries(
    context,
    [],
    cells.filter(({ claim_until }) => claim_until !== null && claim_until <= context.now),
  );
}

/** Logs the expiry of a cell and removes its rows. */
export function expireCell(context: ExpiryContext, cell: ClaimedRow): void {
  recordExpiries(context, [cell], []);
}

type Expired = {
  readonly row: ClaimedRow;
  readonly at: number;
  /** `claim of cell`: the claim ended with its cell, which is no event of its own. */
  readonly what: 'claim' | 'claim of cell' | 'cell';
};

/**
 * @param cells expired cells
 * @param claims rows whose `claim_until` has passed
 */
function recordExpiries(
  context: ExpiryContext,
  cells: readonly ClaimedRow[],
  claims: readonly ClaimedRow[],
): void {
  const gone = new Set(cells.map(({ id }) => id));
  // A claim that ended after its cell is logged with the cell.
  const cleared = claims.filter(
    ({ id, expires_at, claim_until }) => !gone.has(id) && !isExpired(expires_at, claim_until ?? 0),
  );
  const expired = [...cleared.flatMap(endOfClaim), ...cells.flatMap(endOfCell)].sort(inOrder);
  if (cells.length > 0) deleteCellRows(context.sql, [...gone]);
  if (cleared.length > 0)
    context.sql.exec(
      `UPDATE board_cells SET ${END_CLAIM} WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(cleared.map(({ id }) => id)),
    );
  for (const one of expired) {
    if (one.what === 'cell') logExpiredCell(context, one);
    else logExpiredClaim(context, one);
  }
  for (const runId of new Set(cleared.map(({ run_id }) => run_id))) context.touch(queueTopic(runId));
}

/** By time; claims before cells, and each in the order in which its cell was created. */
function inOrder(a: Expired, b: Expired): number {
  const rank = ({ what }: Expired) => (what === 'claim' ? 0 : 1);
  return a.at - b.at || rank(a) - rank(b) || a.row.id - b.row.id;
}

function endOfClaim(row: ClaimedRow): Expired[] {
  // Without a claim id it was a delay.
  return row.claim_id === null ? [] : [{ row, at: row.claim_until ?? 0, what: 'claim' }];
}

function endOfCell(row: ClaimedRow): Expired[] {
  const at = row.expires_at ?? 0;
  const cell = { row, at, what: 'cell' } as const;
  if (row.claim_id === null) return [cell];
  const endsFirst = row.claim_until !== null && row.claim_until < at;
  return [...(endsFirst ? endOfClaim(row) : [{ row, at, what: 'claim of cell' } as const]), cell];
}

function logExpiredClaim(context: ExpiryContext, { row, at, what }: Expired): void {
  const isEvent = what === 'claim';
  logClaimEvent(context, {
    run_id: row.run_id,
    key: row.key,
    op: 'release',
    by: row.claim_by ?? '',
    claimId: row.claim_id,
    cellRev: isEvent ? row.rev : 0,
    ended: isEvent ? 'expired' : 'cell_expired',
    expiredAt: at,
  });
}

function logExpiredCell(context: ExpiryContext, { row, at }: Expired): void {
  context.sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, tags, listed, expired_at)
     VALUES (?, ?, ?, 'delete', ?, ?, ?, '[]', 1, ?)`,
    context.nextRev(),
    row.run_id,
    row.key,
    row.author,
    row.principal,
    context.now,
    at,
  );
  context.touch(boardTopic(row.run_id));
}
