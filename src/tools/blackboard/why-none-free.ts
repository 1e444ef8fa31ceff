/** Says why `blackboard_claim` found no free cell: whether anything is left, and when the next cell can become free. */
import type { Sql } from '../tool.ts';
import { IS_DUE, STATE_INDEXES } from './claim-state.ts';
import { countCells, type Selection, stateCondition } from './listing.ts';
import { filterOf } from './next-free.ts';

/** How many claims and delays are examined, the first to end first. */
const MAX_EXAMINED = 1_000;
/** Held and delayed cells are counted up to this number: more do not change what the caller does. */
const MAX_COUNTED = 50;

export interface WhyNone {
  /** When the first claim or delay of a matching cell ends, in milliseconds since the epoch. */
  readonly until: number | undefined;
  readonly held: number;
  readonly delayed: number;
  readonly dead: number;
}

export function whyNoneFree(sql: Sql, selection: Selection): WhyNone {
  return {
    until: firstEnd(sql, selection),
    held: countUpTo(sql, { ...selection, state: 'held' }),
    delayed: countUpTo(sql, { ...selection, state: 'delayed' }),
    dead: countCells(sql, { ...selection, state: 'dead' }).total,
  };
}

function firstEnd(sql: Sql, selection: Selection): number | undefined {
  const filter = filterOf(selection);
  const claims = `SELECT run_id, key, expires_at, claim_until FROM board_cells INDEXED BY board_cells_claim_end
    WHERE run_id = ? AND claim_until > ? AND ${IS_DUE} ORDER BY claim_until LIMIT`;
  const bindings = [selection.runId, selection.now];
  const [first] = sql.exec<{ claim_until: number }>(
    `SELECT claim_until FROM (${claims} ?) AS cell WHERE ${filter.where} LIMIT 1`,
    ...bindings,
    MAX_EXAMINED,
    ...filter.bindings,
  );
  // No claim on a matching cell ends before the last one that was examined.
  const [last] =
    first === undefined
      ? sql.exec<{ claim_until: number }>(`${claims} 1 OFFSET ?`, ...bindings, MAX_EXAMINED - 1)
      : [first];
  return last?.claim_until;
}

/** Counts matching cells of one state among the first 1,000 in order of key. */
function countUpTo(sql: Sql, selection: Selection & { readonly state: 'held' | 'delayed' }): number {
  const filter = filterOf(selection);
  const { index, where } = STATE_INDEXES[selection.state];
  const state = stateCondition(selection);
  return sql.exec(
    `SELECT 1 AS found FROM
       (SELECT run_id, key, expires_at, claim_until FROM board_cells INDEXED BY ${index}
        WHERE ${where} AND run_id = ? AND ${state.where} ORDER BY key LIMIT ?) AS cell
     WHERE ${filter.where} LIMIT ?`,
    selection.runId,
    ...state.bindings,
    MAX_EXAMINED,
    ...filter.bindings,
    MAX_COUNTED,
  ).length;
}
