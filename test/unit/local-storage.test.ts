import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BUSY_MS, type LocalDatabase, openDatabase } from '../../src/local/database.ts';
import { DataError, openDirectory } from '../../src/local/directory.ts';
import { openLocal, TemporaryDirectory, type TestLocal } from '../support/local.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

const file = () => join(directory.path, 'bulkhead.db');

describe('a data file that is not for this version', () => {
  /** Makes a database with these statements. @returns its bytes */
  function foreign(statements: string): Buffer {
    const sqlite = new DatabaseSync(file());
    sqlite.exec(statements);
    sqlite.close();
    return readFileSync(file());
  }

  const NEWER = "INSERT INTO _sql_schema_migrations VALUES ('9999_future.sql')";
  test.each([
    ['of a newer version', NEWER, /newer version of Bulkhead, which applied migration 9999_future\.sql/],
    ['without its tenant', 'DELETE FROM tenant', /has the schema of Bulkhead but no tenant/],
  ])('%s is refused, and left as it is', (_, change, message) => {
    openLocal(file()).tenant.close();
    const before = foreign(change);
    expect(() => openDirectory(directory.path)).toThrow(DataError);
    expect(() => openDirectory(directory.path)).toThrow(message);
    expect(readFileSync(file()).equals(before)).toBe(true);
  });

  test('of another program is refused, and left as it is', () => {
    const before = foreign('CREATE TABLE invoices (id INTEGER PRIMARY KEY); INSERT INTO invoices VALUES (1)');
    expect(() => openDirectory(directory.path)).toThrow(
      /belongs to another program \(it has a table invoices\)/,
    );
    expect(readFileSync(file()).equals(before)).toBe(true);
  });

  test('ends the program with one line on stderr and exit code 2', () => {
    openLocal(file()).tenant.close();
    foreign(NEWER);
    const ended = spawnSync(process.execPath, ['src/cli/stdio.ts', '--data', directory.path], {
      input: '',
      encoding: 'utf8',
    });
    expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^The data directory [^\n]+ migration 9999_future\.sql[^\n]+\n$/);
  });

  test('is unavailable to a process that has opened it before', async () => {
    const older = openLocal(file());
    const other = openDatabase(file());
    other.exec(NEWER);
    other.close();
    expect(await older.call('blackboard_read', { key: 'k' })).toMatchObject({
      kind: 'error',
      error: {
        code: 'unavailable',
        retryable: false,
        message: expect.stringMatching(/newer version of Bulkhead.*9999_future\.sql.*Start that version\.$/),
      },
    });
    expect(older.lines[0]).toMatchObject({ cause: { message: expect.stringContaining('9999_future.sql') } });
    older.tenant.close();
  });
});

describe('a disk that is full', () => {
  let local: TestLocal;
  let db: LocalDatabase;
  /** Uses every free page and lets the file take no further one: SQLite then fails as it does on a full disk. */
  const fill = () => {
    db.script('CREATE TABLE filler (x BLOB)');
    db.exec('PRAGMA max_page_count = 1');
    expect(() => {
      for (;;) db.exec('INSERT INTO filler VALUES (zeroblob(3000))');
    }).toThrow(/full/);
  };
  beforeEach(async () => {
    db = openDatabase(directory.file);
    local = openLocal(directory.file, {}, db);
    const value = 'x'.repeat(100_000);
    for (let n = 0; n < 10; n++) await local.answer('blackboard_write', { key: `k/${n}`, value });
    await local.answer('blackboard_claim', { key: 'k/9', by: 'worker' });
    fill();
  });
  afterEach(() => local.tenant.close());

  const large = { key: 'new', value: 'y'.repeat(1_000_000) };
  const FULL = {
    kind: 'error',
    error: { code: 'unavailable', retryable: true, message: expect.stringMatching(/^The disk .* is full/) },
  };

  test('is named in the answer of a write, of which nothing is stored', async () => {
    expect(await local.call('blackboard_write', large)).toMatchObject(FULL);
    expect(await local.answer('blackboard_read', { key: 'new' })).toMatchObject({
      entries: [{ found: false }],
    });
    expect(local.lines).toContainEqual(expect.objectContaining({ level: 'error', code: 'unavailable' }));
  });

  test('still reads, however often', async () => {
    for (let n = 0; n < 500; n++) {
      expect(await local.answer('blackboard_read', { key: 'k/3', max_bytes: 10 })).toMatchObject({
        entries: [{ found: true }],
      });
    }
  });

  test('still deletes, which makes room for writes', async () => {
    await local.call('blackboard_write', large);
    expect(await local.answer('blackboard_delete', { keys: ['k/0', 'k/1'] })).toMatchObject({ deleted: 2 });
    expect(await local.answer('blackboard_delete', { prefix: 'k/' })).toMatchObject({ deleted: 8 });
    expect(await local.answer('blackboard_write', { key: 'small', value: 1 })).toMatchObject({
      status: 'created',
    });
  });
});

test('a file that another process has locked is reported within a second, with the time to wait', async () => {
  const local = openLocal(directory.file);
  const other = openDatabase(directory.file);
  other.begin();
  expect(BUSY_MS).toBeLessThan(1000);
  expect(await local.call('blackboard_write', { key: 'k', value: 1 })).toMatchObject({
    kind: 'error',
    error: {
      code: 'unavailable',
      retryable: true,
      retry_after_ms: expect.any(Number),
      message: expect.stringContaining('locked'),
    },
  });
  // What the process does by itself waits for the lock as well, and a call would wait for that.
  const before = performance.now();
  local.tenant.announceForeignWrites();
  expect(await local.call('blackboard_read', { key: 'k' })).toMatchObject({ kind: 'error' });
  expect(performance.now() - before).toBeLessThan(BUSY_MS);
  other.rollback();
  expect(await local.answer('blackboard_write', { key: 'k', value: 1 })).toMatchObject({ status: 'created' });
  other.close();
  local.tenant.close();
});
