import type { SqlValue } from '../../tools/tool.ts';
import type { Database } from './database.ts';

/**
 * The schema that migrations have made of an empty database, and the rows that they have written, to be made again in another one.
 * The migrations alter tables that earlier ones have made, so making what comes of them at once takes a sixth of the work.
 */
export interface SchemaCopy {
  /** Tables, virtual ones too. */
  readonly tables: readonly string[];
  /** What fills tables before there are triggers. */
  readonly rows: readonly (readonly [statement: string, bindings: readonly SqlValue[]])[];
  /** Indexes, views and triggers. */
  readonly others: readonly string[];
}

interface SchemaObject extends Record<string, string> {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string;
}

/** The tables that FTS5 makes for a table of its own. See https://sqlite.org/fts5.html#fts5_data_structures */
const SHADOWS = ['config', 'content', 'data', 'docsize', 'idx'];

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const isVirtual = ({ sql }: SchemaObject) => /^CREATE VIRTUAL TABLE /i.test(sql);

/** What is in a database by now. */
export const objectNames = (db: Database): string[] =>
  db.exec<{ name: string }>('SELECT name FROM sqlite_master').map(({ name }) => name);

/**
 * Reads the schema of a database to which migrations alone have written.
 * @param others what was there before them: a platform may keep tables of its own in the same database
 */
export function readSchema(db: Database, others: readonly string[]): SchemaCopy {
  const all = db.exec<SchemaObject>(
    `SELECT type, name, tbl_name, sql FROM sqlite_master
     WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE '!_cf!_%' ESCAPE '!' ORDER BY rowid`,
  );
  const virtual = all.filter(isVirtual).map(({ name }) => name);
  const shadows = new Set(virtual.flatMap((name) => SHADOWS.map((shadow) => `${name}_${shadow}`)));
  const own = all.filter(({ tbl_name }) => !shadows.has(tbl_name) && !others.includes(tbl_name));
  const tables = own.filter(({ type }) => type === 'table');
  return {
    tables: tables.map(({ sql }) => sql),
    rows: [
      ...tables.filter((table) => !isVirtual(table)).flatMap(({ name }) => rowsOf(db, name)),
      ...virtual.flatMap((name) => settingsOf(db, name)),
    ],
    others: own.filter(({ type }) => type !== 'table').map(({ sql }) => sql),
  };
}

function rowsOf(db: Database, table: string): SchemaCopy['rows'] {
  return db.exec<Record<string, SqlValue>>(`SELECT * FROM ${quoted(table)}`).map((row) => {
    const columns = Object.keys(row);
    const statement = `INSERT INTO ${quoted(table)} (${columns.map(quoted)}) VALUES (${columns.map(() => '?')})`;
    return [statement, Object.values(row)];
  });
}

/** The settings of a table of FTS5, which are set by what looks like inserting them. */
function settingsOf(db: Database, table: string): SchemaCopy['rows'] {
  const name = quoted(table);
  const settings = db.exec<{ key: string; value: string }>(
    `SELECT k AS key, quote(v) AS value FROM ${quoted(`${table}_config`)} WHERE k <> 'version'`,
  );
  // Numbers must be integers, which no binding is.
  return settings.map(({ key, value }) => [
    `INSERT INTO ${name} (${name}, rank) VALUES (?, ${value})`,
    [key],
  ]);
}

/** Makes the schema in an empty database. */
export function writeSchema(db: Database, { tables, rows, others }: SchemaCopy): void {
  for (const sql of tables) db.script(sql);
  for (const [statement, bindings] of rows) db.exec(statement, ...bindings);
  for (const sql of others) db.script(sql);
}
