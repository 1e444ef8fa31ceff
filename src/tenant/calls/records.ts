import type { Database } from '../storage/database.ts';

/** The newest calls that the table keeps. */
export const MAX_RECORDS = 10_000;
const PRUNE_EVERY = 256;

export interface CallRecord {
  readonly at: number;
  readonly tool: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly errorId: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly tokenId: string;
}

/** The state that changes with every call: the revision counter, and the bucket levels as `Limiter.save` writes them. */
export interface Ledger {
  readonly rev: number;
  readonly buckets: string;
}

/** The ledger, which is part of the newest record. */
export function readLedger(db: Database): Ledger {
  const [row] = db.exec<{ rev: number; buckets: string }>(
    'SELECT rev, buckets FROM calls ORDER BY id DESC LIMIT 1',
  );
  return row ?? { rev: 0, buckets: '' };
}

/** Deletes at most `limit` of the oldest records, never the newest, which holds the ledger. @returns how many */
export function dropOldRecords(db: Database, limit: number): number {
  return db.exec(
    `DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE id < (SELECT max(id) FROM calls) ORDER BY id LIMIT ?)
     RETURNING id`,
    limit,
  ).length;
}

/** The tenant's table of calls. Its newest row holds the ledger. Every 256 records, those beyond the newest 10,000 are deleted. */
export class Records {
  readonly #db: Database;
  #saved = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Stores the revision counter alone, in the newest record. A tenant without records has allocated no revision. */
  saveRev(rev: number): void {
    this.#db.exec('UPDATE calls SET rev = ? WHERE id = (SELECT max(id) FROM calls)', rev);
  }

  save(record: CallRecord, ledger: Ledger): void {
    // The first record prunes as well: a Durable Object may never live long enough to save 256.
    if (this.#saved++ % PRUNE_EVERY === 0) {
      this.#db.exec('DELETE FROM calls WHERE id <= (SELECT max(id) FROM calls) - ?', MAX_RECORDS);
    }
    this.#db.exec(
      `INSERT INTO calls (at, tool, outcome, code, error_id, trace_id, span_id, token_id, rev, buckets)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      record.at,
      record.tool,
      record.outcome,
      record.code,
      record.errorId,
      record.traceId,
      record.spanId,
      record.tokenId,
      ledger.rev,
      ledger.buckets,
    );
  }
}
