import type { Sql } from '../../tools/tool.ts';
import { type ChainEnd, settleLedger } from './ledger.ts';
import type { RecordRow } from './record.ts';

/** How long records are kept, how many, and how many bytes of them. */
export const MAX_RECORD_AGE_MS = 30 * 86_400_000;
export const MAX_RECORDS = 100_000;
export const MAX_RECORDS_BYTES = 64 * 1024 * 1024;

type Prunable = Pick<RecordRow, 'id' | 'at' | 'size' | 'hash'>;

/**
 * Deletes at most `limit` of the oldest records that are too old or too many. Only the beginning of the chain is deleted, so
 * what stays is one piece, which begins at the hash of the last one that was deleted. Settles the ledger, so that it never lacks
 * many records.
 * @returns how many
 */
export function pruneRecords(sql: Sql, now: number, limit: number, end?: ChainEnd): number {
  const { lastId, bytes } = settleLedger(sql, end);
  const [oldest] = sql.exec<Prunable>('SELECT id, at, size, hash FROM records ORDER BY id LIMIT 1');
  if (oldest === undefined) return 0;
  const excess = lastId - oldest.id + 1 - MAX_RECORDS;
  const isOver = ({ id, at }: Prunable, left: number) =>
    at <= now - MAX_RECORD_AGE_MS || id - oldest.id < excess || left > MAX_RECORDS_BYTES;
  // Mostly one row is read.
  return isOver(oldest, bytes) ? dropRecords(sql, limit, isOver) : 0;
}

/**
 * Deletes at most `limit` of the oldest records, as long as they are `isOver`, and the runs that end with them.
 * @param isOver given a record, and the bytes that this record and all after it take
 */
export function dropRecords(
  sql: Sql,
  limit: number,
  isOver: (row: Prunable, bytes: number) => boolean = () => true,
): number {
  const ledger = settleLedger(sql);
  const rows = sql.exec<Prunable>('SELECT id, at, size, hash FROM records ORDER BY id LIMIT ?', limit);
  let left = ledger.bytes;
  let dropped = 0;
  for (const row of rows) {
    if (!isOver(row, left)) break;
    left -= row.size;
    dropped++;
  }
  const last = rows[dropped - 1];
  if (last === undefined) return 0;
  sql.exec('DELETE FROM records WHERE id <= ?', last.id);
  sql.exec(
    `DELETE FROM runs WHERE id IN
       (SELECT id FROM runs WHERE id <= ? AND last_id <= ? ORDER BY id LIMIT ?)`,
    last.id,
    last.id,
    2 * limit,
  );
  const isChained = last.id > ledger.floorId;
  sql.exec(
    'UPDATE ledger SET bytes = ?, floor_id = ?, floor = ?',
    left,
    isChained ? last.id : ledger.floorId,
    isChained ? last.hash : ledger.floor,
  );
  return dropped;
}
