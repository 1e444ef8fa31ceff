/** What kinds of stored data take. The table `storage_totals` is updated by triggers, so reading it costs one row. */
import type { Sql } from './tool.ts';

/** Bytes that a row takes beyond its texts: columns of fixed size, and its entries in indexes. Measured, then rounded. */
const ROW_BYTES = {
  claims: 110,
  scars: 400,
  shown: 80,
  questions: 40,
  leases: 70,
  counters: 60,
  idempotency: 60,
  sessions: 140,
} as const;
export type StoredKind = keyof typeof ROW_BYTES;

/** Rows and bytes; bytes are estimated within some ten percent. */
export interface Used {
  readonly rows: number;
  readonly bytes: number;
}

/** What one kind of data takes. */
export function usedBy(sql: Sql, kind: StoredKind): Used {
  const [row] = sql.exec<{ entries: number; bytes: number }>(
    'SELECT entries, bytes FROM storage_totals WHERE kind = ?',
    kind,
  );
  return withRows(kind, row ?? { entries: 0, bytes: 0 });
}

/** What each of these kinds takes. */
export function usedByAll(sql: Sql): Readonly<Record<StoredKind, Used>> {
  const rows = sql.exec<{ kind: StoredKind; entries: number; bytes: number }>(
    'SELECT kind, entries, bytes FROM storage_totals',
  );
  const used = (kind: StoredKind) =>
    withRows(kind, rows.find((row) => row.kind === kind) ?? { entries: 0, bytes: 0 });
  return {
    claims: used('claims'),
    scars: used('scars'),
    shown: used('shown'),
    questions: used('questions'),
    leases: used('leases'),
    counters: used('counters'),
    idempotency: used('idempotency'),
    sessions: used('sessions'),
  };
}

function withRows(kind: StoredKind, { entries, bytes }: { entries: number; bytes: number }): Used {
  return { rows: entries, bytes: bytes + entries * ROW_BYTES[kind] };
}
