import type { Sql } from '../../../tools/tool.ts';
import { type Anchor, anchorsOf, type HeadSigner, signHead } from '../anchors.ts';
import { readLedger } from '../ledger.ts';
import type { RecordRow } from '../record.ts';
import { firstIdAt, keptIds } from './moments.ts';

/** The records as lines of JSON (NDJSON), a step at a time. Whoever has them can check the chain without the tenant. */

/** Records of one step, which is some 500 KB. */
export const EXPORTED_PER_STEP = 1000;

/** Records that ended at `since` or later, and before `until`, in milliseconds since the epoch. */
export interface ExportTimes {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/** What an export consists of. */
export interface ExportRange {
  readonly first: number;
  readonly last: number;
}

/** Where the next step of an export begins. */
export interface ExportStep {
  readonly lines: string;
  readonly records: number;
  /** The first record of the next step; undefined when there is none. */
  readonly next: number | undefined;
}

export function exportRange(sql: Sql, { since, until }: ExportTimes): ExportRange {
  const kept = keptIds(sql);
  return {
    first: since === undefined ? kept.first : firstIdAt(sql, kept, since),
    last: until === undefined ? kept.last : firstIdAt(sql, kept, until) - 1,
  };
}

/** Who exports, and when. */
export interface Exporter {
  readonly tenant: string;
  readonly signer: HeadSigner | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The first line: the range, the hash before its first record, the signed heads in it, and that of its last record. */
export function exportHead(
  sql: Sql,
  { tenant, signer, now }: Exporter,
  { first, last }: ExportRange,
): string {
  const { floorId, floor } = readLedger(sql);
  const hashAt = (id: number) =>
    sql.exec<{ hash: string }>('SELECT hash FROM records WHERE id = ?', id)[0]?.hash ?? '';
  const heads = anchorsOf(sql).filter(({ id }) => id >= first && id <= last);
  const end = hashAt(last);
  const isSigned = heads.some(({ id }) => id === last);
  const own: Anchor[] =
    signer === undefined || end === '' || isSigned
      ? []
      : [signHead(signer, tenant, { id: last, at: now, head: end })];
  return line({
    kind: 'export',
    tenant,
    first_record: first,
    last_record: last,
    hash_before: first - 1 === floorId ? floor : hashAt(first - 1),
    signed_heads: [...heads, ...own],
  });
}

export function exportStep(sql: Sql, { first, last }: ExportRange): ExportStep {
  const rows = sql.exec<RecordRow>(
    'SELECT * FROM records WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?',
    first,
    last,
    EXPORTED_PER_STEP,
  );
  const end = rows.at(-1)?.id;
  return {
    lines: rows.map((row) => line({ kind: 'record', ...row })).join(''),
    records: rows.length,
    next: end === undefined || rows.length < EXPORTED_PER_STEP || end >= last ? undefined : end + 1,
  };
}

const line = (value: object) => `${JSON.stringify(value)}\n`;
