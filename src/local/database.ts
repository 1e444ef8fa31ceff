import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Database } from '../tenant/storage/database.ts';

/** How long a process waits for another one's write lock before the call fails as `unavailable`. */
const BUSY_MS = 5000;
/** Size of the cache of prepared statements. Only queries with lists of varying length can exceed it. */
const MAX_STATEMENTS = 512;

/** The database port on `node:sqlite`, with what several processes on one file need in addition. */
export interface LocalDatabase extends Database {
  /** A number that changes when another connection has committed a change. */
  dataVersion(): number;
  /**
   * Takes the write lock until `commit` or `rollback`. @throws when another process holds it for longer than 5 seconds
   */
  begin(): void;
  commit(): void;
  /** Undoes what was written since `begin`. Does nothing if SQLite has already done so. */
  rollback(): void;
  close(): void;
}

/**
 * Opens a database file, or one in memory.
 * @throws when the file cannot be opened or is not a database
 */
export function openDatabase(path = ':memory:'): LocalDatabase {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    // Commits do not wait for the disk. A crash of the machine, but not of a process, can lose the newest ones.
    useWriteAheadLog(sqlite);
    sqlite.exec('PRAGMA synchronous = NORMAL');
  } catch (cause) {
    sqlite.close();
    throw cause;
  }
  const prepare = statements(sqlite);
  const number = (query: string) => Number(Object.values(prepare(query).get() ?? {})[0]);
  return {
    exec: (query, ...bindings) => prepare(query).all(...bindings) as never,
    script: (text) => sqlite.exec(text),
    transaction: nested(sqlite),
    sizeBytes: () =>
      number(
        'SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
      ),
    dataVersion: () => number('PRAGMA data_version'),
    begin: () => sqlite.exec('BEGIN IMMEDIATE'),
    commit: () => sqlite.exec('COMMIT'),
    rollback: () => {
      if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    },
    close: () => sqlite.close(),
  };
}

/** SQLite's busy timeout does not cover this change, so processes that open a new file at the same time must retry. */
function useWriteAheadLog(sqlite: DatabaseSync): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const until = Date.now() + BUSY_MS; ; Atomics.wait(pause, 0, 0, 10)) {
    try {
      sqlite.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (cause) {
      const busy = cause instanceof Error && /locked|busy/.test(cause.message);
      if (!busy || Date.now() >= until) throw cause;
    }
  }
}

/** Prepared statements by their text; the least recently used one is dropped. */
function statements(sqlite: DatabaseSync): (query: string) => StatementSync {
  const cache = new Map<string, StatementSync>();
  return (query) => {
    const statement = cache.get(query) ?? sqlite.prepare(query);
    cache.delete(query);
    cache.set(query, statement);
    const [oldest] = cache.keys();
    if (cache.size > MAX_STATEMENTS && oldest !== undefined) cache.delete(oldest);
    return statement;
  };
}

/** Transactions that can be nested, as savepoints. */
function nested(sqlite: DatabaseSync): Database['transaction'] {
  let depth = 0;
  return (body) => {
    const name = `level_${depth}`;
    sqlite.exec(`SAVEPOINT ${name}`);
    depth++;
    try {
      const result = body();
      sqlite.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      // On a full disk SQLite has already rolled back everything, savepoints included.
      if (sqlite.isTransaction) sqlite.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      depth--;
    }
  };
}
