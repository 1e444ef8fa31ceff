import type { Database } from './database.ts';

/** One numbered SQL file. `name` is the file's name and sorts by its number: `0001_core.sql`. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export class MigrationError extends Error {
  readonly migration: string;

  constructor(migration: string, cause: unknown) {
    super(`migration ${migration} failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'MigrationError';
    this.migration = migration;
  }
}

const TABLE = '_sql_schema_migrations';

/** Whether any migration was ever applied to this database. Writes nothing. */
export function hasSchema(db: Database): boolean {
  return db.exec(`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ?`, TABLE).length > 0;
}

/**
 * Applies the missing migrations in order, each in a transaction of its own.
 * @throws MigrationError when one fails; the migrations before it stay applied
 */
export function migrate(db: Database, migrations: readonly Migration[]): void {
  const applied = new Set(
    hasSchema(db) ? db.exec<{ name: string }>(`SELECT name FROM ${TABLE}`).map((row) => row.name) : [],
  );
  for (const { name, sql } of [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (applied.has(name)) continue;
    try {
      db.transaction(() => {
        db.script(`CREATE TABLE IF NOT EXISTS ${TABLE} (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;`);
        db.script(sql);
        db.exec(`INSERT INTO ${TABLE} (name) VALUES (?)`, name);
      });
    } catch (cause) {
      throw new MigrationError(name, cause);
    }
  }
}
