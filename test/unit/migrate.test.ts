import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import { parseTenantId } from '../../src/tenant/contract/call.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { hasSchema, type Migration, migrate } from '../../src/tenant/storage/migrate.ts';
import { createdCompartment, openCompartment } from '../support/compartment.ts';

const ONE = { name: '0001_one.sql', sql: 'CREATE TABLE one (n INTEGER) STRICT; INSERT INTO one VALUES (1);' };
const TWO = { name: '0002_two.sql', sql: 'INSERT INTO one VALUES (2); CREATE TABLE two (n INTEGER) STRICT;' };
const BROKEN = {
  name: '0003_broken.sql',
  sql: 'CREATE TABLE three (n INTEGER) STRICT; INSERT INTO no_such_table VALUES (1);',
};

const tables = (db: Database) =>
  db
    .exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
    .map((row) => row.name);

test('each migration is applied once, in the order of its number', () => {
  const db = openDatabase();
  migrate(db, [TWO, ONE]);
  migrate(db, [ONE, TWO]);
  expect(db.exec('SELECT n FROM one')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('a failing migration leaves the schema before it, and says which it was', () => {
  const db = openDatabase();
  expect(() => migrate(db, [ONE, TWO, BROKEN])).toThrow(/migration 0003_broken\.sql failed: .*no_such_table/);
  expect(tables(db)).toEqual(['_sql_schema_migrations', 'one', 'two']);
  migrate(db, [ONE, TWO]);
  expect(db.exec('SELECT n FROM one')).toHaveLength(2);
});

test('a table that a platform keeps in each database is left to it', () => {
  const migrations = [ONE, TWO];
  for (let times = 0; times < 3; times++) {
    const db = openDatabase();
    db.script(`CREATE TABLE __platform (name TEXT) STRICT; INSERT INTO __platform VALUES ('${times}');`);
    migrate(db, migrations);
    expect(db.exec('SELECT n FROM one')).toEqual([{ n: 1 }, { n: 2 }]);
    expect(db.exec('SELECT name FROM __platform')).toEqual([{ name: String(times) }]);
  }
});

test('looking writes nothing', () => {
  const db = openDatabase();
  expect(hasSchema(db)).toBe(false);
  expect(tables(db)).toEqual([]);
});

test('a tenant whose creation fails stays uncreated', () => {
  const { compartment, db, lines } = openCompartment({
    migrations: [...readMigrations(), { ...BROKEN, name: '9999_broken.sql' }],
  });
  const id = parseTenantId('test');
  expect(id && compartment.administration.create(id)).toMatchObject({ error: { reason: 'unavailable' } });
  expect(lines[0]).toMatchObject({ cause: { message: expect.stringContaining('9999_broken.sql') } });
  expect(tables(db)).toEqual([]);
  expect(compartment.administration.describe()).toMatchObject({ error: { reason: 'not_found' } });
});

test('a tenant whose new migration fails is unavailable, keeps its data, and comes back when it is mended', () => {
  const first = createdCompartment();
  const token = first.issue();
  const broken = openCompartment({
    db: first.db,
    migrations: [...readMigrations(), { ...BROKEN, name: '9999_broken.sql' }],
  });
  expect(broken.call(token, 'tenant_limits')).toEqual({
    kind: 'refused',
    refusal: { reason: 'unavailable' },
  });
  expect(broken.compartment.administration.describe()).toMatchObject({ error: { reason: 'unavailable' } });
  expect(broken.lines[0]).toMatchObject({
    event: 'tenant.migration_failed',
    cause: { message: expect.stringContaining('9999_broken.sql') },
  });
  expect(openCompartment({ db: first.db }).call(token, 'tenant_limits')).toMatchObject({ kind: 'answer' });
});

test('a tenant that was not created refuses everything and stores nothing', () => {
  const { compartment, call, db } = openCompartment();
  const token = createdCompartment().issue();
  expect(call(token, 'tenant_limits')).toEqual({ kind: 'refused', refusal: { reason: 'invalid_token' } });
  expect(compartment.admit(token, undefined)).toEqual({ ok: false, error: { reason: 'invalid_token' } });
  expect(compartment.administration.tokens()).toMatchObject({ error: { reason: 'not_found' } });
  expect(tables(db)).toEqual([]);
});

test('the Durable Object applies every file that is in the directory', () => {
  const source = readFileSync('src/tenant/storage/migration-files.ts', 'utf8');
  for (const { name } of readMigrations()) {
    const line = `export { default as '${name}' } from '../../../migrations/tenant/${name}';`;
    expect(source, `Add this line to src/tenant/storage/migration-files.ts: ${line}`).toContain(line);
  }
  expect(source.match(/^export /gm)).toHaveLength(readMigrations().length);
});

/** The structure of an FTS5 table begins with the number of times that a setting was changed, which means nothing else. */
const FTS_STRUCTURE = 10;
const comparable = (row: object): object => {
  const block: unknown = Reflect.get(row, 'block');
  const isStructure = Reflect.get(row, 'id') === FTS_STRUCTURE && block instanceof Uint8Array;
  return isStructure ? { ...row, block: block.slice(4) } : row;
};

test('all migrations at once make what they make one by one', () => {
  const everything = (db: Database) => {
    const objects = db.exec<{ type: string; name: string }>(
      'SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name',
    );
    const stored = objects.filter(({ type }) => type === 'table');
    const rowsOf = (name: string) => db.exec(`SELECT * FROM "${name}"`).map(comparable);
    return [objects, stored.map(({ name }) => [name, rowsOf(name)])];
  };
  const statements: string[] = [];
  const made = (migrations: readonly Migration[]) => {
    const db = openDatabase();
    const script = (text: string) => {
      statements.push(text);
      db.script(text);
    };
    migrate({ ...db, script }, migrations);
    return everything(db);
  };
  const migrations = [...readMigrations()];
  const oneByOne = made(migrations);
  expect(statements.splice(0).join()).toContain('ALTER TABLE');
  expect(made(migrations)).toEqual(oneByOne);
  expect(statements.join()).not.toContain('ALTER TABLE');
});
