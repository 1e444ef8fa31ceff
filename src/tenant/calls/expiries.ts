import { expiriesOf } from '../../tools/catalogue.ts';
import type { Expiry } from '../../tools/tool.ts';
import { StorageFailure } from '../storage/database.ts';
import type { PipelineParts } from './pipeline-parts.ts';

/** When to try again after a failure, in milliseconds. */
const RETRY_MS = 60_000;

/** What was recorded in one step. */
export interface Recorded {
  /** The last revision that is allocated now. */
  readonly rev: number;
  readonly touched: ReadonlySet<string>;
  readonly count: number;
}

/**
 * Records what has expired as events with revisions.
 *
 * Guarantees: the events and the revisions are committed in one transaction. Nothing is lost when a step is late, because what
 * has expired remains stored until it is recorded. When nothing is due, this costs no query.
 * Failure: an error of a kind of data is reported, and tried again after a minute; calls are answered meanwhile.
 */
export class Expiries {
  readonly #parts: Pick<PipelineParts, 'db' | 'records'>;
  readonly #kinds: readonly Expiry[];
  readonly #report: (cause: unknown) => void;
  /** When the next entry expires, in milliseconds since the epoch; `unknown` until it is asked for. */
  #next: number | undefined | 'unknown' = 'unknown';

  constructor(
    { db, records, catalogue }: Pick<PipelineParts, 'db' | 'records' | 'catalogue'>,
    report: (cause: unknown) => void,
  ) {
    this.#parts = { db, records };
    this.#kinds = expiriesOf(catalogue.all);
    this.#report = report;
  }

  /** When the next entry expires, in milliseconds since the epoch. */
  next(): number | undefined {
    if (this.#next === 'unknown') this.#next = this.read();
    return this.#next;
  }

  /** The same from the database. */
  read(): number | undefined {
    const times = this.#kinds.flatMap((kind) => kind.next(this.#parts.db) ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** A change of the data was committed, after which the next entry expires at `next`. */
  changed(next: number | undefined): void {
    this.#next = next;
  }

  /**
   * Records what is due, at most `limit` entries of each kind.
   * @param rev the last revision that was allocated
   * @returns undefined if nothing is due
   */
  record(rev: number, now: number, limit: number): Recorded | undefined {
    const next = this.next();
    if (next === undefined || now < next) return undefined;
    const touched = new Set<string>();
    const { db, records } = this.#parts;
    let head = rev;
    try {
      const count = db.transaction(() => {
        const context = {
          sql: db,
          now,
          nextRev: () => ++head,
          touch: (topic: string) => void touched.add(topic),
        };
        const counts = this.#kinds.map((kind) => kind.record(context, limit));
        if (head > rev) records.saveRev(head);
        return counts.reduce((sum, one) => sum + one, 0);
      });
      this.#next = 'unknown';
      return { rev: head, touched, count };
    } catch (cause) {
      // The whole transaction of the host is undone then, not only this step.
      if (cause instanceof StorageFailure) throw cause;
      this.#next = now + RETRY_MS;
      this.#report(cause);
      return undefined;
    }
  }
}
