import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Database } from '../../src/tenant/database.ts';
import type { Migration } from '../../src/tenant/migrate.ts';

/** The database port on `node:sqlite`, in memory. */
export function openDatabase(): Database {
  const sqlite = new DatabaseSync(':memory:');
  const statements = new Map<string, StatementSync>();
  let depth = 0;
  const prepare = (query: string): StatementSync => {
    let statement = statements.get(query);
    if (statement === undefined) {
      statement = sqlite.prepare(query);
      statements.set(query, statement);
    }
    return statement;
  };
  return {
    exec: (query, ...bindings) => prepare(query).all(...bindings) as never,
    script: (text) => sqlite.exec(text),
    transaction: (body) => {
      const name = `level_${depth}`;
      sqlite.exec(`SAVEPOINT ${name}`);
      depth++;
      try {
        const result = body();
        sqlite.exec(`RELEASE ${name}`);
        return result;
      } catch (error) {
        sqlite.exec(`ROLLBACK TO ${name}`);
        sqlite.exec(`RELEASE ${name}`);
        throw error;
      } finally {
        depth--;
      }
    },
    sizeBytes: () => {
      const [row] = sqlite
        .prepare(
          'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
        )
        .all();
      return Number(row?.bytes);
    },
  };
}

const DIRECTORY = new URL('../../migrations/tenant/', import.meta.url);

/** The migrations as they are on disk. */
export function readMigrations(): Migration[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(new URL(name, DIRECTORY), 'utf8') }));
}
