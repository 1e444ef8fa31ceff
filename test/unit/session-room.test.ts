import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import {
  MAX_SESSION_ROOM_BYTES,
  MAX_SUBSCRIPTION_BYTES,
  MIN_SESSION_ROOM_BYTES,
  sessionBytes,
  sessionRoomBytes,
} from '../../src/transport-tools/session-room.ts';
import { subscriptionsOf } from '../../src/transport-tools/subscriptions.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';
import { ListeningTenant, uriOf } from '../support/streams-listener.ts';

const MEBIBYTE = 1_048_576;

describe('the share of a quota', () => {
  test.each([
    [0, MIN_SESSION_ROOM_BYTES],
    [2 * MEBIBYTE, MIN_SESSION_ROOM_BYTES],
    [64 * MEBIBYTE, 4 * MEBIBYTE],
    [1024 * MEBIBYTE, MAX_SESSION_ROOM_BYTES],
  ])('of %i bytes is %i bytes', (quota, room) => {
    expect(sessionRoomBytes(quota)).toBe(room);
  });
});

/** Subscriptions as large as they can be: long names, in another spelling than the canonical one. */
const longest = (n: number) => {
  const key = `${'日'.repeat(250)}${n}`;
  return { uri: `BLACKBOARD://default/${encodeURIComponent(key)}`, run_id: 'default', key };
};

/** Opens sessions with the longest subscriptions, until nothing more is taken. */
function fill(test: TestCompartment, token = test.issue(['blackboard:read'])): string[] {
  const refusals: string[] = [];
  for (let session = 0; session < 40; session++) {
    const session_id = `fill-${session}`;
    test.call(token, 'session_open', { session_id, kind: 'session' });
    for (let n = 0; n < 100; n++) {
      const outcome = test.call(token, 'resources_subscribe', { session_id, ...longest(n) });
      if (outcome.kind === 'error') refusals.push(outcome.error.code);
    }
  }
  return refusals;
}

/** How often a value of 100 KB can be written before the quota is used up. */
function writesUntilRefused(test: TestCompartment): number {
  const token = test.issue();
  const value = 'x'.repeat(100_000);
  for (let n = 0; ; n++)
    if (test.call(token, 'blackboard_write', { key: `k${n}`, value }).kind !== 'answer') return n;
}

describe('a token that may only read', () => {
  test('cannot use up the quota: sessions and subscriptions have a share of it', () => {
    const quota = 16 * MEBIBYTE;
    const [test, empty] = [quota, quota].map((storageQuotaBytes) =>
      createdCompartment({ storageQuotaBytes }),
    );
    if (test === undefined || empty === undefined) throw new Error('there are two tenants');
    fill(test);
    expect(sessionBytes(test.db)).toBeLessThanOrEqual(sessionRoomBytes(quota));
    // What is counted is what is stored, about: the pages of a table are not full.
    const [stored] = test.db.exec<{ bytes: number }>(
      "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name LIKE 'subscriptions%' OR name LIKE 'sessions%'",
    );
    expect(stored?.bytes).toBeGreaterThan(0);
    expect(stored?.bytes).toBeLessThan(2 * sessionRoomBytes(quota));
    // Of what the quota allows, most is still there: the records of the calls take some of it, too.
    expect(writesUntilRefused(test)).toBeGreaterThan(0.8 * writesUntilRefused(empty));
  });

  test('is refused more subscriptions of one session than fit', () => {
    const test = createdCompartment();
    expect(new Set(fill(test))).toEqual(new Set(['too_large']));
    const [largest] = test.db.exec<{ bytes: number }>('SELECT max(bytes) AS bytes FROM sessions');
    expect(largest?.bytes).toBeLessThanOrEqual(MAX_SUBSCRIPTION_BYTES + 512);
    expect(largest?.bytes).toBeGreaterThan(MAX_SUBSCRIPTION_BYTES - 8192);
  });
});

describe('when the share is used up', () => {
  test('sessions that nobody uses give way, those that were idle for longest first', () => {
    const here = new ListeningTenant(createdCompartment({ storageQuotaBytes: 0 }));
    const ids = () => here.test.db.exec<{ id: string }>('SELECT id FROM sessions').map(({ id }) => id);
    const open = (session_id: string) => {
      here.test.clock.now += 1000;
      here.call('session_open', { session_id, kind: 'session' });
      for (let n = 0; n < 20; n++) here.call('resources_subscribe', { session_id, ...longest(n) });
    };
    for (const id of ['first', 'second', 'third']) open(id);
    const before = ids();
    for (let n = 0; !ids().includes('more-9'); n++) open(`more-${n}`);
    expect(before).toEqual(['first', 'second', 'third']);
    expect(ids()).not.toContain('first');
    expect(ids()).toContain('more-9');
    expect(sessionBytes(here.test.db)).toBeLessThanOrEqual(MIN_SESSION_ROOM_BYTES);
  });

  test('by sessions that are in use, one more is refused, and unsubscribing makes room', () => {
    const here = new ListeningTenant(createdCompartment({ storageQuotaBytes: 0 }));
    const sessions: string[] = [];
    const outcomeOf = (session_id: string, n: number) =>
      here.test.call(here.tokenId, 'resources_subscribe', { session_id, ...longest(n) });
    let refused: unknown;
    while (refused === undefined) {
      const id = here.session();
      here.listen(id);
      sessions.push(id);
      for (let n = 0; n < 30 && refused === undefined; n++) {
        const outcome = outcomeOf(id, n);
        if (outcome.kind === 'error') refused = outcome.error;
      }
    }
    expect(refused).toMatchObject({ code: 'quota_exceeded', limit: MIN_SESSION_ROOM_BYTES });
    const last = sessions.at(-1) ?? '';
    const [first = ''] = sessions;
    for (const n of [0, 1]) {
      const { run_id, key } = longest(n);
      here.call('resources_unsubscribe', { session_id: first, run_id, key });
    }
    expect(outcomeOf(last, 29)).toMatchObject({ kind: 'answer' });
  });
});

test('closing and unsubscribing give back what was counted', () => {
  const here = new ListeningTenant(createdCompartment());
  const session = here.session();
  const empty = sessionBytes(here.test.db);
  here.subscribe(session, 'a');
  expect(sessionBytes(here.test.db)).toBeGreaterThan(empty);
  here.call('resources_unsubscribe', { session_id: session, run_id: 'default', key: 'a' });
  expect(sessionBytes(here.test.db)).toBe(empty);
  here.call('session_close', { session_id: session });
  expect(sessionBytes(here.test.db)).toBe(0);
});

test('subscriptions by URI become subscriptions of cells: the oldest of each cell stays', () => {
  const db = openDatabase();
  const migrations = readMigrations();
  migrate(
    db,
    migrations.filter(({ name }) => name < '0007'),
  );
  db.script(`
    INSERT INTO sessions (id, kind, principal, client, list_changed, rev, seen_at)
      VALUES ('one', 'session', 'p', '{"name":"é"}', 1, 3, 5), ('two', 'session', 'p', '{}', 1, 3, 5);
    INSERT INTO subscriptions (session_id, uri, run_id, key, rev) VALUES
      ('one', '${uriOf('a')}', 'default', 'a', 7), ('one', 'blackboard://default/%61', 'default', 'a', 4),
      ('one', '${uriOf('b')}', 'default', 'b', 5), ('two', '${uriOf('a')}', 'default', 'a', 6);
  `);
  migrate(db, migrations);
  expect(subscriptionsOf(db, 'one')).toEqual([
    { run_id: 'default', key: 'a', uri: 'blackboard://default/%61', rev: 4 },
    { run_id: 'default', key: 'b', uri: uriOf('b'), rev: 5 },
  ]);
  expect(subscriptionsOf(db, 'two')).toEqual([{ run_id: 'default', key: 'a', uri: uriOf('a'), rev: 6 }]);
  const rows = db.exec('SELECT id, rev, seen_at, bytes FROM sessions ORDER BY id');
  const bytesOf = (client: number, ...uris: number[]) =>
    256 + client + uris.reduce((sum, uri) => sum + 2 * 'defaulta'.length + uri + 128, 0);
  expect(rows).toEqual([
    { id: 'one', rev: 3, seen_at: 5, bytes: bytesOf(13, 24, 22) },
    { id: 'two', rev: 3, seen_at: 5, bytes: bytesOf(2, 22) },
  ]);
  db.exec("DELETE FROM sessions WHERE id = 'one'");
  expect(subscriptionsOf(db, 'one')).toEqual([]);
});
