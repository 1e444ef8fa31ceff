import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import type { SessionId } from '../../src/tenant/contract/call.ts';
import type { Host } from '../../src/tenant/host.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { MAX_BATCH_NOTIFICATIONS } from '../../src/tenant/streams/batch.ts';
import { SLICE_BYTES, SLICE_STREAMS, WAKE_WITHIN_MS } from '../../src/tenant/streams/fan-out.ts';
import type { Listener } from '../../src/tenant/streams/stream.ts';
import { MAX_CHANGES } from '../../src/tools/blackboard/changes.ts';
import { createdCompartment, openCompartment } from '../support/compartment.ts';
import { type FakeListener, ListeningTenant, uriOf } from '../support/streams-listener.ts';

const [A, B] = [uriOf('a'), uriOf('b')];
const many = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));

/** A database that counts its statements. */
function counting() {
  const real = openDatabase();
  const count = { statements: 0, failures: 0 };
  const db: Database = {
    ...real,
    exec: (query, ...bindings) => {
      count.statements++;
      if (count.failures > 0 && query.includes('board_events')) {
        count.failures--;
        throw new Error('disk I/O error');
      }
      return real.exec(query, ...bindings);
    },
  };
  return { db, count };
}

function tenant(host: Partial<Host> = {}) {
  return new ListeningTenant(createdCompartment(host));
}

/** What was sent and saved since the last look. */
function costs(listeners: readonly FakeListener[]) {
  const before = listeners.map(({ notices, saves }) => [notices.length, saves] as const);
  return () => ({
    sends: listeners.reduce((sum, { notices }, at) => sum + notices.length - (before[at]?.[0] ?? 0), 0),
    saves: listeners.reduce((sum, { saves }, at) => sum + saves - (before[at]?.[1] ?? 0), 0),
  });
}

/** The same database under a compartment that has just started; the streams are open still, as their sockets are. */
function evicted({ test: { db, clock }, tokenId }: ListeningTenant, listeners: readonly Listener[]) {
  return new ListeningTenant(openCompartment({ db, listeners, clock: () => clock.now }), tokenId);
}

describe('a write', () => {
  test('is answered before anything is sent, and costs the same with a thousand subscribers as with none', () => {
    const { db, count } = counting();
    const here = tenant({ db });
    const statements = (key: string) => {
      const before = count.statements;
      here.callOnly('blackboard_write', { key, value: Math.random() });
      return count.statements - before;
    };
    here.write('a', 0);
    here.write('b', 0);
    statements('b');
    const alone = statements('b');
    const listeners = many(1000, () => here.listen(here.session('a')));
    const since = costs(listeners);
    expect([statements('a'), statements('b')]).toEqual([alone, alone]);
    expect(since()).toEqual({ sends: 0, saves: 0 });
    here.notifyAll();
    expect(since()).toEqual({ sends: 1000, saves: 1000 });
  });

  test('costs the streams that it does not concern nothing: no send, no save, no statement', () => {
    const { db, count } = counting();
    const here = tenant({ db });
    here.write('a', 0);
    here.write('b', 0);
    const concerned = here.listen(here.session('a'));
    const others = many(500, () => here.listen(here.session('b')));
    const since = costs(others);
    here.callOnly('blackboard_write', { key: 'a', value: 1 });
    const before = count.statements;
    here.notifyAll();
    // The floor, the events and the subscribers of the one cell.
    expect(count.statements - before).toBe(3);
    expect(since()).toEqual({ sends: 0, saves: 0 });
    expect(concerned.told).toEqual([A]);
  });

  test('is sent in slices that are bounded in streams', () => {
    const here = tenant();
    const listeners = many(SLICE_STREAMS * 3, () => here.listen(here.session('a')));
    const since = costs(listeners);
    here.callOnly('blackboard_write', { key: 'a', value: 1 });
    for (let slice = 1; slice <= 3; slice++) {
      here.notifySome();
      expect(since().sends).toBeLessThanOrEqual(slice * SLICE_STREAMS);
      expect(since().sends).toBeGreaterThanOrEqual(slice * SLICE_STREAMS - 1);
    }
    here.notifyAll();
    for (const listener of listeners) expect(listener.told).toEqual([A, 'list']);
  });

  test('is sent in slices that are bounded in bytes', () => {
    const here = tenant();
    const keys = many(100, (n) => `${'k'.repeat(250)}${n}`);
    const session = () => here.session(...keys.slice(0, 90));
    const listeners = many(SLICE_STREAMS, () => here.listen(session()));
    for (let at = 0; at < keys.length; at += 20)
      here.callOnly('blackboard_write', {
        entries: keys.slice(at, at + 20).map((key) => ({ key, value: 1 })),
      });
    const bytesOf = () =>
      listeners.reduce((sum, { told }) => sum + told.reduce((bytes, text) => bytes + text.length, 0), 0);
    let last = 0;
    let slices = 0;
    while (here.notifySome()) {
      expect(bytesOf() - last).toBeLessThan(SLICE_BYTES + 90 * 300);
      last = bytesOf();
      slices++;
    }
    expect(slices).toBeGreaterThan(1);
    for (const { told } of listeners) expect(told.filter((item) => item !== 'list')).toHaveLength(90);
  });
});

describe('notifications that are still to be sent', () => {
  test('survive an eviction between two slices: nothing is lost, doubled or out of order', () => {
    let here = tenant();
    const listeners = many(SLICE_STREAMS * 4, (n) => here.listen(here.session(n % 2 === 0 ? 'a' : 'b')));
    const expected: [string, number][] = [];
    for (let n = 0; n < 12; n++) {
      const key = n % 3 === 0 ? 'b' : 'a';
      expected.push([uriOf(key), here.callOnly('blackboard_write', { key, value: n }).rev as number]);
      here.notifySome();
      if (n % 4 === 1) here = evicted(here, listeners);
    }
    here.notifyAll();
    for (const [n, { changes }] of listeners.entries()) {
      const own = n % 2 === 0 ? A : B;
      const heard = changes.flatMap(({ rev, uris }) => uris.map((uri) => [uri, rev]));
      expect(heard).toEqual(expected.filter(([uri]) => uri === own));
    }
  });

  test('survive the end of the process between two slices: each client resumes from what it received', () => {
    const here = tenant();
    const sessions = many(SLICE_STREAMS * 3, () => here.session('a'));
    const before = sessions.map((session) => here.listen(session));
    const revs = many(5, (n) => here.callOnly('blackboard_write', { key: 'a', value: n }).rev);
    here.notifySome();
    // No socket survives, and no state that was saved with one.
    const again = evicted(here, []);
    const last = here.callOnly('blackboard_write', { key: 'a', value: 'the last' }).rev;
    const after = sessions.map((session, n) =>
      again.listen(session, { kind: 'changes', since: before[n]?.changes.at(-1)?.rev ?? 0 }),
    );
    for (const [n, { changes }] of after.entries()) {
      const received = [...(before[n]?.changes ?? []), ...changes].map(({ rev }) => rev);
      expect(received).toEqual([...revs, last]);
    }
    expect(new Set(before.map(({ changes }) => changes.length))).toEqual(new Set([0, 5]));
  });

  test('are sent after an eviction without a further call', () => {
    const here = tenant();
    const listeners = many(SLICE_STREAMS * 2, () => here.listen(here.session('a')));
    here.callOnly('blackboard_write', { key: 'a', value: 1 });
    here.notifySome();
    const again = evicted(here, listeners);
    again.notifyAll();
    for (const { told } of listeners) expect(told).toEqual([A, 'list']);
  });

  test('wake the host if it is evicted meanwhile, once for all slices', () => {
    const asked: number[] = [];
    const here = tenant({ wakeWithin: (ms) => void asked.push(ms) });
    here.listen(here.session('a'));
    here.write('a', 1);
    expect(asked).toEqual([]);
    for (const _ of many(SLICE_STREAMS * 3, String)) here.listen(here.session('a'));
    here.write('a', 2);
    expect(asked).toEqual([WAKE_WITHIN_MS]);
  });

  test('are tried again when the database fails', () => {
    const { db, count } = counting();
    const here = tenant({ db });
    const listener = here.listen(here.session('a'));
    here.callOnly('blackboard_write', { key: 'a', value: 1 });
    count.failures = 1;
    here.notifySome();
    expect(listener.told).toEqual([]);
    expect(here.test.lines.at(-1)).toMatchObject({
      level: 'error',
      event: 'tenant.notify_failed',
      cause: { message: 'disk I/O error' },
    });
    here.test.clock.now += 1000;
    here.notifyAll();
    expect(listener.told).toEqual([A, 'list']);
  });

  test('are of one tenant: another one’s evictions and writes change nothing', () => {
    const [one, other] = [tenant(), tenant()];
    const [ofOne, ofOther] = [one.listen(one.session('a')), other.listen(other.session('a'))];
    one.callOnly('blackboard_write', { key: 'a', value: 1 });
    evicted(other, [ofOther]).write('b', 1);
    one.notifyAll();
    expect([ofOne.told, ofOther.told]).toEqual([[A, 'list'], ['list']]);
  });

  test('do not reach a stream that was opened after them twice, nor one that was ended', () => {
    const here = tenant();
    const session = here.session('a');
    const first = here.listen(session);
    here.callOnly('blackboard_write', { key: 'a', value: 1 });
    const second = here.listen(session);
    here.notifyAll();
    expect([first.told, second.told]).toEqual([[], [A, 'list']]);
    here.callOnly('blackboard_write', { key: 'a', value: 2 });
    here.test.compartment.administration.revokeToken(here.tokenId);
    here.notifyAll();
    expect([second.ended, second.told]).toEqual(['revoked', [A, 'list']]);
  });

  test('of too many changes are one reset, for the streams that they concern', () => {
    const here = tenant();
    const writeAll = (value: number) => {
      for (let at = 0; at <= MAX_CHANGES; at += 20)
        here.callOnly('blackboard_write', { entries: many(20, (n) => ({ key: `k${at + n}`, value })) });
    };
    for (const key of ['a', 'b']) here.write(key, 0);
    writeAll(0);
    const [ofA, ofB] = [here.listen(here.session('a', 'c')), here.listen(here.session('b'))];
    here.callOnly('blackboard_write', { key: 'a', value: 1 });
    writeAll(1);
    here.notifyAll();
    expect(ofA.changes).toMatchObject([{ uris: [A], list: false, reset: true }]);
    expect(ofB.changes).toEqual([]);
    here.write('b', 1);
    expect([ofA.told, ofB.told]).toEqual([[A], [B]]);
  });

  test('are bounded in number: what is more is read when the rest was sent', () => {
    const here = tenant();
    const keys = many(100, (n) => `k${n}`);
    const writeAll = (value: number) => {
      for (let at = 0; at < keys.length; at += 20)
        here.callOnly('blackboard_write', {
          entries: keys.slice(at, at + 20).map((key) => ({ key, value })),
        });
    };
    writeAll(0);
    const cells = keys.map((key) => ({ uri: uriOf(key), run_id: 'default', key }));
    const rounds = 3;
    const listeners = many(Math.ceil(MAX_BATCH_NOTIFICATIONS / keys.length / 2), (n) => {
      here.callOnly('stream_open', { session_id: `stream-${n}`, list_changed: true, cells });
      return here.listen(`stream-${n}` as SessionId);
    });
    for (let round = 1; round <= rounds; round++) writeAll(round);
    here.notifyAll();
    for (const { told, tellings } of listeners) {
      expect(tellings).toHaveLength(2);
      expect(told).toEqual(many(rounds, () => keys.map((key) => uriOf(key))).flat());
    }
  });
});
