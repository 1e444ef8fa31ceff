import type { Sql } from '../../tools/tool.ts';
import type { TenantId } from '../contract/call.ts';
import type { Profile } from '../storage/profile.ts';
import { readLedger } from './ledger.ts';
import type { ExportRange } from './reading/export.ts';

/**
 * Which records the next object of the bucket has.
 *
 * Objects follow each other without a gap and without a record twice. An object is named by its first record and planned
 * before it is written, so an export that broke off writes the same records under the same name again.
 */

/** The records of one object, some 12 MB of lines. */
export const RECORDS_PER_OBJECT = 25_000;
/** So many records are exported before the night: more than 100,000 are not kept. */
export const EARLY_EXPORT_RECORDS = 25_000;
const DAY_MS = 86_400_000;
const ID_DIGITS = 12;

/** An object to be written. */
export interface BucketExport {
  readonly tenant: TenantId;
  readonly range: ExportRange;
  /** Its first line. */
  readonly head: string;
  readonly object: string;
  /** Whether there are records after it. */
  readonly more: boolean;
}

export interface ExportDebt {
  readonly records: number;
  readonly isDue: boolean;
}

type Mark = { last_id: number; planned_id: number; at: number };

const NEVER: Mark = { last_id: 0, planned_id: 0, at: 0 };

const markOf = (sql: Sql): Mark => sql.exec<Mark>('SELECT last_id, planned_id, at FROM exports')[0] ?? NEVER;

const saveMark = (sql: Sql, { last_id, planned_id, at }: Mark) =>
  sql.exec(
    'INSERT OR REPLACE INTO exports (one, last_id, planned_id, at) VALUES (1, ?, ?, ?)',
    last_id,
    planned_id,
    at,
  );

/** Everything that was exported of a tenant is under this prefix. */
export const exportPrefix = (tenant: string) => `records/${tenant}/`;

/** A tenant that is created again under the same id counts from 1 again: the time of its creation tells them apart. */
export function objectName({ id, createdAt }: Pick<Profile, 'id' | 'createdAt'>, { first }: ExportRange) {
  const created = new Date(createdAt).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${exportPrefix(id)}${created}/${String(first).padStart(ID_DIGITS, '0')}.ndjson.gz`;
}

/** Plans the next object. @returns undefined when the bucket has all records */
export function planExport(sql: Sql, now: number): ExportRange | undefined {
  const { lastId, floorId } = readLedger(sql);
  const mark = markOf(sql);
  // Records that were deleted for their age or number before they could be exported are a gap, which a check of the files finds.
  const first = Math.max(mark.last_id, floorId) + 1;
  if (first > lastId) {
    saveMark(sql, { ...mark, at: now });
    return undefined;
  }
  const isPlanned = mark.planned_id >= first && mark.planned_id <= lastId;
  const last = isPlanned ? mark.planned_id : Math.min(lastId, first + RECORDS_PER_OBJECT - 1);
  saveMark(sql, { ...mark, planned_id: last });
  return { first, last };
}

/** Notes that all records up to `last` are in the bucket, as planned. */
export function exported(sql: Sql, last: number, now: number): void {
  const mark = markOf(sql);
  // The tenant was erased and created again meanwhile.
  if (mark.planned_id !== last) return;
  const isAll = last >= readLedger(sql).lastId;
  saveMark(sql, { last_id: last, planned_id: last, at: isAll ? now : mark.at });
}

export function exportDebt(sql: Sql, now: number): ExportDebt {
  const { lastId, floorId } = readLedger(sql);
  const { last_id, at } = markOf(sql);
  const records = lastId - Math.max(last_id, floorId);
  // A clock that has stepped back exports once too often.
  const isDue = Math.floor(now / DAY_MS) !== Math.floor(at / DAY_MS) || records >= EARLY_EXPORT_RECORDS;
  return { records, isDue: isDue && records > 0 };
}
