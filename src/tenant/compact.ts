import { dropHistory } from '../tools/blackboard/sweep.ts';
import { mergeIndexes } from '../tools/search-merge.ts';
import type { Host } from './host.ts';
import { dropRecords } from './records/prune.ts';
import { sweepExpired } from './sweep.ts';

/** Steps of one `compact`, and rows of each kind that one step deletes: together they take some ten milliseconds. */
const MAX_STEPS = 8;
const STEP_ROWS = 256;
/** Pages of each search index that are merged at most. */
const MERGED_PAGES = 128;

/** What one `compact` has deleted. */
export interface Compacted {
  /** Versions and events of the blackboard. */
  readonly events: number;
  /** Rows that had expired. */
  readonly expired: number;
  readonly freedBytes: number;
  /** Whether there is more to delete: repeat the action. */
  readonly more: boolean;
}

/**
 * Drops the oldest records of calls and the oldest history, a bounded number of rows, for a disk that is full: the pages
 * become free for the next call.
 * @returns whether anything was dropped
 */
export function freePages(db: Host['db']): boolean {
  const records = db.transaction(() => dropRecords(db, STEP_ROWS));
  return db.transaction(() => dropHistory(db, Number.MAX_SAFE_INTEGER, STEP_ROWS).events) + records > 0;
}

/** Deletes what has expired and the history of the blackboard, oldest first, a bounded number of steps. */
export function compactStorage(host: Host, recordExpiries: (limit: number) => number): Compacted {
  const { db } = host;
  const before = db.sizeBytes();
  let events = 0;
  let expired = 0;
  let more = true;
  for (let step = 0; more && step < MAX_STEPS; step++) {
    const swept = sweepExpired(host, recordExpiries, STEP_ROWS).reduce((sum, rows) => sum + rows, 0);
    const dropped = db.transaction(() => dropHistory(db, Number.MAX_SAFE_INTEGER, STEP_ROWS).events);
    expired += swept;
    events += dropped;
    more = swept > 0 || dropped > 0;
  }
  db.transaction(() => mergeIndexes(db, MERGED_PAGES));
  return { events, expired, freedBytes: Math.max(0, before - db.sizeBytes()), more };
}
