import type { Sql } from '../../tools/tool.ts';

/**
 * What changes with every call. It is stored in one row, which is written behind: the newest records say what the row does not
 * have yet, so that a call that writes changes one page less.
 */
export interface Ledger {
  /** The last revision. */
  readonly rev: number;
  /** The bucket levels, as `Limiter.save` writes them, after the charge of the record `chargedId`. */
  readonly buckets: string;
  readonly chargedId: number;
  /** The newest record and its hash; 0 and empty before the first. */
  readonly lastId: number;
  readonly head: string;
  /** The same in the row. */
  readonly settled: { readonly lastId: number; readonly head: string };
  /** The chain begins after this record, which was deleted for its age or has no hash, with this hash. */
  readonly floorId: number;
  readonly floor: string;
  /** What the records take. */
  readonly bytes: number;
  /** The newest record that the derived tables contain. */
  readonly derivedId: number;
  /** The newest record that the usage of days and tokens contains. It is not derived again from records that may be gone. */
  readonly usageId: number;
}

type LedgerRow = {
  rev: number;
  buckets: string;
  charged_id: number;
  last_id: number;
  head: string;
  floor_id: number;
  floor: string;
  bytes: number;
  derived_id: number;
  usage_id: number;
};

/** What the records after the row add to it. */
type Tail = { rev: number; last_id: number; head: string; bytes: number };

/** Records that are read at once. */
const READ_AT_ONCE = 500;

export function readLedger(db: Sql): Ledger {
  const [row] = db.exec<LedgerRow>('SELECT * FROM ledger');
  if (row === undefined) throw new Error('the database has no ledger');
  const [tail] = db.exec<Tail>(
    `SELECT max(id) AS last_id, hash AS head, sum(size) AS bytes,
       coalesce((SELECT max(rev_to) FROM records WHERE id > ?1), 0) AS rev
     FROM records WHERE id > ?1 HAVING count(*) > 0`,
    row.last_id,
  );
  return {
    rev: Math.max(row.rev, tail?.rev ?? 0),
    buckets: row.buckets,
    chargedId: row.charged_id,
    lastId: tail?.last_id ?? row.last_id,
    head: tail?.head ?? row.head,
    settled: { lastId: row.last_id, head: row.head },
    floorId: row.floor_id,
    floor: row.floor,
    bytes: row.bytes + (tail?.bytes ?? 0),
    derivedId: row.derived_id,
    usageId: row.usage_id,
  };
}

/** The newest record and its hash. */
export type ChainEnd = Pick<Ledger, 'lastId' | 'head'>;

/**
 * Writes into the row what the newest records add to it, but for the bucket levels.
 * @param end as the writer of the records knows it, so that a record that somebody has removed from the database since is missed
 */
export function settleLedger(db: Sql, end?: ChainEnd): Ledger {
  const ledger = { ...readLedger(db), ...end };
  const { rev, lastId, head, bytes, settled } = ledger;
  if (lastId > settled.lastId)
    db.exec('UPDATE ledger SET rev = ?, last_id = ?, head = ?, bytes = ?', rev, lastId, head, bytes);
  return ledger;
}

/** A charge that the saved bucket levels do not have. */
export type Charge = {
  readonly id: number;
  readonly tool: string;
  readonly work: number;
  readonly at: number;
};

export function* unsavedCharges(db: Sql, { chargedId }: Pick<Ledger, 'chargedId'>): Generator<Charge> {
  for (let after = chargedId; ; ) {
    const charges = db.exec<Charge & Record<string, number | string>>(
      'SELECT id, tool, work, at FROM records WHERE id > ? ORDER BY id LIMIT ?',
      after,
      READ_AT_ONCE,
    );
    yield* charges;
    after = charges.at(-1)?.id ?? after;
    if (charges.length < READ_AT_ONCE) return;
  }
}
