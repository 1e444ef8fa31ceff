import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { ANSWER_BYTES } from '../../src/tools/answer-budget.ts';
import { fingerprintOf } from '../../src/tools/scar/fingerprint.ts';
import { fingerprintOfV1 } from '../../src/tools/scar/fingerprint-v1/fingerprint.ts';
import { scarLookup } from '../../src/tools/scar/lookup.ts';
import { MAX_FINGERPRINTS } from '../../src/tools/scar/merge.ts';
import { scarRecord } from '../../src/tools/scar/record.ts';
import { scarResolve } from '../../src/tools/scar/resolve.ts';
import { MAX_SCARS } from '../../src/tools/scar/store.ts';
import { scarUpdate } from '../../src/tools/scar/update.ts';
import { NotYet, type ToolContext } from '../../src/tools/tool.ts';

function notStubbed(): never {
  throw new Error('not stubbed');
}

/** What a tool that does not wait says. */
function said<Answer>(answer: Answer | NotYet): Answer {
  if (answer instanceof NotYet) throw new Error('the tool waits');
  return answer;
}

function open(): { db: Database; context: ToolContext } {
  const db = openDatabase();
  migrate(db, readMigrations());
  let rev = 0;
  const context: ToolContext = {
    sql: db,
    now: Date.UTC(2026, 0, 1),
    author: { principal: 'p' },
    nextRev: () => ++rev,
    headRev: () => rev,
    mayWait: false,
    answerBytes: ANSWER_BYTES,
    requireWritable: () => undefined,
    requireReadable: () => undefined,
    waited: false,
    allowance: notStubbed,
    touch: notStubbed,
    keepsExpiries: notStubbed,
    seal: notStubbed,
    unseal: notStubbed,
  };
  return { db, context };
}

const failure = { error_type: 'E', error_message: 'search index rejected shard allocation' };
const record = (context: ToolContext, args: object) =>
  said(scarRecord.run(scarRecord.input.parse({ ...failure, ...args }), context));
const lookup = (context: ToolContext, args: object) =>
  said(scarLookup.run(scarLookup.input.parse({ ...failure, ...args }), context));
const similar = { error_message: 'shard allocation rejected by the search index' };

const INDEXES = ['scar_words', 'scar_trigrams'];
/** FTS5 compares the index with the rows it stands for, and throws when they differ. */
const checkIndexes = (db: Database) => {
  for (const index of INDEXES) db.exec(`INSERT INTO ${index} (${index}, rank) VALUES ('integrity-check', 1)`);
};
const hits = (db: Database, word: string) =>
  INDEXES.map((index) => db.exec(`SELECT rowid FROM ${index} WHERE ${index} MATCH ?`, `"${word}"`).length);

describe('the indexes follow the rows', () => {
  test('when a scar is recorded, reworded and deleted', () => {
    const { db, context } = open();
    record(context, {});
    record(context, { error_message: 'certificate expired', run_id: 'r', resolution: 'renew' });
    checkIndexes(db);
    expect(hits(db, 'shard')).toEqual([1, 1]);
    db.exec(`UPDATE scars SET tokens = 'renamed words' WHERE tokens LIKE '%shard%'`);
    checkIndexes(db);
    expect([hits(db, 'shard'), hits(db, 'renamed')]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    db.exec('DELETE FROM scars');
    checkIndexes(db);
    expect(hits(db, 'renamed')).toEqual([0, 0]);
    for (const table of ['scar_fingerprints', 'scar_runs', 'scar_fixes', 'scar_reports']) {
      expect(db.exec(`SELECT * FROM ${table}`)).toEqual([]);
    }
  });

  test('and are undone with them', () => {
    const { db, context } = open();
    const failing = () =>
      db.transaction(() => {
        record(context, {});
        throw new Error('later');
      });
    expect(failing).toThrow('later');
    checkIndexes(db);
    expect(hits(db, 'shard')).toEqual([0, 0]);
    expect(lookup(context, {}).match).toBe('none');
  });
});

test.each(['muted', 'archived'])('a %s scar is found by its fingerprint only and says clear', (state) => {
  const { db, context } = open();
  record(context, { run_id: 'r' });
  db.exec('UPDATE scars SET state = ?', state);
  expect(lookup(context, similar).match).toBe('none');
  expect(lookup(context, {})).toMatchObject({ match: 'exact', scars: [{ state }] });
  expect(record(context, { run_id: 'r' })).toMatchObject({
    status: 'seen',
    verdict: 'clear',
    occurrences_in_run: 2,
  });
  expect(lookup(context, {})).toMatchObject({ scars: [{ state, occurrences: 2 }] });
});

test('a scar is found by each of its fingerprints', () => {
  const { db, context } = open();
  const { scar_id } = record(context, { resolution: 'x' });
  const merged = { error_type: 'Other', error_message: 'quite another text' };
  db.exec(
    'INSERT INTO scar_fingerprints SELECT ?, version, scar_id, origin FROM scar_fingerprints',
    fingerprintOf(merged),
  );
  expect(lookup(context, merged)).toMatchObject({ match: 'exact', resolution: 'x', scars: [{ scar_id }] });
  expect(record(context, merged)).toMatchObject({ status: 'seen', scar_id, occurrences: 2 });
});

test('no more fingerprints lead to one scar than can', () => {
  const { db, context } = open();
  const { scar_id: into } = record(context, {});
  const { scar_id: from } = record(context, { error_message: 'quite another text' });
  const merge = () => scarUpdate.run(scarUpdate.input.parse({ scar_id: from, merge_into: into }), context);
  const add = (count: number) =>
    db.exec(
      `INSERT INTO scar_fingerprints (fingerprint, version, scar_id, origin)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) SELECT 'x' || i, 1, ?, ? FROM n`,
      count,
      Number(into.slice('scar_'.length)),
      0,
    );
  add(MAX_FINGERPRINTS - 1);
  expect(merge).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
  expect(lookup(context, { error_message: 'quite another text' }).scars[0]?.scar_id).toBe(from);
  db.exec("DELETE FROM scar_fingerprints WHERE fingerprint = 'x1'");
  expect(said(merge())).toMatchObject({ status: 'merged', scar_id: into });
  checkIndexes(db);
});

test('the fix that gives way takes its reports along', () => {
  const { db, context } = open();
  const { scar_id } = record(context, {});
  for (let i = 0; i < 20; i++) {
    const args = { scar_id, outcome: 'failed', resolution: `fix ${i}` };
    said(scarResolve.run(scarResolve.input.parse(args), context));
  }
  expect(db.exec('SELECT * FROM scar_fixes')).toHaveLength(10);
  expect(db.exec('SELECT * FROM scar_reports')).toHaveLength(10);
});

test('a full memory takes no new kind of failure, still counts known ones and answers', () => {
  const { db, context } = open();
  record(context, { resolution: 'x' });
  db.exec(
    `INSERT INTO scars (id, rev, error_type, class, tags, state, occurrences, wrong_matches, principal,
       first_seen, last_seen, tokens)
     WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT ?)
     SELECT i, i, 'E', 'unknown', '[]', 'open', 1, 0, 'p', 0, 0, 'shard allocation word' || i FROM n`,
    MAX_SCARS - 1,
  );
  expect(() => record(context, { error_message: 'something new' })).toThrow(
    expect.objectContaining({ code: 'quota_exceeded', detail: { limit: MAX_SCARS } }),
  );
  expect(record(context, {})).toMatchObject({ status: 'seen', occurrences: 2 });
  const found = lookup(context, similar);
  expect(found.match).toBe('similar');
  expect(found.scars.length + found.left_out.scars).toBeLessThanOrEqual(20);
});

describe('scars that were recorded before decisive words counted', () => {
  const missing = (fixture: string) => ({ error_type: 'E', error_message: `fixture '${fixture}' not found` });
  /** The fingerprint of version 2 without decisive words, as an earlier build has stored it. */
  const EARLIER = 'v2:3471ff71766c414100a0bf0d087da512';

  function withEarlierScar() {
    const { db, context } = open();
    const { scar_id } = record(context, { ...missing('pool'), resolution: 'declare it' });
    db.exec('UPDATE scar_fingerprints SET fingerprint = ?', EARLIER);
    return { context, scar_id };
  }

  test('are found exactly and counted', () => {
    const { context, scar_id } = withEarlierScar();
    expect(lookup(context, missing('pool'))).toMatchObject({ match: 'exact', fingerprint: EARLIER });
    expect(record(context, missing('pool'))).toMatchObject({ status: 'seen', scar_id, occurrences: 2 });
  });

  test('are not taken for a failure that names another thing', () => {
    const { context, scar_id } = withEarlierScar();
    expect(lookup(context, missing('client'))).toMatchObject({ match: 'none', resolution: null });
    const other = record(context, missing('client'));
    expect(other.status).toBe('new');
    expect(other.scar_id).not.toBe(scar_id);
    expect(lookup(context, missing('client')).scars).toMatchObject([{ scar_id: other.scar_id }]);
  });
});

describe('scars that were recorded under fingerprint version 1', () => {
  /** Version 1 took the name of a number for that of a credential; version 2 does not, so their subjects differ. */
  const old = { error_type: 'E', error_message: 'max_tokens: must be at least 1, got DB_PASS=swordfish' };
  const stored = (db: Database) =>
    db.exec<{ fingerprint: string; version: number }>(
      'SELECT fingerprint, version FROM scar_fingerprints ORDER BY 2',
    );

  function withOldScar() {
    const { db, context } = open();
    const { scar_id } = record(context, { ...old, resolution: 'raise it' });
    const fingerprint = fingerprintOfV1(old);
    expect(fingerprint.slice(3)).not.toBe(fingerprintOf(old).slice(3));
    db.exec('UPDATE scar_fingerprints SET fingerprint = ?, version = 1', fingerprint);
    return { db, context, scar_id, fingerprint };
  }

  test('are found exactly, counted and neither doubled nor renamed', () => {
    const { db, context, scar_id, fingerprint } = withOldScar();
    expect(lookup(context, old)).toMatchObject({ match: 'exact', fingerprint, resolution: 'raise it' });
    expect(record(context, old)).toMatchObject({ status: 'seen', scar_id, fingerprint, occurrences: 2 });
    expect(stored(db)).toEqual([{ fingerprint, version: 1 }]);
  });

  test('stay beside new ones, which are stored under version 2', () => {
    const { db, context, fingerprint } = withOldScar();
    const added = record(context, {});
    expect(added).toMatchObject({ status: 'new', fingerprint: fingerprintOf(failure) });
    expect(stored(db)).toEqual([
      { fingerprint, version: 1 },
      { fingerprint: fingerprintOf(failure), version: 2 },
    ]);
  });

  test('come second: a scar of the newest version is found first', () => {
    const { db, context, scar_id } = withOldScar();
    const { scar_id: newer } = record(context, {});
    db.exec('UPDATE scar_fingerprints SET fingerprint = ? WHERE version = 2', fingerprintOf(old));
    expect(lookup(context, old).scars).toMatchObject([{ scar_id: newer }]);
    expect(newer).not.toBe(scar_id);
  });
});
