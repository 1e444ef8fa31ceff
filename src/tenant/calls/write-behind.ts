import type { Log } from '../../telemetry/log.ts';
import { describeCause } from '../../telemetry/redact.ts';
import type { Later } from '../contract/timer.ts';
import type { Database } from '../storage/database.ts';
import type { CallRecord, Ledger, Records } from './records.ts';

/** How long the charge and the record of a read may exist in memory only. */
export const WRITE_BEHIND_MS = 500;
const MAX_PENDING = 200;

/**
 * Saves the records and charges of reads in batches, shortly after the reads were answered.
 *
 * Guarantees: a batch is one transaction, at most 0.5 s after its first read, or after 200 reads.
 * Failure: a host that stops in between loses at most that batch, and the buckets then hold more than they should. A
 * failed batch is logged and dropped, because its calls were already answered.
 */
export class WriteBehind {
  readonly #db: Database;
  readonly #log: Log;
  readonly #later: Later;
  readonly #records: Records;
  readonly #ledger: () => Ledger;
  #pending: CallRecord[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(db: Database, log: Log, later: Later, records: Records, ledger: () => Ledger) {
    this.#db = db;
    this.#log = log;
    this.#later = later;
    this.#records = records;
    this.#ledger = ledger;
  }

  add(record: CallRecord): void {
    this.#pending.push(record);
    if (this.#pending.length >= MAX_PENDING) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#later(WRITE_BEHIND_MS, () => this.flush());
    }
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#stopped || this.#pending.length === 0) return;
    const records = this.#pending;
    this.#pending = [];
    try {
      this.#db.transaction(() => {
        const ledger = this.#ledger();
        for (const record of records) this.#records.save(record, ledger);
      });
    } catch (cause) {
      // The calls were answered: losing their records must not fail the next call.
      this.#log({
        level: 'error',
        event: 'tenant.write_behind_failed',
        cause: describeCause(cause, undefined, {}),
      });
    }
  }

  /** Drops the pending records, because the storage was erased or another process has written it. */
  stop(): void {
    this.#stopped = true;
    this.#pending = [];
  }
}
