import type { Database } from './database.ts';
import { objectNames, readSchema, type SchemaCopy, writeSchema } from './schema-copy.ts';

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

/** A newer program has changed the schema: this one would read and write it wrongly. */
export class NewerSchemaError extends Error {
  /** The first migration that this program does not have. */
  readonly migration: string;

  constructor(migration: string) {
    super(
      `the database was written by a newer version of Bulkhead, which applied migration ${migration}. Start that version`,
    );
    this.name = 'NewerSchemaError';
    this.migration = migration;
  }
}

/** The database belongs to another program, or is damaged. */
export class ForeignDatabaseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ForeignDatabaseError';
  }
}

const TABLE = '_sql_schema_migrations';

/** Whether any migration was ever applied to this database. Writes nothing. */
export function hasSchema(db: Database): boolean {
  return db.exec(`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ?`, TABLE).length > 0;
}

/** The names of the migrations that were applied, in their order. */
export const appliedMigrations = (db: Database): string[] =>
  db.exec<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY name`).map(({ name }) => name);

/**
 * Checks that this program may use the database: that it is empty or has a schema that these migrations have made. Reads
 * only.
 * @throws NewerSchemaError when a migration was applied that is not among these
 * @throws ForeignDatabaseError when there are tables but no migrations, or migrations but no tenant
 */
export function requireOwnSchema(db: Database, migrations: readonly Migration[]): void {
  if (hasSchema(db)) {
    requireKnownSchema(db, migrations);
    if (db.exec('SELECT 1 AS found FROM tenant').length === 0)
      throw new ForeignDatabaseError('the database has the schema of Bulkhead but no tenant');
    return;
  }
  const [foreign] = db.exec<{ name: string }>(
    `SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name LIMIT 1`,
  );
  if (foreign === undefined) return;
  throw new ForeignDatabaseError(`the database belongs to another program (it has a table ${foreign.name})`);
}

/** The names of the applied migrations. @throws NewerSchemaError when one of them is unknown */
function requireKnownSchema(db: Database, migrations: readonly Migration[]): Set<string> {
  const applied = hasSchema(db)
    ? db.exec<{ name: string }>(`SELECT name FROM ${TABLE} ORDER BY name`).map((row) => row.name)
    : [];
  const unknown = applied.find((name) => !migrations.some((migration) => migration.name === name));
  if (unknown !== undefined) throw new NewerSchemaError(unknown);
  return new Set(applied);
}

/** What lists of migrations have made of an empty database before, in this process. */
const COPIES = new WeakMap<readonly Migration[], SchemaCopy>();

/**
 * Applies the missing migrations in order, each in a transaction of its own. To an empty database all are applied at once if
 * that was done before.
 * @throws NewerSchemaError when one was applied that is not among these; nothing is changed then
 * @throws MigrationError when one fails; the migrations before it stay applied
 */
export function migrate(db: Database, migrations: readonly Migration[]): void {
  const applied = requireKnownSchema(db, migrations);
  const isEmpty = applied.size === 0;
  const copy = isEmpty ? COPIES.get(migrations) : undefined;
  if (copy !== undefined) {
    applyAtOnce(db, copy);
    return;
  }
  const others = isEmpty ? objectNames(db) : [];
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
  if (isEmpty) COPIES.set(migrations, readSchema(db, others));
}

function applyAtOnce(db: Database, copy: SchemaCopy): void {
  try {
    db.transaction(() => writeSchema(db, copy));
  } catch (cause) {
    throw new MigrationError('of an empty database', cause);
  }
}
