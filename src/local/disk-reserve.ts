import { randomBytes } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';

/** What is set aside: more than the log of SQLite usually takes before its pages are written to the database. */
export const RESERVE_BYTES = 4 * 1024 * 1024;
const MIN_RESERVE_BYTES = 256 * 1024;

/**
 * Space on the disk that is set aside in a file beside the database. SQLite writes to a log when it deletes, so on a disk
 * that is full it could not even delete. The space is then given back for calls that add no data.
 *
 * Processes on one database share the file. Nothing here throws: without the reserve everything works until the disk is full.
 */
export class DiskReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Sets the space aside, or as much of it as the disk has. */
  keep(): void {
    if (statSync(this.#path, { throwIfNoEntry: false })?.size === RESERVE_BYTES) return;
    this.release();
    for (let bytes = RESERVE_BYTES; bytes >= MIN_RESERVE_BYTES; bytes /= 2) if (this.#write(bytes)) return;
  }

  /** Gives the space back to the disk. @returns whether there was any */
  release(): boolean {
    try {
      rmSync(this.#path);
      return true;
    } catch {
      return false;
    }
  }

  #write(bytes: number): boolean {
    try {
      // A file system that compresses would keep next to nothing of zeros.
      writeFileSync(this.#path, randomBytes(bytes));
      return true;
    } catch {
      this.release();
      return false;
    }
  }
}
