import type { Sql } from '../../tools/tool.ts';

/** The one row that changes with every call. */
export interface Ledger {
  /** The last revision. */
  readonly rev: number;
  /** The bucket levels, as `Limiter.save` writes them. */
  readonly buckets: string;
  /** The newest record and its hash; 0 and empty before the first. */
  readonly lastId: number;
  readonly head: string;
  /** The chain begins after this record, which was deleted for its age or has no hash, with this hash. */
  readonly floorId: number;
  readonly floor: string;
  /** What the records take. */
  readonly bytes: number;
  /** The newest record that the derived tables contain. */
  readonly derivedId: number;
  /** The newest record that the usage of days and tokens contains. It is not derived again from records that may be gone. */
  readonly usageId: number;
  /** Rows of that usage. */
  readonly usageRows: number;
}

type LedgerRow = {
  rev: number;
  buckets: string;
  last_id: number;
  head: string;
  floor_id: number;
  floor: string;
  bytes: number;
  derived_id: number;
  usage_id: number;
  usage_rows: number;
};

export function readLedger(db: Sql): Ledger {
  const [row] = db.exec<LedgerRow>('SELECT * FROM ledger');
  if (row === undefined) throw new Error('the database has no ledger');
  return {
    rev: row.rev,
    buckets: row.buckets,
    lastId: row.last_id,
    head: row.head,
    floorId: row.floor_id,
    floor: row.floor,
    bytes: row.bytes,
    derivedId: row.derived_id,
    usageId: row.usage_id,
    usageRows: row.usage_rows,
  };
}
