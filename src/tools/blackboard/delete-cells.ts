import type { ToolContext } from '../tool.ts';
import { deleteCellRows } from './cell-rows.ts';
import { logClaimEvents } from './claim-log.ts';
import { isHeldUntil } from './claim-state.ts';
import { CLAIM_COLUMNS, type ClaimedRow, endOverdueClaims } from './expiry.ts';
import { boardTopic } from './fields.ts';

/**
 * Deletes unexpired cells of a board and logs a `delete` event with a revision of its own for each. Claims on them are lost.
 * @param releasing the claim whose release deletes the cell, which is logged by the release
 */
export function deleteCells(
  context: ToolContext,
  runId: string,
  ids: readonly number[],
  releasing?: string,
): void {
  const { sql, now, author } = context;
  context.touch(boardTopic(runId));
  const cells = sql.exec<ClaimedRow>(
    `SELECT ${CLAIM_COLUMNS} FROM board_cells WHERE id IN (SELECT value FROM json_each(?)) ORDER BY key`,
    JSON.stringify(ids),
  );
  endOverdueClaims(context, cells);
  // The cells first: their pages are then free for the events, also on a full disk.
  deleteCellRows(sql, ids);
  sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, tags, listed)
     SELECT pair.value ->> 0, ?, pair.value ->> 1, 'delete', ?, ?, ?, '[]', 1 FROM json_each(?) AS pair`,
    runId,
    author.principal,
    author.principal,
    now,
    JSON.stringify(cells.map(({ key }) => [context.nextRev(), key])),
  );
  const lost = cells.filter(
    ({ claim_id, claim_until }) =>
      claim_id !== null && claim_id !== releasing && isHeldUntil(claim_until, now),
  );
  logClaimEvents(
    context,
    lost.map(({ run_id, key, claim_id, claim_by }) => ({
      run_id,
      key,
      op: 'release',
      by: claim_by ?? '',
      claimId: claim_id,
      cellRev: 0,
      ended: 'deleted',
    })),
  );
}
