import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { boardToken, searchText } from '../../src/tools/blackboard/search-text.ts';
import type { Sql } from '../../src/tools/tool.ts';
import { openCompartment } from '../support/compartment.ts';
import { createOldTenant } from '../support/old-database.ts';
import type { Answer } from '../support/tenant.ts';

const GROWTH = '0011_growth.sql';
const START = Date.UTC(2026, 0, 1);

/** A cell as releases before this migration stored it: its row ids in the search indexes are its own id. */
function insertOldCell(sql: Sql, id: number, rev: number, key: string, value: string, indexed = true): void {
  const json = JSON.stringify(value);
  sql.exec(
    `INSERT INTO board_cells (id, run_id, key, rev, author, principal, updated_at, versions, bytes, tags, value)
     VALUES (?, 'default', ?, ?, 'old', 'old', ?, 1, ?, '[]', ?)`,
    id,
    key,
    rev,
    START,
    json.length,
    json,
  );
  sql.exec(
    `INSERT INTO board_events (rev, run_id, key, op, author, principal, at, bytes, tags, value)
     VALUES (?, 'default', ?, 'set', 'old', 'old', ?, ?, '[]', ?)`,
    rev,
    key,
    START,
    json.length,
    json,
  );
  if (!indexed) return;
  const texts = searchText(key, [], json);
  for (const name of ['words', 'grams'] as const)
    sql.exec(
      `INSERT INTO board_${name} (rowid, board, name, body) VALUES (?, ?, ?, ?)`,
      id,
      boardToken('default'),
      texts[name].name,
      texts[name].body,
    );
  sql.exec('UPDATE board_indexed SET rev = ?', rev);
}

function insertOldEntry(sql: Sql, rev: number, ns: string, size: number): void {
  sql.exec(
    `INSERT INTO cache_entries (rev, key, ns, model, kind, size, stored_at, expires_at, dead_at, hit_at)
     VALUES (?, ?, ?, 'm', 'response', ?, ?, ?, ?, ?)`,
    rev,
    String(rev).padStart(64, '0'),
    ns,
    size,
    START,
    START + 1e9,
    START + 1e9,
    START,
  );
}

/** A tenant whose data were stored before the migration. */
function migrated(insert: (sql: Sql) => void) {
  const db = openDatabase();
  const token = createOldTenant(db, GROWTH);
  insert(db);
  // The revisions up to 10 are taken.
  db.exec(`INSERT INTO calls (id, at, tool, outcome, trace_id, span_id, token_id, rev, buckets)
    VALUES (1, ${START}, 't', 'answer', '', '', '', 10, '{}')`);
  const tenant = openCompartment({ db });
  const call = (tool: string, args: object): Answer => {
    const outcome = tenant.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  const found = (query: string): string[] =>
    call('blackboard_list', { query }).entries.map(({ key }: { key: string }) => key);
  return { db, call, found };
}

test('cells that were indexed before are found, rewritten and deleted, and those that were not yet are indexed', () => {
  const { db, call, found } = migrated((sql) => {
    insertOldCell(sql, 1, 1, 'a', 'walrus');
    insertOldCell(sql, 2, 2, 'b', 'walrus');
    insertOldCell(sql, 4, 3, 'c', 'walrus');
    insertOldCell(sql, 3, 4, 'd', 'walrus', false);
  });
  expect(found('walrus').sort()).toEqual(['a', 'b', 'c', 'd']);
  call('blackboard_write', { key: 'a', value: 'narwhal' });
  call('blackboard_delete', { keys: ['b', 'd'] });
  expect(found('walrus')).toEqual(['c']);
  expect(found('narwhal')).toEqual(['a']);
  call('blackboard_write', { key: 'd', value: 'walrus' });
  expect(found('walrus').sort()).toEqual(['c', 'd']);
  expect(db.exec('SELECT count(*) AS n FROM board_entries')).toEqual([{ n: 2 }]);
});

test('boards that existed before are listed with their cells and age, and the oldest free cell is claimed', () => {
  const { call } = migrated((sql) => {
    insertOldCell(sql, 1, 2, 'q/b', 'x');
    insertOldCell(sql, 2, 1, 'q/c', 'x');
  });
  expect(call('blackboard_list', {})).toMatchObject({
    boards: [{ run_id: 'default', cells: 2, age_s: 0 }],
    total: 1,
  });
  expect(call('blackboard_claim', { prefix: 'q/', by: 'me' })).toMatchObject({ key: 'q/c' });
});

test('cached entries that existed before are counted without those of invalidations that are not carried out yet', () => {
  const { call } = migrated((sql) => {
    insertOldEntry(sql, 1, 'x', 10);
    insertOldEntry(sql, 2, 'y', 20);
    sql.exec(`INSERT INTO cache_invalidations (kind, value, ns, rev) VALUES ('all', '', 'x', 3)`);
    insertOldEntry(sql, 4, 'x', 40);
  });
  expect(call('cache_stats', {})).toMatchObject({ entries: 2, bytes: 60 });
  expect(call('cache_stats', { namespace: 'x' })).toMatchObject({ entries: 1, bytes: 40 });
  call('cache_invalidate', { all: true, namespace: 'y' });
  expect(call('cache_stats', {})).toMatchObject({ entries: 1, bytes: 40 });
});
