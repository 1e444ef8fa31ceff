import type { Database } from './database.ts';

/** The database port on a Durable Object's SQLite storage. */
export function durableDatabase(storage: DurableObjectStorage): Database {
  return {
    exec: (query, ...bindings) => storage.sql.exec(query, ...bindings).toArray() as never,
    script: (statements) => void storage.sql.exec(statements),
    transaction: (body) => storage.transactionSync(body),
    sizeBytes: () => storage.sql.databaseSize,
  };
}
