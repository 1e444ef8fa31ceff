/** A tenant whose entries and leases were stored under keys of version 1. */
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { questionKey } from '../../src/tools/cache/key.ts';
import { questionKeyOfV1 } from '../../src/tools/cache/key-v1.ts';
import { openCompartment } from '../support/compartment.ts';
import { FakeTime } from '../support/fake-time.ts';
import { createOldTenant } from '../support/old-database.ts';
import type { Answer } from '../support/tenant.ts';

const ask = { model: 'm', prompt: 'p' };
const question = { namespace: 'default', model: 'm', input: { prompt: 'p' } };
const OLD = questionKeyOfV1(question) ?? '';
const NEW = questionKey(question);
const TTL_MS = 60_000;

function upgraded(stored: { entry?: boolean; lease?: boolean; missed?: boolean }) {
  const db = openDatabase();
  const time = new FakeTime();
  const token = createOldTenant(db, '0014');
  if (stored.entry) {
    db.exec(
      `INSERT INTO cache_entries (rev, key, ns, model, kind, size, stored_at, expires_at, dead_at, hit_at)
       VALUES (1, ?, 'default', 'm', 'response', 5, ?, ?, ?, ?)`,
      OLD,
      time.now,
      time.now + TTL_MS,
      time.now + 2 * TTL_MS,
      time.now,
    );
    db.exec(`INSERT INTO cache_bodies (entry, part, body) VALUES (1, 0, '"old"')`);
  }
  if (stored.lease)
    db.exec(
      `INSERT INTO cache_leases (rev, key, ns, model, expires_at) VALUES (2, ?, 'default', 'm', ?)`,
      OLD,
      time.now + TTL_MS,
    );
  if (stored.missed)
    db.exec(`INSERT INTO cache_asked (key, ns, model, text) VALUES (?, 'default', 'm', 'p')`, OLD);
  // The revisions up to 10 are taken.
  db.exec(
    `INSERT INTO calls (id, at, tool, outcome, trace_id, span_id, token_id, rev, buckets)
     VALUES (1, ?, 't', 'ok', '', '', '', 10, '{}')`,
    time.now,
  );
  const tenant = openCompartment({ db, clock: () => time.now });
  const call = (tool: string, args: object): Answer => {
    const outcome = tenant.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  const keys = () => db.exec<{ key: string }>('SELECT key FROM cache_entries').map(({ key }) => key);
  return { call, keys, advance: (ms: number) => time.step(ms) };
}

describe('an entry of version 1', () => {
  test('is found by its question and by its key until it expires; then the question has the new key', () => {
    const { call, advance } = upgraded({ entry: true });
    expect(call('cache_get', ask)).toMatchObject({ status: 'hit', key: OLD, response: 'old' });
    expect(call('cache_get', { key: OLD })).toMatchObject({ status: 'hit' });
    advance(TTL_MS);
    expect(call('cache_get', ask)).toMatchObject({ status: 'stale', key: OLD });
    advance(TTL_MS);
    expect(call('cache_get', ask)).toMatchObject({ status: 'miss', key: NEW });
    expect(call('cache_set', { ...ask, response: 'new' })).toMatchObject({ status: 'stored', key: NEW });
  });

  test.each<[string, object]>([
    ['its question', ask],
    ['its key', { key: OLD }],
  ])('is replaced by %s, and found afterwards by both', (_, ref) => {
    const { call, keys } = upgraded({ entry: true });
    expect(call('cache_set', { ...ref, response: 'new' })).toMatchObject({ status: 'replaced', key: OLD });
    for (const lookup of [ask, { key: OLD }])
      expect(call('cache_get', lookup)).toMatchObject({ status: 'hit', response: 'new' });
    expect(keys()).toEqual([OLD]);
  });

  test('that is refreshed under a lease of its key is found by its question', () => {
    const { call, advance } = upgraded({ entry: true });
    advance(TTL_MS);
    const { lease_id, key } = call('cache_get', { ...ask, lease_s: 30 });
    expect(call('cache_set', { key, lease_id, response: 'new' })).toMatchObject({ status: 'replaced' });
    advance(2 * TTL_MS);
    expect(call('cache_get', ask)).toMatchObject({ status: 'hit', response: 'new' });
  });

  test('is not replaced by an error', () => {
    const { call } = upgraded({ entry: true });
    expect(call('cache_set', { ...ask, error: 'down' })).toMatchObject({ reason: 'answered' });
  });

  test.each<[string, object]>([
    ['its key', { keys: [OLD] }],
    ['its model', { model: 'm' }],
    ['all', { all: true }],
  ])('is gone after an invalidation by %s', (_, target) => {
    const { call } = upgraded({ entry: true });
    expect(call('cache_invalidate', target)).toMatchObject({ invalidated: 1 });
    expect(call('cache_get', ask)).toMatchObject({ status: 'miss', key: NEW });
  });

  test('of another question does not change what this one has', () => {
    const { call } = upgraded({ entry: true });
    const other = { ...ask, params: { seed: 1 } };
    const { key } = call('cache_get', other);
    expect(call('cache_set', { key, response: 'other' })).toMatchObject({ status: 'stored' });
    expect(call('cache_get', other)).toMatchObject({ status: 'hit', response: 'other' });
    expect(call('cache_get', ask)).toMatchObject({ status: 'hit', response: 'old' });
  });
});

describe('a lease of version 1', () => {
  test('is held: others are told to wait, and its holder stores the answer that they find', () => {
    const { call, keys, advance } = upgraded({ lease: true, missed: true });
    expect(call('cache_get', { ...ask, lease_s: 30 })).toMatchObject({ status: 'pending', key: OLD });
    expect(call('cache_set', { key: OLD, lease_id: 'lease-2', response: 'done' })).toMatchObject({
      status: 'stored',
      key: OLD,
    });
    expect(call('cache_get', ask)).toMatchObject({ status: 'hit', response: 'done' });
    expect(keys()).toEqual([OLD]);
    advance(2 * 86_400_000);
    expect(call('cache_get', ask)).toMatchObject({ status: 'miss', key: NEW });
  });

  test('that ran out is taken over', () => {
    const { call, advance } = upgraded({ lease: true });
    advance(TTL_MS);
    const { lease_id } = call('cache_get', { ...ask, lease_s: 30 });
    expect(call('cache_set', { ...ask, lease_id: 'lease-2', response: 'late' })).toMatchObject({
      reason: 'lease_lost',
    });
    expect(call('cache_set', { ...ask, lease_id, response: 'done' })).toMatchObject({ status: 'stored' });
    expect(call('cache_get', ask)).toMatchObject({ status: 'hit', response: 'done' });
  });
});

test('a tenant without anything of version 1 uses the new keys only', () => {
  const { call } = upgraded({ missed: true });
  expect(call('cache_get', ask)).toMatchObject({ status: 'miss', key: NEW });
});
