import { ToolError } from '../../tools/errors.ts';
import type { Database } from '../storage/database.ts';

/** No single call adds more than this to the storage: its body, the history and the search index. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const MAX_CALLS_BETWEEN_CHECKS = 64;

/** The storage quota of one tenant. The size is read rarely while there is much room, because reading it costs time. */
export class StorageQuota {
  readonly #db: Database;
  readonly bytes: number;
  #callsUntilCheck = 0;

  constructor(db: Database, bytes: number) {
    this.#db = db;
    this.bytes = bytes;
  }

  /** @throws ToolError `quota_exceeded` when the quota is used up */
  requireRoom(): void {
    if (this.#callsUntilCheck-- > 0) return;
    const left = this.bytes - this.#db.sizeBytes();
    this.#callsUntilCheck = Math.min(MAX_CALLS_BETWEEN_CHECKS, Math.floor(left / MAX_GROWTH_BYTES));
    if (left > 0) return;
    throw new ToolError(
      'quota_exceeded',
      'The storage quota is used up. Delete or invalidate entries, then repeat the call.',
      { limit: this.bytes },
    );
  }
}
