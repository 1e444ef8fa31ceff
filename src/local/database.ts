import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Database, StorageFailure } from '../tenant/storage/database.ts';

/** How long a process waits for another one's write lock before the call fails as `unavailable`, in milliseconds. */
export const BUSY_MS = 900;
/**
 * The same while the file is known to be locked. Waiting stops the process, so that a call would otherwise also wait for
 * everything that the process does by itself: records of reads, sweeps, notifications.
 */
const BUSY_AGAIN_MS = 20;
/** For how long a file that was locked is taken to be locked. */
const LOCKED_MS = 2000;
/** Size of the cache of prepared statements. Only queries with lists of varying length can exceed it. */
const MAX_STATEMENTS = 512;

/** The database port on `node:sqlite`, with what several processes on one file need in addition. */
export interface LocalDatabase extends Database {
  /** A number that changes when another connection has committed a change. */
  dataVersion(): number;
  /** The rows that this connection has changed so far. */
  changes(): number;
  /** Takes the write lock until `commit` or `rollback`. @throws StorageFailure `locked` when another process holds it too long */
  begin(): void;
  commit(): void;
  /** Undoes what was written since `begin`. Does nothing if SQLite has already done so. */
  rollback(): void;
  /** Writes what is in the log to the database, so that the log can start anew. @throws StorageFailure `full` */
  checkpoint(): void;
  close(): void;
}

/**
 * Opens a database file, or one in memory.
 * @param check called before anything is written; when it throws, the file stays as it is
 * @throws when the file cannot be opened or is not a database, or what `check` throws
 */
export function openDatabase(path = ':memory:', check?: (db: LocalDatabase) => void): LocalDatabase {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_MS });
  const db = databaseOn(sqlite);
  try {
    check?.(db);
    // Commits do not wait for the disk. A crash of the machine, but not of a process, can lose the newest ones.
    useWriteAheadLog(sqlite);
    sqlite.exec('PRAGMA synchronous = NORMAL');
  } catch (cause) {
    sqlite.close();
    throw cause;
  }
  return db;
}

function databaseOn(sqlite: DatabaseSync): LocalDatabase {
  const prepare = statements(sqlite);
  const number = (query: string) => Number(Object.values(prepare(query).get() ?? {})[0]);
  return {
    exec: (query, ...bindings) => guarded(() => prepare(query).all(...bindings)) as never,
    script: (text) => guarded(() => sqlite.exec(text)),
    transaction: nested(sqlite),
    sizeBytes: () =>
      number(
        'SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
      ),
    freeBytes: () => number('SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size'),
    dataVersion: () => number('PRAGMA data_version'),
    changes: () => number('SELECT total_changes()'),
    begin: beginning(sqlite),
    commit: () => guarded(() => sqlite.exec('COMMIT')),
    rollback: () => {
      if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    },
    checkpoint: () => guarded(() => void prepare('PRAGMA wal_checkpoint(PASSIVE)').all()),
    close: () => sqlite.close(),
  };
}

/** Takes the write lock, for which it waits the full time only when the last attempt did not wait in vain. */
function beginning(sqlite: DatabaseSync): LocalDatabase['begin'] {
  let lockedAt = Number.NEGATIVE_INFINITY;
  let timeout = BUSY_MS;
  return () => {
    const wanted = performance.now() - lockedAt < LOCKED_MS ? BUSY_AGAIN_MS : BUSY_MS;
    if (wanted !== timeout) sqlite.exec(`PRAGMA busy_timeout = ${wanted}`);
    timeout = wanted;
    try {
      guarded(() => sqlite.exec('BEGIN IMMEDIATE'));
      lockedAt = Number.NEGATIVE_INFINITY;
    } catch (cause) {
      lockedAt = performance.now();
      throw cause;
    }
  };
}

/** SQLite's primary result codes, see https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_FULL = 13;
/** An extended code: the file through which processes share the log cannot be made. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** Runs one statement. @throws StorageFailure when the disk is full or the file is locked */
function guarded<T>(statement: () => T): T {
  try {
    return statement();
  } catch (cause) {
    const extended = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) : 0;
    // The lower byte of an extended result code is the primary one.
    const code = extended & 0xff;
    if (code === SQLITE_FULL || extended === SQLITE_IOERR_SHMSIZE) throw new StorageFailure('full', cause);
    if (code === SQLITE_BUSY || code === SQLITE_LOCKED) throw new StorageFailure('locked', cause);
    throw cause;
  }
}

/** SQLite's busy timeout does not cover this change, so processes that open a new file at the same time must retry. */
function useWriteAheadLog(sqlite: DatabaseSync): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const until = Date.now() + BUSY_MS; ; Atomics.wait(pause, 0, 0, 10)) {
    try {
      guarded(() => sqlite.exec('PRAGMA journal_mode = WAL'));
      return;
    } catch (cause) {
      const isLocked = cause instanceof StorageFailure && cause.reason === 'locked';
      if (!isLocked || Date.now() >= until) throw cause;
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
    guarded(() => sqlite.exec(`SAVEPOINT ${name}`));
    depth++;
    try {
      const result = body();
      guarded(() => sqlite.exec(`RELEASE ${name}`));
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
