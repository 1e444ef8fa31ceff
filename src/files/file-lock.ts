import { DatabaseSync } from 'node:sqlite';

/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/**
 * The exclusive right to something, among all processes of this machine.
 *
 * The lock is an open SQLite transaction, so the operating system itself grants it to one process and takes it back when that
 * process ends, however it ends: a lock cannot be left behind, and a reused process id cannot be mistaken for its owner.
 */
export class FileLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Takes the lock on a file, which is created if it does not exist.
   * @returns undefined while another holds it
   * @throws when the file cannot be used
   */
  static tryAcquire(path: string): FileLock | undefined {
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec('BEGIN EXCLUSIVE');
      return new FileLock(database);
    } catch (error) {
      database.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  release(): void {
    this.#database.close();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
