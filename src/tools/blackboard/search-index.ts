/**
 * The search index follows the cells instead of being written with each: one transaction for many cells touches a
 * fraction of the pages. No search misses a cell, because each first brings the index up to date.
 */
import type { Sql } from '../tool.ts';
import { tagList } from './cell.ts';
import { boardToken, MAX_INDEXED_CHARS, searchText } from './search-text.ts';

/** How far, in revisions, the index may be behind before a write brings it up to date. */
const MAX_BEHIND = 64;
const INDEXES = ['words', 'grams'] as const;

interface Behind extends Record<string, number> {
  /** The last event whose cell is indexed, and the last there is. */
  indexed: number;
  head: number;
}

/** Indexes what was written lately, when that has become much. */
export function keepIndexed(sql: Sql): void {
  const { indexed, head } = howFar(sql);
  if (head - indexed >= MAX_BEHIND) indexEvents(sql, { indexed, head });
}

/** Indexes whatever is not indexed yet. */
export function indexPending(sql: Sql): void {
  const behind = howFar(sql);
  if (behind.head > behind.indexed) indexEvents(sql, behind);
}

function howFar(sql: Sql): Behind {
  const [row] = sql.exec<Behind>(
    'SELECT rev AS indexed, coalesce((SELECT max(rev) FROM board_events), 0) AS head FROM board_indexed',
  );
  return row ?? { indexed: 0, head: 0 };
}

function indexEvents(sql: Sql, { indexed, head }: Behind): void {
  const cells = sql.exec<{ id: number; run_id: string; key: string; tags: string; value: string }>(
    `SELECT id, run_id, key, tags, substr(value, 1, ?) AS value FROM board_cells
     WHERE (run_id, key) IN (SELECT run_id, key FROM board_events WHERE rev > ?)`,
    MAX_INDEXED_CHARS,
    indexed,
  );
  for (const cell of cells) {
    const texts = searchText(cell.key, tagList(cell.tags), cell.value);
    for (const name of INDEXES) {
      sql.exec(
        `INSERT OR REPLACE INTO board_${name} (rowid, board, name, body) VALUES (?, ?, ?, ?)`,
        cell.id,
        boardToken(cell.run_id),
        texts[name].name,
        texts[name].body,
      );
    }
  }
  sql.exec('UPDATE board_indexed SET rev = ?', head);
}
