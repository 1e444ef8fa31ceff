import { indexPending, pendingIndexBytes } from '../../tools/blackboard/search-index.ts';
import { dropHistory } from '../../tools/blackboard/sweep.ts';
import { ToolError } from '../../tools/errors.ts';
import { mergeIndexes } from '../../tools/search-merge.ts';
import type { Growth, Tool } from '../../tools/tool.ts';
import type { Database } from '../storage/database.ts';
import { bookkeepingBytes } from '../storage/usage.ts';

/** No single call adds more than this to the storage: its body, the history and the search index. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const MAX_CALLS_BETWEEN_CHECKS = 64;
/** Results of released claims may go this far beyond the quota, or an eighth of the quota if that is less. */
export const RELEASE_RESERVE_BYTES = 16 * 1024 * 1024;
const RESERVE_SHARE = 8;

/** Rows that one step of making room drops of each kind. */
const ROOM_STEP_ROWS = 128;
/** Steps in one call. When they do not make enough room, the next call continues. */
const MAX_ROOM_STEPS = 32;
/** One step frees at least this much, so that not every call has to make room. */
const MIN_FREED_BYTES = 64 * 1024;
/** Pages of each search index that one merge writes at most, and merges in one call. */
const MERGED_PAGES = 64;
const MAX_MERGES = 2;
/** Bytes that must have been deleted since the last merge: one that frees nothing is dear. */
const MIN_DELETED_BYTES = 64 * 1024;
/** How long to wait before the next try when a call has dropped history, and there is more of it. */
const MORE_ROOM_MS = 100;

/**
 * The storage quota of one tenant, in bytes of data. Bookkeeping (records of calls, answers for idempotency keys,
 * sessions, marks of claims and other rows that no caller asked to store) does not count: each kind has a bound of its own.
 *
 * When the quota is reached, what has expired is dropped, then the oldest versions and events of the blackboard. Only when
 * nothing of either is left, calls that add data are refused.
 */
export class StorageQuota {
  readonly #db: Database;
  readonly #sweepExpired: (limit: number) => number;
  readonly bytes: number;
  #callsUntilCheck = 0;
  /** Bytes that callers have deleted since the search indexes were last merged; unknown at first. */
  #deleted = Number.MAX_SAFE_INTEGER;
  #lastUsed = 0;

  /** @param sweepExpired deletes up to so many expired rows of each kind, and returns how many it did */
  constructor(db: Database, bytes: number, sweepExpired: (limit: number) => number) {
    this.#db = db;
    this.#sweepExpired = sweepExpired;
    this.bytes = bytes;
  }

  /** The bytes that count: what the database takes, without bookkeeping. */
  used(): number {
    return Math.max(0, this.#db.sizeBytes() - bookkeepingBytes(this.#db));
  }

  /**
   * Makes room for a call that writes. The size is read rarely while there is much room, because reading it costs time.
   * @throws ToolError `quota_exceeded` when there is none, unless the call adds no data
   */
  requireRoom(growth: Growth): void {
    if (this.#callsUntilCheck-- > 0) return;
    const left = this.#makeRoom();
    this.#callsUntilCheck = Math.min(MAX_CALLS_BETWEEN_CHECKS, Math.floor(left.bytes / MAX_GROWTH_BYTES));
    const reserve = growth === 'reserve' ? Math.min(RELEASE_RESERVE_BYTES, this.bytes / RESERVE_SHARE) : 0;
    if (left.bytes + reserve > 0 || growth === 'none') return;
    const detail = left.isFinal ? {} : { retry_after_ms: MORE_ROOM_MS };
    throw new ToolError(
      'quota_exceeded',
      'The storage quota is used up. Delete or invalidate entries, then repeat the call.',
      { limit: this.bytes, ...detail },
    );
  }

  /** Drops what may go until there is room, a bounded number of steps. `isFinal`: nothing more can go. */
  #makeRoom(): { bytes: number; isFinal: boolean } {
    // The whole size is read faster than its part that counts, and mostly shows that there is much room.
    const size = this.#db.sizeBytes();
    if (this.bytes - size > MAX_GROWTH_BYTES) {
      this.#deleted += Math.max(0, this.#lastUsed - size);
      this.#lastUsed = size;
      return { bytes: this.bytes - size, isFinal: false };
    }
    this.#deleted += Math.max(0, this.#lastUsed - this.used());
    let bytes = this.bytes - this.#usedWithIndex();
    let merges = 0;
    let isFinal = false;
    for (let step = 0; bytes <= 0 && !isFinal; step++) {
      if (step === MAX_ROOM_STEPS || merges === MAX_MERGES) break;
      if (!this.#dropSome(Math.max(-bytes, MIN_FREED_BYTES))) {
        merges++;
        isFinal = !this.#mergeIndexes();
      }
      bytes = this.bytes - this.used();
    }
    this.#lastUsed = this.bytes - bytes;
    return { bytes, isFinal };
  }

  /** The bytes that count, once what was written lately is in the search index, if that decides whether there is room. */
  #usedWithIndex(): number {
    const used = this.used();
    if (used >= this.bytes || used + pendingIndexBytes(this.#db) < this.bytes) return used;
    this.#db.transaction(() => indexPending(this.#db));
    return this.used();
  }

  /** Drops what has expired, else history. @returns whether there was anything to drop */
  #dropSome(bytes: number): boolean {
    if (this.#sweepExpired(ROOM_STEP_ROWS) > 0) return true;
    return this.#db.transaction(() => dropHistory(this.#db, bytes, ROOM_STEP_ROWS).events > 0);
  }

  /** Removes deleted entries from the search indexes. @returns whether that freed anything */
  #mergeIndexes(): boolean {
    if (this.#deleted < MIN_DELETED_BYTES) return false;
    const before = this.#db.sizeBytes();
    this.#db.transaction(() => mergeIndexes(this.#db, MERGED_PAGES));
    if (this.#db.sizeBytes() < before) return true;
    this.#deleted = 0;
    return false;
  }
}

/** How a call counts when the quota is reached. */
export function growthOf(tool: Tool, args: Record<string, unknown>): Growth {
  return tool.growthOf?.(args) ?? (tool.grows ? 'data' : 'none');
}
