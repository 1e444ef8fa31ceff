/** The queries that list, count and search cells. */
import type { Sql, SqlValue } from '../tool.ts';
import { type Cell, type Condition, keyCondition, NOT_EXPIRED } from './cell.ts';
import { type ClaimState, claimCondition } from './claim-state.ts';
import { PREVIEW_SOURCE_CHARS } from './value.ts';

/** Totals stop here. More cells can still be listed, but a search ranks only this many hits of each index. */
const MAX_COUNTED = 10_000;

/** `value` is the start of the JSON text, for a preview. */
export type ListedCell = Pick<
  Cell,
  | 'key'
  | 'rev'
  | 'author'
  | 'updated_at'
  | 'expires_at'
  | 'bytes'
  | 'claim_by'
  | 'claim_until'
  | 'tags'
  | 'value'
> & { score: number | null };

export interface CellCount {
  readonly total: number;
  /** True if the real number is larger than `total`. */
  readonly isMinimum: boolean;
}

export interface Page<Position> extends CellCount {
  readonly cells: ListedCell[];
  /** The position of the next page, for its cursor; undefined on the last page. */
  readonly next: Position | undefined;
}

/** Matches the unexpired cells of a board whose key starts with `prefix`, that have all `tags` and are in claim state `state`. */
export function cellFilter(
  runId: string,
  prefix: string,
  tags: readonly string[],
  now: number,
  state?: ClaimState,
): Condition {
  const keys = keyCondition(runId, prefix);
  const where = [keys.where, NOT_EXPIRED];
  const bindings: SqlValue[] = [...keys.bindings, now];
  if (tags.length > 0) {
    where.push(
      `key IN (SELECT key FROM board_tags WHERE run_id = ? AND tag IN (SELECT value FROM json_each(?))
       GROUP BY key HAVING count(*) = ?)`,
    );
    bindings.push(runId, JSON.stringify(tags), tags.length);
  }
  if (state !== undefined) {
    const claim = claimCondition(state, now);
    where.push(claim.where);
    bindings.push(...claim.bindings);
  }
  return { where: where.join(' AND '), bindings };
}

export function countCells(sql: Sql, { where, bindings }: Condition): CellCount {
  const [row] = sql.exec<{ n: number }>(
    `SELECT count(*) AS n FROM (SELECT 1 FROM board_cells WHERE ${where} LIMIT ?)`,
    ...bindings,
    MAX_COUNTED + 1,
  );
  return counted(row?.n ?? 0);
}

const counted = (n: number): CellCount => ({ total: Math.min(n, MAX_COUNTED), isMinimum: n > MAX_COUNTED });

const COLUMNS = `key, rev, author, updated_at, expires_at, bytes, claim_by, claim_until, tags,
  substr(value, 1, ${PREVIEW_SOURCE_CHARS}) AS value`;

/** One page in order of key. @param after the last key of the previous page */
export function pageByKey(
  sql: Sql,
  { where, bindings }: Condition,
  after: string | undefined,
  limit: number,
): Page<string> {
  const rows = sql.exec<ListedCell>(
    `SELECT ${COLUMNS}, NULL AS score FROM board_cells WHERE ${where} AND key > ? ORDER BY key LIMIT ?`,
    ...bindings,
    after ?? '',
    limit + 1,
  );
  const cells = rows.slice(0, limit);
  return {
    cells,
    next: rows.length > limit ? cells.at(-1)?.key : undefined,
    ...countCells(sql, { where, bindings }),
  };
}

/**
 * One page of search results, best first: the score is the sum of the BM25 ranks in both indexes.
 * @param expressions from `boardQuery`
 * @param offset how many results the previous pages had
 */
export function pageByScore(
  sql: Sql,
  { where, bindings }: Condition,
  expressions: { words: string | undefined; grams: string | undefined },
  offset: number,
  limit: number,
): Page<number> {
  const sources = (['words', 'grams'] as const).flatMap((name) => {
    const expression = expressions[name];
    return expression === undefined ? [] : [{ select: selectHits(`board_${name}`), expression }];
  });
  if (sources.length === 0) return { cells: [], next: undefined, total: 0, isMinimum: false };
  const rows = sql.exec<ListedCell & { n: number }>(
    `WITH hits AS (${sources.map(({ select }) => select).join(' UNION ALL ')}),
       scores AS (SELECT id, -sum(rank) AS score FROM hits GROUP BY id)
     SELECT ${COLUMNS}, score, count(*) OVER () AS n FROM scores JOIN board_cells USING (id)
     WHERE ${where} ORDER BY score DESC, key LIMIT ? OFFSET ?`,
    ...sources.map(({ expression }) => expression),
    ...bindings,
    limit,
    offset,
  );
  const n = rows[0]?.n ?? offset;
  const end = offset + rows.length;
  return { cells: rows, next: rows.length > 0 && end < n ? end : undefined, ...counted(n) };
}

/** BM25 weights: 0 for the board token, 4 for a match in the key or the tags, 1 for a match in the value. */
function selectHits(table: string): string {
  return `SELECT * FROM (SELECT rowid AS id, bm25(${table}, 0.0, 4.0, 1.0) AS rank
    FROM ${table} WHERE ${table} MATCH ? LIMIT ${MAX_COUNTED})`;
}
