/**
 * The queries that list and count cells.
 *
 * Guarantees: the cost of a page or a count depends on its size, not on the number of cells. A page examines at most 1,000
 * cells and a count 1,001. A page whose filter rejects most of them can be short, or empty, and still have a next page.
 * The indexes are named, because without statistics SQLite would choose others.
 */
import type { Sql, SqlValue } from '../tool.ts';
import { type Cell, type Condition, keyCondition, NOT_EXPIRED } from './cell.ts';
import { ALL_STATES, type ClaimColumns, type ClaimState, STATE_INDEXES } from './claim-state.ts';
import { PREVIEW_SOURCE_CHARS } from './value.ts';

/** How many cells a count examines. Totals stop here; more cells can still be listed. */
const MAX_COUNTED = 1_000;
/** With tags, each cell that a count examines takes several look-ups. */
const MAX_COUNTED_BY_TAG = 300;
/** How many cells a page examines. */
const MAX_EXAMINED = 1_000;

/** The unexpired cells of a board whose key starts with `prefix`, that have all `tags` and are in claim state `state`. */
export interface Selection {
  readonly runId: string;
  readonly prefix: string;
  readonly tags: readonly string[];
  readonly state?: ClaimState | undefined;
  readonly now: number;
}

/** `value` is the start of the JSON text, for a preview. */
export type ListedCell = ClaimColumns &
  Pick<Cell, 'key' | 'rev' | 'author' | 'principal' | 'updated_at' | 'bytes' | 'tags' | 'value'> & {
    score: number | null;
  };

export interface CellCount {
  readonly total: number;
  /** True if the real number can be larger than `total`. */
  readonly isMinimum: boolean;
}

export interface Page<Position> extends CellCount {
  readonly cells: ListedCell[];
  /** The position of the next page, for its cursor; undefined on the last page. */
  readonly next: Position | undefined;
}

export const LISTED_COLUMNS = `key, rev, author, principal, updated_at, expires_at, bytes, claim_id, claim_by, claim_fence,
  claim_until, claimed_at, attempts, done, failure, tags, substr(value, 1, ${PREVIEW_SOURCE_CHARS}) AS value`;

/** SQL on the row of a cell: whether it is unexpired and in the state of a selection. */
export function stateCondition(selection: Selection): Condition {
  const { where, bindings } = entryCondition(selection);
  if (selection.state === undefined) return { where, bindings };
  return { where: `${STATE_INDEXES[selection.state].where} AND ${where}`, bindings };
}

/** SQL on an entry of the index of a selection's state: what that index does not say of it. It has the columns, so no row is read. */
function entryCondition({ state, now }: Selection): Condition {
  // A claim or delay that has ended can still be in its row.
  return state === 'held' || state === 'delayed'
    ? { where: `${NOT_EXPIRED} AND claim_until > ?`, bindings: [now, now] }
    : { where: NOT_EXPIRED, bindings: [now] };
}

/** SQL on the column `key` of any table: whether the cell has all of these tags. */
export function tagsCondition(runId: string, tags: readonly string[]): Condition {
  // Not EXISTS: SQLite could make that a join and begin with all cells that have the tag.
  const one =
    '(SELECT count(*) FROM board_tags WHERE run_id = ? AND tag = ? AND board_tags.key = cell.key) = 1';
  return {
    where: tags.length === 0 ? 'true' : tags.map(() => one).join(' AND '),
    bindings: tags.flatMap((tag) => [runId, tag]),
  };
}

/** The range of keys of a page, as SQL. One lower bound only, so that a late page does not read the earlier ones. */
function rangeOf({ runId, prefix }: Selection, after: string | undefined): Condition {
  const range = keyCondition(runId, prefix);
  if (after === undefined) return range;
  const upper = range.where.endsWith('key < ?') ? range.bindings.slice(-1) : [];
  return {
    where: `run_id = ? AND key > ?${upper.length > 0 ? ' AND key < ?' : ''}`,
    bindings: [runId, after, ...upper],
  };
}

/** SQL that yields `key`, in order, of the cells that a page or a count examines. */
function examined(selection: Selection, range: Condition): Condition {
  const { tags, state } = selection;
  const [tag] = tags;
  if (tag !== undefined)
    return {
      where: `SELECT key FROM board_tags WHERE tag = ? AND ${range.where} ORDER BY key LIMIT ?`,
      bindings: [tag, ...range.bindings],
    };
  if (state === undefined)
    return {
      where: `SELECT key FROM board_cells INDEXED BY sqlite_autoindex_board_cells_1
        WHERE ${range.where} ORDER BY key LIMIT ?`,
      bindings: range.bindings,
    };
  const { index, where } = STATE_INDEXES[state];
  return {
    where: `SELECT key FROM board_cells INDEXED BY ${index} WHERE ${where} AND ${range.where} ORDER BY key LIMIT ?`,
    bindings: range.bindings,
  };
}

/** One page in order of key. @param after the last key of the previous page */
export function pageByKey(
  sql: Sql,
  selection: Selection,
  after: string | undefined,
  limit: number,
): Page<string> {
  const { runId, tags } = selection;
  const keys = examined(selection, rangeOf(selection, after));
  const state = stateCondition(selection);
  const others = tagsCondition(runId, tags.slice(1));
  const rows = sql.exec<ListedCell>(
    `SELECT cell.${LISTED_COLUMNS}, NULL AS score
     FROM (${keys.where}) AS found CROSS JOIN board_cells AS cell ON cell.run_id = ? AND cell.key = found.key
     WHERE ${state.where} AND ${others.where} LIMIT ?`,
    ...keys.bindings,
    MAX_EXAMINED,
    runId,
    ...state.bindings,
    ...others.bindings,
    limit + 1,
  );
  const cells = rows.slice(0, limit);
  const next = rows.length > limit ? cells.at(-1)?.key : lastExamined(sql, keys);
  return { cells, next, ...countCells(sql, selection) };
}

/** The last key that a page examined; undefined if it examined all. */
function lastExamined(sql: Sql, { where, bindings }: Condition): string | undefined {
  const [row] = sql.exec<{ key: string }>(`${where} OFFSET ?`, ...bindings, 1, MAX_EXAMINED - 1);
  return row?.key;
}

/** Counts the cells, those that match among the first 1,001 in order of key; with tags, the first 301. */
export function countCells(sql: Sql, selection: Selection): CellCount {
  const byTag = selection.tags.length > 0;
  const most = byTag ? MAX_COUNTED_BY_TAG : MAX_COUNTED;
  const { where, bindings } = byTag ? countByTag(selection) : countByState(selection);
  const [row] = sql.exec<{ examined: number; matching: number }>(
    `SELECT count(*) AS examined, coalesce(sum(matches), 0) AS matching FROM (${where})`,
    ...bindings,
    most + 1,
  );
  return { total: Math.min(row?.matching ?? 0, most), isMinimum: (row?.examined ?? 0) > most };
}

/** SQL that yields `matches`, 0 or 1, for each cell that is counted. */
function countByState(selection: Selection): Condition {
  const { runId, prefix, state } = selection;
  const range = keyCondition(runId, prefix);
  const matches = entryCondition(selection);
  const { index, where } = state === undefined ? ALL_STATES : STATE_INDEXES[state];
  return {
    where: `SELECT ${matches.where} AS matches FROM board_cells INDEXED BY ${index}
      WHERE ${where} AND ${range.where} LIMIT ?`,
    bindings: [...matches.bindings, ...range.bindings],
  };
}

function countByTag(selection: Selection): Condition {
  const { runId, tags, state } = selection;
  const keys = examined(selection, keyCondition(runId, selection.prefix));
  const matches = entryCondition(selection);
  const others = tagsCondition(runId, tags.slice(1));
  const { index, where } = state === undefined ? ALL_STATES : STATE_INDEXES[state];
  return {
    where: `SELECT EXISTS (SELECT 1 FROM board_cells INDEXED BY ${index} WHERE run_id = ?
        AND ${where} AND board_cells.key = cell.key AND ${matches.where})
        AND ${others.where} AS matches FROM (${keys.where}) AS cell`,
    bindings: [runId, ...matches.bindings, ...others.bindings, ...keys.bindings],
  };
}

/** The cells with these ids in their order; expired ones are missing. */
export function listedCells(sql: Sql, found: readonly { id: number; score: number }[]): ListedCell[] {
  const rows = sql.exec<ListedCell & { id: SqlValue }>(
    `SELECT id, ${LISTED_COLUMNS}, NULL AS score FROM board_cells WHERE id IN (SELECT value FROM json_each(?))`,
    JSON.stringify(found.map(({ id }) => id)),
  );
  const byId = new Map(rows.map(({ id, ...cell }) => [id, cell]));
  return found.flatMap(({ id, score }) => {
    const cell = byId.get(id);
    return cell === undefined ? [] : [{ ...cell, score }];
  });
}
