import { hash } from 'node:crypto';
import type { SqlValue } from '../../tools/tool.ts';
import { type RecordRow, valuesOf } from './record.ts';

/** The chain of records: each hash covers its row and the hash before it, so that no row can be changed or removed alone. */

/** Bytes of a row beyond its values as JSON: its hash, the lengths of its columns, its share of the page. */
const ROW_BYTES = 80;
/** Bytes of a row of `runs`, and of its index entry. */
const RUN_BYTES = 220;

export interface Link {
  readonly hash: string;
  /** What the record takes of the storage; the first of a run counts the run as well. */
  readonly size: number;
}

/** The hash and size of a record with these values. @param before the hash of the record before it */
export function linkOf(before: string, values: readonly SqlValue[], startsRun: boolean): Link {
  const json = JSON.stringify(values);
  return {
    hash: hash('sha256', before + json, 'base64url'),
    size: json.length + ROW_BYTES + (startsRun ? RUN_BYTES : 0),
  };
}

/** Whether a stored row is what was written. @param before the hash of the record before it */
export function isIntact(before: string, row: RecordRow): boolean {
  const { hash: stored, size } = row;
  const link = linkOf(before, valuesOf(row), row.run === row.id);
  return link.hash === stored && link.size === size;
}
