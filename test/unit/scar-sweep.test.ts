import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { REPORT_RETENTION_MS } from '../../src/tools/scar/fixes.ts';
import { MAX_SHOWN, RUN_RETENTION_MS, recordShown, shownToRun } from '../../src/tools/scar/runs.ts';
import { sweepScars } from '../../src/tools/scar/sweep.ts';

const THEN = Date.UTC(2026, 0, 1);

function open(scars = 3): Database {
  const db = openDatabase();
  migrate(db, readMigrations());
  for (let id = 1; id <= scars; id++) {
    db.exec(
      `INSERT INTO scars (id, rev, error_type, class, tags, state, occurrences, wrong_matches, principal,
         first_seen, last_seen, tokens)
       VALUES (?, ?, 'E', 'unknown', '[]', 'open', 1, 0, 'p', ?, ?, '')`,
      id,
      id,
      THEN,
      THEN,
    );
    db.exec(`INSERT INTO scar_runs VALUES (?, 'r', 1, ?)`, id, THEN);
    db.exec(`INSERT INTO scar_reports (scar_id, fix_id, principal, at) VALUES (?, 0, 'p', ?)`, id, THEN);
  }
  recordShown(
    db,
    Array.from({ length: scars }, (_, i) => i + 1),
    'r',
    THEN,
  );
  return db;
}

const rows = (db: Database) =>
  ['scar_runs', 'scar_shown', 'scar_reports', 'scars'].map(
    (table) => db.exec(`SELECT count(*) AS n FROM ${table}`)[0]?.n,
  );

describe('sweeping', () => {
  test.each([
    [REPORT_RETENTION_MS - 1, 0, [3, 3, 3, 3]],
    [REPORT_RETENTION_MS, 3, [3, 3, 0, 3]],
    [RUN_RETENTION_MS - 1, 3, [3, 3, 0, 3]],
    [RUN_RETENTION_MS, 9, [0, 0, 0, 3]],
  ])('after %i ms reclaims %i rows', (age, swept, left) => {
    const db = open();
    expect(sweepScars(db, THEN + age, 100)).toBe(swept);
    expect(rows(db)).toEqual(left);
    expect(sweepScars(db, THEN + age, 100)).toBe(0);
  });

  test('deletes no more than it may at a time, and in the end all', () => {
    const db = open();
    const swept = [];
    for (let i = 0; i < 4; i++) swept.push(sweepScars(db, THEN + RUN_RETENTION_MS, 4));
    expect(swept).toEqual([4, 4, 1, 0]);
    expect(rows(db)).toEqual([0, 0, 0, 3]);
  });
});

test('of what runs were shown only the newest notes are kept', () => {
  const db = open(1);
  db.exec(
    `INSERT INTO scar_shown (run_id, scar_id, at)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) SELECT 'run ' || i, 1, ? FROM n`,
    MAX_SHOWN - 1,
    THEN,
  );
  expect(shownToRun(db, [1], 'r', THEN).size).toBe(1);
  recordShown(db, [1], 'one more', THEN);
  expect(db.exec('SELECT count(*) AS n FROM scar_shown')).toEqual([{ n: MAX_SHOWN }]);
  expect(shownToRun(db, [1], 'r', THEN).size).toBe(0);
  expect(shownToRun(db, [1], 'one more', THEN).size).toBe(1);
});
