/**
 * Keeps the two full-text indexes (words and trigrams) up to date with the cells.
 *
 * Writes do not update the index; it catches up in batches, because indexing many cells in one transaction touches far
 * fewer database pages. It finds the cells to index through their events.
 * Guarantees: a search misses no cell, because it first calls `indexPending`. A write makes the index catch up once it is 64
 * revisions behind, so a search never has much to do.
 * The sweep must call `indexPending` before it deletes events: a cell without an event would never be indexed.
 * Memory: one batch holds at most 2,048 characters of each changed cell.
 */
import type { Sql } from '../tool.ts';
import { parseTags } from './cell.ts';
import { boardToken, MAX_INDEXED_CHARS, searchText } from './search-text.ts';

/** How many revisions the index may be behind before a write makes it catch up. */
const MAX_BEHIND = 64;
const INDEXES = ['words', 'grams'] as const;

interface IndexPosition extends Record<string, number> {
  /** The revisions of the last indexed event and of the last stored event. */
  indexed: number;
  head: number;
}

/** Indexes the cells that were written since the last batch, if they are many. */
export function indexIfBehind(sql: Sql): void {
  const { indexed, head } = indexPosition(sql);
  if (head - indexed >= MAX_BEHIND) indexEvents(sql, { indexed, head });
}

/** Bytes that the index entries of a value take at most, for each byte of the value. */
const INDEX_FACTOR = 3;

/** About how many bytes the index will grow by when it learns of what was written lately. */
export function pendingIndexBytes(sql: Sql): number {
  const [row] = sql.exec<{ bytes: number }>(
    `SELECT coalesce(sum(min(coalesce(bytes, 0), ?)), 0) AS bytes FROM board_events
     WHERE rev > (SELECT rev FROM board_indexed)`,
    MAX_INDEXED_CHARS,
  );
  return INDEX_FACTOR * (row?.bytes ?? 0);
}

/** Indexes every cell that is not indexed yet. */
export function indexPending(sql: Sql): void {
  const behind = indexPosition(sql);
  if (behind.head > behind.indexed) indexEvents(sql, behind);
}

function indexPosition(sql: Sql): IndexPosition {
  const [row] = sql.exec<IndexPosition>(
    'SELECT rev AS indexed, coalesce((SELECT max(rev) FROM board_events), 0) AS head FROM board_indexed',
  );
  return row ?? { indexed: 0, head: 0 };
}

function indexEvents(sql: Sql, { indexed, head }: IndexPosition): void {
  const cells = sql.exec<{ id: number; run_id: string; key: string; tags: string; value: string }>(
    `SELECT id, run_id, key, tags, substr(value, 1, ?) AS value FROM board_cells
     WHERE (run_id, key) IN (SELECT run_id, key FROM board_events WHERE rev > ?)`,
    MAX_INDEXED_CHARS,
    indexed,
  );
  for (const cell of cells) {
    const texts = searchText(cell.key, parseTags(cell.tags), cell.value);
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
