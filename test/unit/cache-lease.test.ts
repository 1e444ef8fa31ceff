import { describe, expect, test } from 'vitest';
import { MAX_WAITERS } from '../../src/tenant/streams/waiters.ts';
import { addToCounter, MAX_DAYS } from '../../src/tools/cache/counters.ts';
import { RECLAIMED_PER_INVALIDATION } from '../../src/tools/cache/invalidation.ts';
import { LEASE_GRACE_MS, MAX_INVALIDATED_TAGS, MAX_LEASES } from '../../src/tools/cache/lease.ts';
import { sweepCache } from '../../src/tools/cache/sweep.ts';
import { callRequest, createdCompartment, openCompartment } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';

const DAY_MS = 86_400_000;

function open() {
  const host = createdCompartment();
  const token = host.issue();
  const ask = (tool: string, args: object) => {
    const outcome = host.call(token, tool, args);
    return outcome.kind === 'answer' ? JSON.parse(outcome.json) : outcome;
  };
  const get = (prompt: string, more: object = {}) => ask('cache_get', { model: 'm', prompt, ...more });
  const set = (prompt: string, more: object) => ask('cache_set', { model: 'm', prompt, ...more });
  const rows = (table: string) => host.db.exec(`SELECT 1 FROM ${table}`).length;
  return { ...host, token, ask, get, set, rows };
}

describe('the leases of a tenant', () => {
  test('are bounded: beyond the limit a miss returns no lease', () => {
    const { get, rows } = open();
    for (let n = 0; n < MAX_LEASES; n++) expect(get(`p${n}`, { lease_s: 600 })).toHaveProperty('lease_id');
    for (let n = 0; n < 2; n++) {
      const miss = get('one more', { lease_s: 600 });
      expect(miss.status).toBe('miss');
      expect(miss).not.toHaveProperty('lease_id');
    }
    expect(rows('cache_leases')).toBe(MAX_LEASES);
  });

  test('are deleted from the millisecond they expire, some at a time', () => {
    const { get, clock, rows } = open();
    for (let n = 0; n < MAX_LEASES; n++) get(`p${n}`, { lease_s: n < 100 ? 1 : 600 });
    clock.now += 999;
    expect(get('one more', { lease_s: 600 })).not.toHaveProperty('lease_id');
    clock.now += 1;
    expect(get('one more', { lease_s: 600 })).toHaveProperty('lease_id');
    expect(rows('cache_leases')).toBeGreaterThan(MAX_LEASES - 100);
    expect(rows('cache_leases')).toBeLessThan(MAX_LEASES);
    expect(get('p99', { lease_s: 600 })).toHaveProperty('lease_id');
  });

  test('outlive an eviction of the object', () => {
    const { get, db, token } = open();
    const { lease_id } = get('p', { lease_s: 10 });
    const again = openCompartment({ db });
    const ask = (tool: string, args: object) => again.call(token, tool, { model: 'm', prompt: 'p', ...args });
    expect(ask('cache_get', {})).toMatchObject({ json: expect.stringContaining('"pending"') });
    expect(ask('cache_set', { response: 1, lease_id })).toMatchObject({
      json: expect.stringContaining('"stored"'),
    });
  });
});

describe('tags that are invalidated while leases exist', () => {
  test('are stored only then, and only for those leases', () => {
    const { ask, get, set, rows } = open();
    ask('cache_invalidate', { tag: 't' });
    expect(rows('cache_lost_tags')).toBe(0);
    const one = get('one', { lease_s: 600 });
    ask('cache_invalidate', { tag: 't' });
    const two = get('two', { lease_s: 600 });
    ask('cache_invalidate', { tag: 'u' });
    expect(rows('cache_lost_tags')).toBe(2);
    set('one', { response: 1, lease_id: one.lease_id });
    ask('cache_invalidate', { tag: 'v' });
    // No remaining lease is older than the first invalidation.
    expect(rows('cache_lost_tags')).toBe(2);
    expect(set('two', { response: 2, lease_id: two.lease_id, tags: ['t'] })).toMatchObject({
      status: 'stored',
    });
  });

  test('are bounded: one more ends all leases and wakes the waiting callers', async () => {
    const { ask, get, set, rows, compartment, token, clock } = open();
    const { lease_id } = get('p', { lease_s: 600 });
    const waiting = compartment.call(
      callRequest(token, 'cache_get', { model: 'm', prompt: 'p', lease_s: 600, wait_s: 25 }, clock.now),
    );
    for (let n = 0; n < MAX_INVALIDATED_TAGS; n++) ask('cache_invalidate', { tag: `t${n}` });
    expect(rows('cache_leases')).toBe(1);
    ask('cache_invalidate', { tag: 'one more' });
    expect(rows('cache_lost_tags')).toBe(0);
    expect(await waiting).toMatchObject({ json: expect.stringMatching(/"miss".*"lease_id"/) });
    expect(set('p', { response: 1, lease_id })).toMatchObject({ reason: 'lease_lost' });
  });
});

test('a caller beyond the limit of waiting calls is refused, and gets pending without wait_s', async () => {
  const { compartment, token, get, set, clock } = open();
  const { lease_id } = get('p', { lease_s: 60 });
  const args = { model: 'm', prompt: 'p', wait_s: 25 };
  const call = () => compartment.call(callRequest(token, 'cache_get', args, clock.now));
  const waiting = Array.from({ length: MAX_WAITERS }, call);
  expect(call()).toMatchObject({ kind: 'error', error: { code: 'unavailable' } });
  expect(get('p')).toMatchObject({ status: 'pending' });
  set('p', { response: 'done', lease_id });
  for (const outcome of await Promise.all(waiting))
    expect(outcome).toMatchObject({ json: expect.stringContaining('"done"') });
});

describe('sweepCache', () => {
  test('deletes what no call can see any more, a bounded number at a time, and nothing else', () => {
    const { db, ask, get, set, clock, rows } = open();
    for (let n = 0; n < 5; n++) set(`short ${n}`, { response: n, ttl_s: 1, stale_s: 1, tags: ['s'] });
    for (let n = 0; n < 3; n++) set(`long ${n}`, { response: n });
    set('tagged', { response: 1, tags: ['t'] });
    get('died', { lease_s: 1 });
    clock.now += 1999;
    expect(sweepCache(db, clock.now, 100)).toBe(0);
    clock.now += 1;
    expect(sweepCache(db, clock.now, 3)).toBe(3);
    expect(rows('cache_entries')).toBe(6);
    expect(sweepCache(db, clock.now, 3)).toBe(2);
    expect([rows('cache_entries'), rows('cache_text'), rows('cache_bodies'), rows('cache_tags')]).toEqual([
      4, 4, 4, 1,
    ]);
    ask('cache_invalidate', { tag: 't' });
    expect([rows('cache_leases'), rows('cache_lost_tags')]).toEqual([1, 1]);
    clock.now = START + 1000 + LEASE_GRACE_MS - 1;
    expect(sweepCache(db, clock.now, 100)).toBe(0);
    clock.now += 1;
    expect(sweepCache(db, clock.now, 100)).toBe(2);
    expect([rows('cache_leases'), rows('cache_lost_tags'), rows('cache_entries')]).toEqual([0, 0, 3]);
  });

  test('continues pending invalidations, and deletes finished ones', () => {
    const { db, ask, set, clock, rows } = open();
    for (let n = 0; n < 60; n++) set(`p${n}`, { response: n });
    ask('cache_invalidate', { all: true });
    expect([rows('cache_entries'), rows('cache_invalidations')]).toEqual([
      60 - RECLAIMED_PER_INVALIDATION,
      1,
    ]);
    expect(sweepCache(db, clock.now, 20)).toBe(20);
    expect([rows('cache_entries'), rows('cache_invalidations')]).toEqual([
      40 - RECLAIMED_PER_INVALIDATION,
      1,
    ]);
    expect(sweepCache(db, clock.now, 100)).toBe(41 - RECLAIMED_PER_INVALIDATION);
    expect([rows('cache_entries'), rows('cache_invalidations')]).toEqual([0, 0]);
  });

  test('deletes the counters of days that are too old', () => {
    const { db, clock, rows } = open();
    addToCounter(db, clock.now, 'n', 'm', { counter: 'hits' });
    addToCounter(db, clock.now + DAY_MS, 'n', 'm', { counter: 'hits' });
    expect(sweepCache(db, clock.now + MAX_DAYS * DAY_MS - 1, 10)).toBe(0);
    expect(sweepCache(db, clock.now + MAX_DAYS * DAY_MS, 10)).toBe(1);
    expect(rows('cache_days')).toBe(1);
  });
});
