import type { Sql } from '../../tools/tool.ts';

/** The storage of the host failed: nothing of the transaction was written, and the call may succeed later. */
export class StorageFailure extends Error {
  /** `full`: there is no room on the disk; `locked`: another process writes. */
  readonly reason: 'full' | 'locked';

  constructor(reason: 'full' | 'locked', cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StorageFailure';
    this.reason = reason;
  }
}

/**
 * The database port: all that a compartment needs of its SQLite database. A host implements it, the Durable Object on its
 * storage and the local server on `node:sqlite`. The full-text search FTS5 must be available.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite';
 * import type { Database } from './database.ts';
 *
 * // A database in memory whose transactions cannot be nested.
 * function memoryDatabase(): Database {
 *   const sqlite = new DatabaseSync(':memory:');
 *   return {
 *     exec: (query, ...bindings) => sqlite.prepare(query).all(...bindings) as never,
 *     script: (statements) => sqlite.exec(statements),
 *     sizeBytes: () => Number(sqlite.prepare('PRAGMA page_count').get()?.page_count) * 4096,
 *     transaction: (body) => {
 *       sqlite.exec('BEGIN IMMEDIATE');
 *       try {
 *         const result = body();
 *         sqlite.exec('COMMIT');
 *         return result;
 *       } catch (cause) {
 *         sqlite.exec('ROLLBACK');
 *         throw cause;
 *       }
 *     },
 *   };
 * }
 * ```
 */
export interface Database extends Sql {
  /**
   * Runs `body` in one transaction: all of its statements are committed, or none when it throws. It may be nested, so
   * that an inner transaction can be rolled back alone.
   * @throws whatever `body` throws, or the failure of the commit
   */
  transaction<T>(body: () => T): T;
  /** Runs a script of several statements without bindings. @throws Error at the first statement that fails */
  script(statements: string): void;
  /** The bytes in use, without free pages. The storage quota is compared with it. */
  sizeBytes(): number;
  /** Bytes of free pages, on hosts that tell. */
  freeBytes?(): number;
  /** The rows that were written since the host began, on hosts that tell. */
  rowsWritten?(): number;
}
