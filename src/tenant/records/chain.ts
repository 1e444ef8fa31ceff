import { hash } from 'node:crypto';
import { utf8Bytes } from '../../json/utf8.ts';
import type { SqlValue } from '../../tools/tool.ts';
import { type RecordRow, valuesOf } from './record.ts';

/** The chain of records: each hash covers its row and the hash before it, so that no row can be changed or removed alone. */

/** Bytes of a row beyond its values: its hash and its size. */
const ROW_BYTES = 46;
const NUMBER_BYTES = 4;
/** What earlier releases added to the characters of the values as JSON. */
const EARLIER_ROW_BYTES = 80;
/** See "B-tree Pages" and "Overflow Pages" in https://sqlite.org/fileformat2.html. */
const PAGE_BYTES = 4096;
const PAGE_ROOM = 4088;
const CELL_BYTES = 6;
const MAX_LOCAL_BYTES = 4061;
const MIN_LOCAL_BYTES = 489;
const OVERFLOW_ROOM = 4092;
/** Bytes of a row of `runs`, and of its index entry. */
const RUN_BYTES = 220;

export interface Link {
  readonly hash: string;
  /** Bytes that the record takes of the storage, at most; the first of a run counts the run as well. */
  readonly size: number;
}

/**
 * What a row of so many bytes takes of the pages of its table, to whose end all rows are added: rows of 2 to 4 KiB have a
 * page each, and of a longer one the rest is in pages of its own.
 */
function roomOf(bytes: number): number {
  if (bytes <= MAX_LOCAL_BYTES) return Math.ceil(PAGE_BYTES / Math.floor(PAGE_ROOM / (bytes + CELL_BYTES)));
  const rest = MIN_LOCAL_BYTES + ((bytes - MIN_LOCAL_BYTES) % OVERFLOW_ROOM);
  const local = rest <= MAX_LOCAL_BYTES ? rest : MIN_LOCAL_BYTES;
  return Math.ceil((bytes - local) / OVERFLOW_ROOM) * PAGE_BYTES + roomOf(local);
}

/** The bytes of a row with these values, with those that tell the type of each. */
function rowBytes(values: readonly SqlValue[]): number {
  let bytes = ROW_BYTES;
  for (const value of values) {
    if (typeof value === 'string') bytes += utf8Bytes(value) + (value.length < 58 ? 1 : 2);
    else bytes += value === null ? 1 : NUMBER_BYTES;
  }
  return bytes;
}

/** The hash and size of a record with these values. @param before the hash of the record before it */
export function linkOf(before: string, values: readonly SqlValue[], startsRun: boolean): Link {
  const json = JSON.stringify(values);
  return {
    hash: hash('sha256', before + json, 'base64url'),
    size: roomOf(rowBytes(values)) + (startsRun ? RUN_BYTES : 0),
  };
}

/** The size by which earlier releases counted: of characters. */
const earlierSizeOf = (row: RecordRow) =>
  JSON.stringify(valuesOf(row)).length + EARLIER_ROW_BYTES + (row.run === row.id ? RUN_BYTES : 0);

/** Whether a stored row is what was written. @param before the hash of the record before it */
export function isIntact(before: string, row: RecordRow): boolean {
  const { hash: stored, size } = row;
  const link = linkOf(before, valuesOf(row), row.run === row.id);
  return link.hash === stored && (link.size === size || earlierSizeOf(row) === size);
}
