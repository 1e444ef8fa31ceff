/**
 * Keeps the two full-text indexes (words and trigrams) and the index of free cells up to date with the cells, and the indexes
 * of events by key and by board with the events.
 *
 * Writes update none of them; all catch up in batches, because many rows in one transaction touch far fewer database pages. The
 * events that are not indexed yet are few, and found by their revision. The cells to index are found through their events.
 * Guarantees: a search misses no cell, because it first calls `indexPending`. A write makes the index catch up once it is 64
 * revisions behind, so a search never has much to do. Row ids grow in the order in which the cells were last written
 * (`board_entries` says which cell a row id stands for), so the newest cells are found without ranking them all.
 * The sweep must call `indexPending` before it deletes events: a cell without an event would never be indexed.
 * Memory: one batch holds at most 2,048 characters of each changed cell.
 */
import type { Sql } from '../tool.ts';
import { parseTags } from './cell.ts';
import { indexVersions } from './history.ts';
import { boardToken, MAX_INDEXED_CHARS, searchText } from './search-text.ts';

/** How many revisions the index may be behind before a write makes it catch up. */
const MAX_BEHIND = 64;
const INDEXES = ['words', 'grams'] as const;

interface IndexPosition extends Record<string, number> {
  /** The revisions of the last indexed event and of the last stored event. */
  indexed: number;
  head: number;
  /** The last row id that was given. */
  entry: number;
}

/** Indexes the cells that were written since the last batch, if they are many. */
export function indexIfBehind(sql: Sql): void {
  const position = indexPosition(sql);
  if (position.head - position.indexed >= MAX_BEHIND) indexEvents(sql, position);
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
  const position = indexPosition(sql);
  if (position.head > position.indexed) indexEvents(sql, position);
}

function indexPosition(sql: Sql): IndexPosition {
  const [row] = sql.exec<IndexPosition>(
    'SELECT rev AS indexed, coalesce((SELECT max(rev) FROM board_events), 0) AS head, entry FROM board_indexed',
  );
  return row ?? { indexed: 0, head: 0, entry: 0 };
}

type IndexedCell = { id: number; run_id: string; key: string; rev: number; tags: string; value: string };

function indexEvents(sql: Sql, { indexed, head, entry }: IndexPosition): void {
  const cells = sql.exec<IndexedCell>(
    `SELECT id, run_id, key, rev, tags, substr(value, 1, ?) AS value FROM board_cells
     WHERE (run_id, key) IN (SELECT run_id, key FROM board_events WHERE rev > ?)`,
    MAX_INDEXED_CHARS,
    indexed,
  );
  deleteEntries(
    sql,
    cells.map(({ id }) => id),
  );
  sql.exec(
    'UPDATE board_cells SET queued = newer, newer = NULL WHERE newer IS NOT NULL AND id IN (SELECT value FROM json_each(?))',
    JSON.stringify(cells.map(({ id }) => id)),
  );
  let last = entry;
  for (const cell of cells.sort((a, b) => a.rev - b.rev)) addEntry(sql, ++last, cell);
  indexVersions(sql, indexed);
  sql.exec('UPDATE board_indexed SET rev = ?, entry = ?', head, last);
}

function addEntry(sql: Sql, entry: number, cell: IndexedCell): void {
  const texts = searchText(cell.key, parseTags(cell.tags), cell.value);
  for (const name of INDEXES) {
    sql.exec(
      `INSERT INTO board_${name} (rowid, board, name, body) VALUES (?, ?, ?, ?)`,
      entry,
      boardToken(cell.run_id),
      texts[name].name,
      texts[name].body,
    );
  }
  sql.exec('INSERT INTO board_entries (entry, cell) VALUES (?, ?)', entry, cell.id);
}

/** SQL: the row ids of the cells in a JSON array. A cell without a row in `board_entries` is indexed under its id, or not at all. */
const ENTRIES = `SELECT entry FROM board_entries WHERE cell IN (SELECT value FROM json_each(?1))
  UNION ALL SELECT value FROM json_each(?1)
  WHERE NOT EXISTS (SELECT 1 FROM board_entries WHERE cell = value OR entry = value)`;

/** SQL: the cell that the row id `hit.value` stands for. */
export const CELL_OF_ENTRY =
  'coalesce((SELECT cell FROM board_entries WHERE board_entries.entry = hit.value), hit.value)';

/** Removes cells from the indexes. A cell that is not indexed is ignored. */
export function deleteEntries(sql: Sql, ids: readonly number[]): void {
  const list = JSON.stringify(ids);
  for (const name of INDEXES) sql.exec(`DELETE FROM board_${name} WHERE rowid IN (${ENTRIES})`, list);
  sql.exec('DELETE FROM board_entries WHERE cell IN (SELECT value FROM json_each(?))', list);
}
