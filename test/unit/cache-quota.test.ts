import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import {
  findQuestionInfo,
  MAX_MISSED_QUESTIONS,
  saveMissedQuestion,
} from '../../src/tools/cache/cache-input.ts';
import {
  encodeBody,
  entrySize,
  insertEntry,
  type NewEntry,
  recordHit,
  splitBody,
} from '../../src/tools/cache/entries.ts';
import {
  countServable,
  MANY_PENDING,
  RECLAIMED_PER_INVALIDATION,
  RECLAIMED_WHEN_MANY,
  reclaim,
  reclaimAfterInvalidation,
  recordInvalidation,
} from '../../src/tools/cache/invalidation.ts';
import {
  CACHE_QUOTA,
  chooseEvictions,
  evictToFit,
  MAX_EVICTED_PER_CALL,
} from '../../src/tools/cache/quota.ts';
import { findSimilar, MAX_INDEXED_QUESTIONS, readQuestionText } from '../../src/tools/cache/similar.ts';
import type { Sql } from '../../src/tools/tool.ts';
import { createdCompartment } from '../support/compartment.ts';

const START = 1_000_000;

function emptyCache(): Sql {
  const db = openDatabase();
  migrate(db, readMigrations());
  return db;
}

/** An entry of `size` bytes. */
function entry(n: number, size = 10, more: Partial<NewEntry> = {}): NewEntry {
  return {
    key: n.toString(16).padStart(64, '0'),
    keyVersion: 2,
    ns: 'default',
    model: 'm',
    kind: 'response',
    body: encodeBody('response', 'x'.repeat(size - 2)),
    finishReason: undefined,
    tokens: undefined,
    microUsd: undefined,
    ttlS: 60,
    staleS: 0,
    tags: [],
    lease: undefined,
    text: '',
    ...more,
  };
}

const revs = (sql: Sql) =>
  sql.exec<{ rev: number }>('SELECT rev FROM cache_entries ORDER BY rev').map((row) => row.rev);
const totals = (sql: Sql) => sql.exec('SELECT entries, size FROM cache_totals')[0];
const rows = (sql: Sql, table: string) => Number(sql.exec(`SELECT count(*) AS n FROM ${table}`)[0]?.n);

describe('evictToFit', () => {
  test('evicts the least recently hit first, and no more than needed', () => {
    const sql = emptyCache();
    for (const n of [1, 2, 3, 4]) insertEntry(sql, n, entry(n), START + n);
    recordHit(sql, 1, START + 10);
    const quota = { bytes: 40, entries: 100 };
    expect(evictToFit(sql, 11, START + 20, quota)).toMatchObject({
      fits: true,
      evicted: [{ rev: 2 }, { rev: 3 }],
    });
    expect(revs(sql)).toEqual([1, 4]);
    expect(evictToFit(sql, 20, START + 20, quota)).toEqual({ fits: true, evicted: [] });
  });

  test('bounds the number of entries as well', () => {
    const sql = emptyCache();
    for (const n of [1, 2, 3]) insertEntry(sql, n, entry(n), START);
    expect(evictToFit(sql, 1, START, { bytes: 1000, entries: 3 })).toMatchObject({
      fits: true,
      evicted: [{ rev: 1 }],
    });
  });

  test('deletes dead entries before it evicts others', () => {
    const sql = emptyCache();
    insertEntry(sql, 1, entry(1), START);
    insertEntry(sql, 2, entry(2, 10, { ttlS: 1 }), START);
    insertEntry(sql, 3, entry(3, 10, { tags: ['t'] }), START);
    recordInvalidation(sql, { kind: 'tag', value: 't', namespace: undefined }, 4);
    expect(evictToFit(sql, 20, START + 1000, { bytes: 30, entries: 100 })).toEqual({
      fits: true,
      evicted: [],
    });
    expect(revs(sql)).toEqual([1]);
  });

  test('evicts a bounded number per call, and continues in the next', () => {
    const sql = emptyCache();
    const count = MAX_EVICTED_PER_CALL + 100;
    for (let n = 1; n <= count; n++) insertEntry(sql, n, entry(n), START);
    const quota = { bytes: count * 10, entries: 10_000 };
    const first = evictToFit(sql, count * 10, START, quota);
    expect([first.fits, first.evicted.length]).toEqual([false, MAX_EVICTED_PER_CALL]);
    const second = evictToFit(sql, count * 10, START, quota);
    expect([second.fits, second.evicted.length]).toEqual([true, 100]);
    expect(totals(sql)).toEqual({ entries: 0, size: 0 });
  });
});

test('deleting an entry deletes its rows in all tables and updates the totals', () => {
  const sql = emptyCache();
  const big = entry(1, 2 * 1024 * 1024, { tags: ['a', 'b', 'a'], text: 'words of the question' });
  insertEntry(sql, 1, big, START);
  expect(totals(sql)).toEqual({ entries: 1, size: entrySize(big) });
  expect(entrySize(big)).toBe(2 * 1024 * 1024 + 21);
  expect([rows(sql, 'cache_tags'), rows(sql, 'cache_text')]).toEqual([2, 1]);
  expect(rows(sql, 'cache_bodies')).toBeGreaterThan(1);
  reclaim(sql, START + 60_000, 1);
  for (const table of ['cache_entries', 'cache_bodies', 'cache_tags', 'cache_text'])
    expect(rows(sql, table)).toBe(0);
  expect(totals(sql)).toEqual({ entries: 0, size: 0 });
});

describe('cache_set at the quota', () => {
  function filledTo(bytesLeft: number) {
    const { db, call, issue } = createdCompartment();
    const token = issue();
    const ask = (tool: string, args: object) => {
      const outcome = call(token, tool, args);
      return outcome.kind === 'answer' ? JSON.parse(outcome.json) : outcome;
    };
    for (const prompt of ['old', 'new']) ask('cache_set', { model: 'm', prompt, response: 'x'.repeat(95) });
    // Simulates a quota that is filled by entries which one call cannot evict.
    db.exec('UPDATE cache_totals SET size = ?', CACHE_QUOTA.bytes - bytesLeft);
    return ask;
  }
  const small = { model: 'n', prompt: 'mid', response: 'x'.repeat(95) };

  test('an entry that fits exactly evicts nothing', () => {
    const ask = filledTo(100);
    expect(ask('cache_set', small)).toMatchObject({ status: 'stored', bytes: 97, evicted: 0 });
  });

  test("one byte more evicts the least recently hit, counted for that entry's model", () => {
    const ask = filledTo(99);
    expect(ask('cache_set', small)).toMatchObject({ status: 'stored', evicted: 1 });
    expect(ask('cache_get', { model: 'm', prompt: 'old' })).toMatchObject({ status: 'miss' });
    expect(ask('cache_get', { model: 'm', prompt: 'new' })).toMatchObject({ status: 'hit' });
    expect(ask('cache_get', { model: 'n', prompt: 'mid' })).toMatchObject({ status: 'hit' });
    expect(ask('cache_stats', {}).by_model).toMatchObject([{ model: 'm', evicted: 1 }, { model: 'n' }]);
  });

  test('an entry that does not fit yet keeps its lease, so that a retry can store it', () => {
    const ask = filledTo(-1000);
    const { key, lease_id } = ask('cache_get', { model: 'n', prompt: 'mid', lease_s: 60 });
    const answer = { key, lease_id, response: 'x' };
    expect(ask('cache_set', answer)).toMatchObject({ status: 'rejected', reason: 'no_room' });
    expect(ask('cache_get', { key })).toMatchObject({ status: 'pending' });
  });

  test('an entry that does not fit yet is rejected, and what was evicted stays evicted', () => {
    const ask = filledTo(-1000);
    expect(ask('cache_set', small)).toMatchObject({
      status: 'rejected',
      reason: 'no_room',
      evicted: 2,
      bytes: 0,
    });
    expect(ask('cache_stats', {})).toMatchObject({ entries: 0, rejected: 1, evicted: 2 });
  });
});

describe('reclaim', () => {
  test('deletes a bounded number of expired entries, not a millisecond early', () => {
    const sql = emptyCache();
    for (let n = 1; n <= 5; n++) insertEntry(sql, n, entry(n, 10, { ttlS: n, staleS: 1 }), START);
    reclaim(sql, START + 4999, 2);
    expect(revs(sql)).toEqual([3, 4, 5]);
    reclaim(sql, START + 4999, 2);
    reclaim(sql, START + 4999, 2);
    expect(revs(sql)).toEqual([4, 5]);
    reclaim(sql, START + 5000, 2);
    expect(revs(sql)).toEqual([5]);
  });

  test('carries out invalidations in order and deletes each when it is done', () => {
    const sql = emptyCache();
    for (let n = 1; n <= 6; n++) {
      insertEntry(
        sql,
        n,
        entry(n, 10, { model: n % 2 === 0 ? 'even' : 'odd', ns: n > 4 ? 'n' : 'default' }),
        START,
      );
    }
    recordInvalidation(sql, { kind: 'model', value: 'even', namespace: undefined }, 7);
    recordInvalidation(sql, { kind: 'all', value: '', namespace: 'n' }, 8);
    insertEntry(sql, 9, entry(9, 10, { model: 'even', ns: 'n' }), START);
    reclaim(sql, START, 2);
    expect(revs(sql)).toEqual([1, 3, 5, 6, 9]);
    reclaim(sql, START, 10);
    expect(revs(sql)).toEqual([1, 3, 9]);
    expect(rows(sql, 'cache_invalidations')).toBe(0);
  });

  test('bounds the number of pending invalidations', () => {
    const sql = emptyCache();
    let rev = 0;
    const entries = 5 * RECLAIMED_WHEN_MANY;
    for (let n = 0; n < entries; n++) insertEntry(sql, ++rev, entry(n, 10, { tags: ['t'] }), START);
    const pending: number[] = [];
    for (let n = 0; n < MANY_PENDING + 20; n++) {
      // The first one covers every entry; the others are carried out after it.
      recordInvalidation(sql, { kind: 'tag', value: n === 0 ? 't' : `t${n}`, namespace: undefined }, ++rev);
      reclaimAfterInvalidation(sql, START);
      pending.push(rows(sql, 'cache_invalidations'));
    }
    expect(Math.max(...pending)).toBeLessThan(entries / RECLAIMED_PER_INVALIDATION + 1);
    expect(pending.at(-1)).toBe(0);
  });

  test('counts at most 100 of the entries that it covers', () => {
    const sql = emptyCache();
    for (let n = 1; n <= 120; n++)
      insertEntry(sql, n, entry(n, 10, { tags: n > 60 ? ['t', 'new'] : ['t'] }), START);
    const count = (value: string) =>
      countServable(sql, { kind: 'tag', value, namespace: undefined }, 121, START);
    expect(count('t')).toEqual({ servable: 100, isEstimate: true });
    expect(count('new')).toEqual({ servable: 60, isEstimate: false });
  });

  test('deletes more at once while many invalidations are pending', () => {
    const sql = emptyCache();
    let rev = 0;
    for (let n = 0; n < 3 * RECLAIMED_WHEN_MANY; n++)
      insertEntry(sql, ++rev, entry(n, 10, { tags: ['t'] }), START);
    recordInvalidation(sql, { kind: 'tag', value: 't', namespace: undefined }, ++rev);
    const left = (): number => revs(sql).length;
    const before = left();
    reclaimAfterInvalidation(sql, START);
    expect(before - left()).toBe(RECLAIMED_PER_INVALIDATION);
    for (let n = 1; n < MANY_PENDING; n++)
      recordInvalidation(sql, { kind: 'tag', value: `t${n}`, namespace: undefined }, ++rev);
    const many = left();
    reclaimAfterInvalidation(sql, START);
    expect(many - left()).toBe(RECLAIMED_WHEN_MANY);
  });
});

test('the questions of the newest entries are indexed, a bounded number', () => {
  const sql = emptyCache();
  let rev = 0;
  const add = () => insertEntry(sql, ++rev, entry(rev, 10, { text: `question ${rev}` }), START);
  while (rev < MAX_INDEXED_QUESTIONS + 63) add();
  expect(rows(sql, 'cache_text')).toBe(MAX_INDEXED_QUESTIONS + 63);
  sql.exec('DELETE FROM cache_entries WHERE rev > ?', MAX_INDEXED_QUESTIONS - 2);
  add();
  // Deleted entries are not counted as indexed any more, so nothing else was removed from the index.
  expect(rows(sql, 'cache_text')).toBe(MAX_INDEXED_QUESTIONS - 1);
  expect(readQuestionText(sql, 1)).toBe('question 1');
  for (let n = 0; n < 65; n++) add();
  expect(rows(sql, 'cache_text')).toBe(MAX_INDEXED_QUESTIONS);
  expect([readQuestionText(sql, 64), readQuestionText(sql, 65)]).toEqual(['', 'question 65']);
  expect(findSimilar(sql, 'default', `question ${rev}`, START)[0]).toMatchObject({ score: 1 });
  expect(revs(sql)[0]).toBe(1);
});

test('missed questions are stored by key, a bounded number of the newest', () => {
  const sql = emptyCache();
  const info = { ns: 'n', model: 'm', text: 'words' };
  const refTo = (n: number) =>
    ({ by: 'key', key: `key ${n}`, keyVersion: 2, ns: undefined, model: undefined }) as const;
  for (let n = 0; n < 3 * MAX_MISSED_QUESTIONS; n++) saveMissedQuestion(sql, refTo(n), info);
  saveMissedQuestion(sql, refTo(3 * MAX_MISSED_QUESTIONS - 1), { ...info, text: 'asked again' });
  expect(rows(sql, 'cache_asked')).toBeLessThan(1.1 * MAX_MISSED_QUESTIONS);
  expect(findQuestionInfo(sql, refTo(3 * MAX_MISSED_QUESTIONS - 1))).toEqual({
    ...info,
    text: 'asked again',
  });
  expect(findQuestionInfo(sql, refTo(2 * MAX_MISSED_QUESTIONS))).toEqual(info);
  expect(findQuestionInfo(sql, refTo(MAX_MISSED_QUESTIONS))).toBeUndefined();
});

test('chooseEvictions: the shortest prefix of the list that eliminates the excess', () => {
  const size = fc.record({ size: fc.integer({ min: 1, max: 50 }) });
  const over = fc.record({
    bytes: fc.integer({ min: -50, max: 200 }),
    entries: fc.integer({ min: -5, max: 20 }),
  });
  const isEnough = (
    chosen: readonly { size: number }[],
    { bytes, entries }: { bytes: number; entries: number },
  ) => chosen.reduce((sum, victim) => sum + victim.size, 0) >= bytes && chosen.length >= entries;
  fc.assert(
    fc.property(fc.array(size, { maxLength: 30 }), over, (oldest, excess) => {
      const chosen = chooseEvictions(oldest, excess);
      expect(chosen).toEqual(oldest.slice(0, chosen.length));
      expect(isEnough(chosen, excess) || chosen.length === oldest.length).toBe(true);
      if (chosen.length > 0) expect(isEnough(chosen.slice(0, -1), excess)).toBe(false);
    }),
  );
});

test('splitBody: well-formed parts of at most 1 MiB that together are the text', () => {
  const letters = fc.array(fc.constantFrom('x', 'é', '中', '😀'), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(letters, fc.integer({ min: 1, max: 60_000 }), (unit, times) => {
      const body = encodeBody('response', unit.join('').repeat(times).slice(0, 700_000).toWellFormed());
      const parts = splitBody(body);
      expect(parts.join('') === body.json).toBe(true);
      for (const part of parts) {
        expect(part.isWellFormed()).toBe(true);
        expect(Buffer.byteLength(part)).toBeLessThanOrEqual(1024 * 1024);
      }
    }),
    { numRuns: 40 },
  );
});
