import { StorageFailure } from '../tenant/storage/database.ts';
import type { LocalDatabase } from './database.ts';
import { DataError } from './directory.ts';
import type { DiskReserve } from './disk-reserve.ts';

export interface FullDiskOptions {
  readonly db: LocalDatabase;
  /** Undefined when no space is set aside. */
  readonly reserve: Pick<DiskReserve, 'keep' | 'release'> | undefined;
  /** Drops records and old versions in the database. @returns whether it could */
  readonly freePages: () => boolean;
}

/**
 * Runs a call again that has failed because the disk is full, after each step that may have made room for it: first the
 * log is written to the database, so that it starts anew in the space that it has; then old versions are dropped.
 * A call that adds no data, such as a deletion, may also use the reserve. What it leaves of the reserve is kept again.
 */
export class FullDisk {
  readonly #options: FullDiskOptions;

  constructor(options: FullDiskOptions) {
    this.#options = options;
  }

  /** @throws what the last attempt has thrown */
  async runAgain<T>(cause: unknown, addsData: boolean, run: () => Promise<T>): Promise<T> {
    if (addsData) return await this.#runAfterEachStep(cause, run);
    this.#options.reserve?.release();
    try {
      return await this.#runAfterEachStep(cause, run);
    } finally {
      this.#checkpoint();
      this.#options.reserve?.keep();
    }
  }

  async #runAfterEachStep<T>(cause: unknown, run: () => Promise<T>): Promise<T> {
    let failure = cause;
    for (const makeRoom of [() => this.#checkpoint(), this.#options.freePages]) {
      if (!isFull(failure)) break;
      if (!makeRoom()) continue;
      try {
        return await run();
      } catch (again) {
        failure = again;
      }
    }
    throw failure;
  }

  #checkpoint(): boolean {
    try {
      this.#options.db.checkpoint();
      return true;
    } catch {
      // The call is answered that the disk is full, or a later call succeeds.
      return false;
    }
  }
}

/** Whether the disk is full, also for a directory that cannot be opened because of that. */
export function isFull(cause: unknown): boolean {
  const failure = cause instanceof DataError ? cause.cause : cause;
  return failure instanceof StorageFailure && failure.reason === 'full';
}
