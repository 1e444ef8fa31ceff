import type { Log } from '../../telemetry/log.ts';
import { describeCause } from '../../telemetry/redact.ts';
import type { Database } from '../storage/database.ts';
import { linkOf } from './chain.ts';
import { type ChainEnd, type Ledger, settleLedger } from './ledger.ts';
import { pruneRecords } from './prune.ts';
import { type CallRecord, INSERT_RECORD, insertedValues, type RecordRow, toRow, valuesOf } from './record.ts';
import type { RefusalCounter } from './refusals.ts';
import { continues, type Run, Runs, runKeyOf } from './runs.ts';
import { Usage } from './usage.ts';

/** How long a record of a read, and its charge, may exist in memory only. */
export const WRITE_BEHIND_MS = 500;
const MAX_PENDING = 200;
/** Records that are read at once when the derived tables lack them. */
const REPLAYED_AT_ONCE = 500;
/** How many transactions lie between two prunings, and what one deletes at most. */
const PRUNE_EVERY = 256;
const PRUNED_PER_SAVE = 512;

export interface WriterParts {
  readonly db: Database;
  readonly clock: () => number;
  readonly log: Log;
  readonly ledger: Pick<Ledger, 'lastId' | 'head' | 'derivedId' | 'usageId'>;
  readonly refusals: RefusalCounter;
  /** The present bucket levels. */
  readonly buckets: () => string;
  /** Has `flush` called within this time in milliseconds. */
  readonly flushWithin: (ms: number) => void;
  /** Called when records are committed, with the newest. */
  readonly recorded: (last: number) => void;
  /** Told of records that could not be written. */
  readonly dropped: (count: number) => void;
}

/**
 * Writes the records of a tenant, in the order in which calls ended.
 *
 * Guarantees: the record of a call that writes is committed with its effect, together with all records before it; any other
 * at most 0.5 s after its end, or after 200. Ids have no gaps. The record of a call has its revision and its charge, so the
 * ledger, like the derived tables, is written behind, and completed from the records when the host starts.
 * Failure: a host that stops loses at most the records of the reads and refusals of the last 0.5 s, and the buckets then hold
 * more than they should; a call that had waited and was answered within that time is charged twice. A batch that cannot be written is logged and dropped, because its calls were already answered.
 */
export class RecordWriter {
  readonly #parts: WriterParts;
  readonly #runs: Runs;
  readonly #usage: Usage;
  #chain: ChainEnd;
  #pending: CallRecord[] = [];
  #saved = 0;
  #stopped = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#runs = new Runs(parts.db);
    this.#usage = new Usage(parts.db);
    this.#chain = { lastId: parts.ledger.lastId, head: parts.ledger.head };
    this.#replay();
  }

  /** The newest record that is written. */
  get lastId(): number {
    return this.#chain.lastId;
  }

  /** When the run has begun that a call with this key belongs to; `now` for one that begins with it. */
  runStart(key: string, now: number): number {
    return this.#runs.startAt(key, now);
  }

  /** Writes a record behind. */
  add(record: CallRecord): void {
    this.#pending.push(record);
    if (this.#pending.length >= MAX_PENDING) this.flush();
    else this.#parts.flushWithin(WRITE_BEHIND_MS);
  }

  /** Writes a refusal behind, together with those that are like it. */
  addRefusal(record: CallRecord): void {
    const first = this.#parts.refusals.count(record);
    if (first !== undefined) this.add(first);
    else this.#parts.flushWithin(WRITE_BEHIND_MS);
  }

  /**
   * Saves the record of a call that writes, after all that are pending, in the call's transaction.
   * @returns what to do when that has committed
   */
  save(record: CallRecord): () => void {
    const committed = this.#append([...this.#pending, record]);
    return () => {
      committed();
      this.#parts.flushWithin(WRITE_BEHIND_MS);
      if (this.#runs.unsaved >= MAX_PENDING) this.flush();
    };
  }

  /** Stores the revision alone, in the transaction of what has made it without a call. */
  saveRev(rev: number): void {
    this.#parts.db.exec('UPDATE ledger SET rev = max(rev, ?)', rev);
  }

  /** Writes what is pending, and the derived tables. */
  flush(): void {
    if (this.#stopped) return;
    const { db, clock, log, refusals, buckets, flushWithin, dropped } = this.#parts;
    const records = [...this.#pending, ...refusals.due(clock())];
    if (refusals.isPending) flushWithin(WRITE_BEHIND_MS);
    if (records.length === 0 && this.#runs.unsaved === 0) return;
    try {
      if (records.length > 0) db.transaction(() => this.#append(records))();
      const through = this.#chain.lastId;
      db.transaction(() => {
        db.exec('UPDATE ledger SET buckets = ?, charged_id = ?', buckets(), through);
        return this.#saveDerived(through);
      })();
    } catch (cause) {
      // The calls were answered: losing their records must not fail the next call.
      this.#pending = [];
      dropped(records.length);
      log({
        level: 'error',
        event: 'tenant.write_behind_failed',
        rows: records.length,
        cause: describeCause(cause, undefined, {}),
      });
    }
  }

  /** Drops the pending records, because the storage was erased or another process has written it. */
  stop(): void {
    this.#stopped = true;
    this.#pending = [];
  }

  /** Appends to the chain, in the caller's transaction. @returns what to do when that has committed */
  #append(records: readonly CallRecord[]): () => void {
    const { db, clock } = this.#parts;
    const rows: RecordRow[] = [];
    const runs = new Map<string, Pick<Run, 'id' | 'lastAt'>>();
    let { lastId, head } = this.#chain;
    for (const record of records) {
      const id = ++lastId;
      const key = runKeyOf(record);
      const run = runs.get(key) ?? this.#runs.newest(key);
      const runId = run !== undefined && continues(key, run.lastAt, record.at) ? run.id : id;
      runs.set(key, { id: runId, lastAt: record.at });
      const row = toRow(record, id, runId);
      const { hash, size } = linkOf(head, valuesOf(row), runId === id);
      const linked: RecordRow = { ...row, size, hash };
      db.exec(INSERT_RECORD, ...insertedValues(linked));
      rows.push(linked);
      head = hash;
    }
    // The first record prunes as well: a Durable Object may never live long enough to save so many.
    if (this.#saved % PRUNE_EVERY === 0) pruneRecords(db, clock(), PRUNED_PER_SAVE, { lastId, head });
    const pending = this.#pending;
    return () => {
      this.#saved++;
      this.#chain = { lastId, head };
      if (this.#pending === pending) this.#pending = [];
      this.#parts.recorded(lastId);
      for (const row of rows) this.#derive(row);
    };
  }

  #derive(row: RecordRow): void {
    this.#runs.add(row);
    // Runs can be derived again from the records that there are; usage outlives them, so each is counted once.
    if (row.id > this.#parts.ledger.usageId) this.#usage.add(row);
  }

  /** Saves the derived tables up to a record, in the caller's transaction. @returns what to do when that has committed */
  #saveDerived(through: number): () => void {
    settleLedger(this.#parts.db, this.#chain);
    this.#parts.db.exec('UPDATE ledger SET derived_id = ?', through);
    const saved = [this.#runs.save(), this.#usage.save(through)];
    return () => {
      for (const done of saved) done();
    };
  }

  /** Counts the records that were committed when the derived tables were last saved, or all after these were emptied. */
  #replay(): void {
    const { db, ledger } = this.#parts;
    for (let after = ledger.derivedId; after < ledger.lastId; ) {
      const rows = db.exec<RecordRow>(
        'SELECT * FROM records WHERE id > ? ORDER BY id LIMIT ?',
        after,
        REPLAYED_AT_ONCE,
      );
      for (const row of rows) this.#derive(row);
      after = rows.at(-1)?.id ?? ledger.lastId;
      db.transaction(() => this.#saveDerived(after))();
    }
  }
}
