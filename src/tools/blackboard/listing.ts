/** The queries behind lists of cells. */
import type { Sql, SqlValue } from '../tool.ts';
import { prefixRange } from './cell.ts';
import { type ClaimState, inState } from './claim-state.ts';
import { MAX_PREVIEW_CHARS } from './value.ts';

/** Cells beyond this many are listed, but neither counted nor, in a search, ranked. */
const MAX_COUNTED = 10_000;

/** A part of a WHERE clause on `board_cells` with its bindings. */
export interface Filter {
  readonly where: string;
  readonly bindings: readonly SqlValue[];
}

export type ListedCell = {
  key: string;
  rev: number;
  author: string;
  updated_at: number;
  expires_at: number | null;
  bytes: number;
  claim_by: string | null;
  claim_until: number | null;
  tags: string;
  /** The beginning of the JSON text. */
  value: string;
  score: number | null;
};

export interface Counted {
  readonly total: number;
  /** Whether there are more than `total`. */
  readonly uncounted: boolean;
}

export interface Page extends Counted {
  readonly cells: ListedCell[];
  /** Where the next page begins, if there is one. */
  readonly next: string | undefined;
}

/** The live cells of a board whose key begins with `prefix`, that have all of `tags` and whose claim is in `state`. */
export function cellFilter(
  runId: string,
  prefix: string,
  tags: readonly string[],
  now: number,
  state?: ClaimState,
): Filter {
  const where = ['run_id = ?', '(expires_at IS NULL OR expires_at > ?)'];
  const bindings: SqlValue[] = [runId, now];
  if (prefix !== '') {
    const { from, to } = prefixRange(prefix.normalize('NFC'));
    where.push('key >= ?');
    bindings.push(from);
    if (to !== undefined) {
      where.push('key < ?');
      bindings.push(to);
    }
  }
  if (tags.length > 0) {
    where.push(
      `key IN (SELECT key FROM board_tags WHERE run_id = ? AND tag IN (SELECT value FROM json_each(?))
       GROUP BY key HAVING count(*) = ?)`,
    );
    bindings.push(runId, JSON.stringify(tags), tags.length);
  }
  if (state !== undefined) {
    const claim = inState(state, now);
    where.push(claim.where);
    bindings.push(...claim.bindings);
  }
  return { where: where.join(' AND '), bindings };
}

export function countCells(sql: Sql, { where, bindings }: Filter): Counted {
  const [row] = sql.exec<{ n: number }>(
    `SELECT count(*) AS n FROM (SELECT 1 FROM board_cells WHERE ${where} LIMIT ?)`,
    ...bindings,
    MAX_COUNTED + 1,
  );
  return counted(row?.n ?? 0);
}

const counted = (n: number): Counted => ({ total: Math.min(n, MAX_COUNTED), uncounted: n > MAX_COUNTED });

// One character more than is shown tells whether there is more.
const SHOWN = `key, rev, author, updated_at, expires_at, bytes, claim_by, claim_until, tags,
  substr(value, 1, ${MAX_PREVIEW_CHARS + 1}) AS value`;

/** @param after the key that the page before ended with */
export function pageByKey(
  sql: Sql,
  { where, bindings }: Filter,
  after: string | undefined,
  limit: number,
): Page {
  const rows = sql.exec<ListedCell>(
    `SELECT ${SHOWN}, NULL AS score FROM board_cells WHERE ${where} AND key > ? ORDER BY key LIMIT ?`,
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
 * The best matches first, by the sum of both indexes' BM25.
 * @param expressions for the two indexes; undefined where a query has nothing that the index could find
 * @param after how many matches the pages before had
 */
export function pageByScore(
  sql: Sql,
  { where, bindings }: Filter,
  expressions: { words: string | undefined; grams: string | undefined },
  after: string | undefined,
  limit: number,
): Page {
  const sources = (['words', 'grams'] as const).flatMap((name) => {
    const expression = expressions[name];
    return expression === undefined ? [] : [{ select: selectHits(`board_${name}`), expression }];
  });
  if (sources.length === 0) return { cells: [], next: undefined, total: 0, uncounted: false };
  const offset = Number(after ?? 0);
  const rows = sql.exec<ListedCell & { n: number }>(
    `WITH hits AS (${sources.map(({ select }) => select).join(' UNION ALL ')}),
       scores AS (SELECT id, -sum(rank) AS score FROM hits GROUP BY id)
     SELECT ${SHOWN}, score, count(*) OVER () AS n FROM scores JOIN board_cells USING (id)
     WHERE ${where} ORDER BY score DESC, key LIMIT ? OFFSET ?`,
    ...sources.map(({ expression }) => expression),
    ...bindings,
    limit,
    offset,
  );
  const n = rows[0]?.n ?? offset;
  const end = offset + rows.length;
  return { cells: rows, next: rows.length > 0 && end < n ? String(end) : undefined, ...counted(n) };
}

/** Weights: the token of the board counts nothing, a match in the key or the tags four times one in the value. */
function selectHits(table: string): string {
  return `SELECT * FROM (SELECT rowid AS id, bm25(${table}, 0.0, 4.0, 1.0) AS rank
    FROM ${table} WHERE ${table} MATCH ? LIMIT ${MAX_COUNTED})`;
}
