import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { TemporaryDirectory } from '../support/local.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

const values = (db: ReturnType<typeof openDatabase>) =>
  db.exec<{ x: number }>('SELECT x FROM t ORDER BY x').map(({ x }) => x);

function withTable() {
  const db = openDatabase(directory.file);
  db.script('CREATE TABLE t (x INTEGER) STRICT');
  return db;
}

test('a file is kept in write-ahead mode', () => {
  const db = openDatabase(directory.file);
  expect(db.exec('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
  expect(db.exec('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
  db.close();
});

test('a transaction that throws leaves nothing, and one around it stays whole', () => {
  const db = withTable();
  db.transaction(() => {
    db.exec('INSERT INTO t VALUES (1)');
    expect(() =>
      db.transaction(() => {
        db.exec('INSERT INTO t VALUES (2)');
        throw new Error('inner');
      }),
    ).toThrow('inner');
    db.exec('INSERT INTO t VALUES (3)');
  });
  expect(values(db)).toEqual([1, 3]);
  db.close();
});

test('what was begun is undone by a rollback, and a second rollback is none', () => {
  const db = withTable();
  db.begin();
  db.transaction(() => db.exec('INSERT INTO t VALUES (1)'));
  db.rollback();
  db.rollback();
  expect(values(db)).toEqual([]);
  db.close();
});

describe('the version of the data', () => {
  test('changes by what another connection commits, and by nothing else', () => {
    const one = withTable();
    const other = openDatabase(directory.file);
    const before = one.dataVersion();
    one.exec('INSERT INTO t VALUES (1)');
    expect(one.dataVersion()).toBe(before);
    other.begin();
    other.commit();
    other.begin();
    other.exec('INSERT INTO t VALUES (2)');
    other.rollback();
    expect(one.dataVersion()).toBe(before);
    other.exec('INSERT INTO t VALUES (3)');
    expect(one.dataVersion()).not.toBe(before);
    one.close();
    other.close();
  });

  test('is the newest as soon as a transaction has begun', () => {
    const one = withTable();
    const other = openDatabase(directory.file);
    const before = one.dataVersion();
    other.exec('INSERT INTO t VALUES (1)');
    one.begin();
    expect(one.dataVersion()).not.toBe(before);
    expect(values(one)).toEqual([1]);
    one.commit();
    one.close();
    other.close();
  });
});

test('many texts of statements are served, each with its own rows', () => {
  const db = withTable();
  db.exec('INSERT INTO t VALUES (1)');
  for (let n = 0; n < 2000; n++) {
    expect(db.exec(`SELECT x + ${n} AS x FROM t`)).toEqual([{ x: n + 1 }]);
  }
  db.close();
});

test('the size counts the pages in use', () => {
  const db = withTable();
  const before = db.sizeBytes();
  db.script('CREATE TABLE big (text TEXT) STRICT');
  db.exec('INSERT INTO big VALUES (?)', 'x'.repeat(100_000));
  const full = db.sizeBytes();
  expect(full - before).toBeGreaterThan(100_000);
  db.exec('DELETE FROM big');
  expect(db.sizeBytes()).toBeLessThan(full - 90_000);
  db.close();
});

test('a file that is no database is refused', () => {
  writeFileSync(directory.file, 'not a database, and long enough to be read as the header of one'.repeat(20));
  expect(() => openDatabase(directory.file)).toThrow('not a database');
});
