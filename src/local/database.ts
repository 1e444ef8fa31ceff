import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Database } from '../tenant/storage/database.ts';

/** How long a process waits for another one that writes, before its call is answered as `unavailable`. */
const BUSY_MS = 5000;
/** Prepared statements that are kept; there are fewer texts than this, but for lists of many lengths. */
const MAX_STATEMENTS = 512;

/** The database port on `node:sqlite`, with what several processes on one file need besides. */
export interface LocalDatabase extends Database {
  /** Changes whenever another connection has committed a change. */
  dataVersion(): number;
  /** Keeps every other process from writing, until `commit` or `rollback`. @throws when one does not stop writing */
  begin(): void;
  commit(): void;
  /** Undoes what was written since `begin`; nothing when it is undone already. */
  rollback(): void;
  close(): void;
}

/**
 * Opens a database file, or one in memory.
 * @throws when the file cannot be opened or is no database
 */
export function openDatabase(path = ':memory:'): LocalDatabase {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    // A write then costs no wait for the disk. What a crash of the machine, not of a process, can lose is the newest writes.
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

/** Several processes that open a new file at once are refused this at first: SQLite does not wait here by itself. */
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

/** Prepared statements by their text, those used last. */
function statements(sqlite: DatabaseSync): (query: string) => StatementSync {
  const kept = new Map<string, StatementSync>();
  return (query) => {
    const statement = kept.get(query) ?? sqlite.prepare(query);
    kept.delete(query);
    kept.set(query, statement);
    const [oldest] = kept.keys();
    if (kept.size > MAX_STATEMENTS && oldest !== undefined) kept.delete(oldest);
    return statement;
  };
}

/** Transactions that can be within others. */
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
      // A full disk undoes all of it at once, and leaves nothing to go back to.
      if (sqlite.isTransaction) sqlite.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      depth--;
    }
  };
}
