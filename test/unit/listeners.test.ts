import { describe, expect, test } from 'vitest';
import type { Compartment } from '../../src/tenant/compartment.ts';
import { MAX_CHANGES } from '../../src/tools/blackboard/changes.ts';
import { VERSION_MS } from '../../src/tools/blackboard/history.ts';
import { createdCompartment, openCompartment } from '../support/compartment.ts';
import { ListeningTenant, uriOf } from '../support/streams-listener.ts';

const tenant = () => new ListeningTenant(createdCompartment());
const [A, B] = [uriOf('a'), uriOf('b')];

describe('a listener', () => {
  test('is told of what its session subscribed to, once and in order, and of nothing else', () => {
    const here = tenant();
    const [ofA, ofBoth] = [here.listen(here.session('a')), here.listen(here.session('b', 'a'))];
    const revs = [here.write('a', 1), here.write('b', 1), here.write('a', 2), here.write('c', 1)];
    expect(ofA.told).toEqual([A, 'list', 'list', A, 'list']);
    expect(ofBoth.told).toEqual([A, 'list', B, 'list', A, 'list']);
    expect(ofBoth.changes.map(({ rev }) => rev)).toEqual(revs);
    here.test.call(here.tokenId, 'blackboard_read', { key: 'a' });
    here.write('a', 2);
    expect(ofA.told).toHaveLength(5);
  });

  test('is told of no call that failed, and of no cell of another board', () => {
    const here = tenant();
    const listener = here.listen(here.session('a'));
    here.write('a', 1);
    here.call('blackboard_write', { key: 'a', value: 2, if_rev: 99 });
    here.test.call(here.tokenId, 'blackboard_write', { key: 'a', value: 1, nonsense: 1 });
    here.call('blackboard_write', { run_id: 'other', key: 'a', value: 1 });
    expect(listener.told).toEqual([A, 'list', 'list']);
  });

  test('hears of what comes after the subscription, not of what came before', () => {
    const here = tenant();
    const session = here.session();
    here.write('a', 1);
    here.subscribe(session, 'a');
    const listener = here.listen(session, { kind: 'changes', since: 0 });
    expect(listener.told).toEqual(['list']);
    here.write('a', 2);
    here.subscribe(session, 'a');
    here.write('a', 3);
    expect(listener.told).toEqual(['list', A, A]);
    here.call('resources_unsubscribe', { session_id: session, run_id: 'default', key: 'a' });
    here.write('a', 4);
    expect(listener.told).toEqual(['list', A, A]);
  });

  test.each([
    ['the canonical one', [A, 'blackboard://default/%61'], A],
    ['another one', ['blackboard://default/%61', A], 'blackboard://default/%61'],
  ])('that names a cell in several ways is notified once, by its first URI: %s', (_name, uris, first) => {
    const here = tenant();
    const session = here.session();
    for (const uri of uris)
      here.call('resources_subscribe', { session_id: session, uri, run_id: 'default', key: 'a' });
    const listener = here.listen(session);
    here.write('a', 1);
    expect(listener.changes).toEqual([{ rev: 1, uris: [first], list: true }]);
    here.call('resources_unsubscribe', { session_id: session, run_id: 'default', key: 'a' });
    here.write('a', 2);
    expect(listener.changes).toHaveLength(1);
  });

  test('is told together of what one call did, and of the list once', () => {
    const here = tenant();
    const keys = [...Array(20).keys()].map((n) => `k${String(n).padStart(2, '0')}`);
    const listener = here.listen(here.session(...keys));
    here.call('blackboard_write', { entries: keys.map((key) => ({ key, value: 1 })) });
    expect(listener.tellings).toHaveLength(1);
    expect(listener.told).toEqual([...keys.map((key) => uriOf(key)), 'list']);
    expect(new Set(listener.changes.map(({ rev }) => rev)).size).toBe(keys.length);
    here.call('blackboard_delete', { prefix: 'k' });
    expect(listener.tellings).toHaveLength(2);
    expect(listener.told.filter((item) => item === 'list')).toHaveLength(2);
  });

  test('hears that the list changed when a cell comes or goes, and not when it is overwritten', () => {
    const here = tenant();
    const listener = here.listen(here.session());
    const lists = () => listener.told.filter((item) => item === 'list').length;
    const steps: [act: () => unknown, lists: number][] = [
      [() => here.write('a', 1), 1],
      [() => here.write('a', 2), 1],
      [() => here.write('a', 3, { ttl_s: 60 }), 1],
      [() => (here.test.clock.now += 59_999), 1],
      [() => here.write('a', 4, { ttl_s: 1 }), 1],
      [() => (here.test.clock.now += 1000), 1],
      // It was gone, and comes again.
      [() => here.write('a', 5), 2],
      [() => here.call('blackboard_delete', { keys: ['a'] }), 3],
      [() => here.call('blackboard_delete', { keys: ['a'] }), 3],
      [() => here.write('a', 6), 4],
      [() => here.call('blackboard_claim', { key: 'a', by: 'worker' }), 4],
    ];
    for (const [at, [act, count]] of steps.entries()) {
      act();
      expect([at, lists()]).toEqual([at, count]);
    }
  });

  test('hears nothing of the list when a cell is overwritten of which no history is left', () => {
    const here = tenant();
    here.write('a', 1);
    here.test.clock.now += 2 * VERSION_MS;
    here.test.compartment.sweep();
    const listener = here.listen(here.session('a'));
    here.write('a', 2);
    expect(listener.told).toEqual([A]);
  });

  test('without blackboard:read is told of nothing', () => {
    const here = tenant();
    const blind = new ListeningTenant(here.test, here.test.issue(['blackboard:write']));
    const listener = blind.listen(blind.session());
    here.write('a', 1);
    expect(listener.changes).toEqual([]);
  });

  test('that is told nothing learns every 256 revisions how far that is so', () => {
    const here = tenant();
    here.write('b', 0);
    const listener = here.listen(here.session('a'));
    const known = listener.notices.length;
    for (let n = 1; n < 256; n++) here.write('b', n);
    expect(listener.notices).toHaveLength(known);
    const rev = here.write('b', 256);
    expect(listener.notices.slice(known)).toEqual([{ kind: 'changes', rev, changes: [] }]);
    for (let n = 1; n < 256; n++) here.write('b', -n);
    expect(listener.notices).toHaveLength(known + 1);
  });
});

describe('what a stream missed', () => {
  test('is told when it is attached, from where its session was told', () => {
    const here = tenant();
    const session = here.session('a');
    const first = here.listen(session);
    here.write('a', 1);
    here.test.compartment.streams.detach(first, false);
    const missed = [here.write('a', 2), here.write('a', 3)];
    const second = here.listen(session);
    expect(first.told).toEqual([A, 'list']);
    expect(second.changes.map(({ rev }) => rev)).toEqual(missed);
    here.write('a', 4);
    expect(first.told).toEqual([A, 'list']);
  });

  test('is told from the revision that it names, also if that was told before', () => {
    const here = tenant();
    const session = here.session('a');
    const first = here.listen(session);
    const revs = [here.write('a', 1), here.write('a', 2), here.write('a', 3)];
    here.test.compartment.streams.detach(first, false);
    const second = here.listen(session, { kind: 'changes', since: Number(revs[0]) });
    expect(second.changes.map(({ rev }) => rev)).toEqual(revs.slice(1));
    // One that was never taken is of another time.
    expect(here.listen(session, { kind: 'changes', since: 10_000 }).changes).toEqual([]);
  });

  test('by one whose other end is gone is told to the next, and to nobody twice', () => {
    const here = tenant();
    const session = here.session('a');
    const [first, other] = [here.listen(session), here.listen(here.session('a'))];
    here.write('a', 1);
    first.deaf = true;
    const missed = [here.write('a', 2), here.write('a', 3)];
    here.test.compartment.streams.detach(first, false);
    expect(here.listen(session).changes.map(({ rev }) => rev)).toEqual(missed);
    expect(other.changes.map(({ rev }) => rev)).toEqual([1, ...missed]);
  });

  test('is told of claims and releases if it is told of every change, and only then', () => {
    const here = tenant();
    const all = { kind: 'changes', all: true } as const;
    const [every, one] = [here.listen(here.session(), all), here.listen(here.session('a'))];
    here.write('a', 1);
    const claim = { prefix: 'a', ttl_s: 60, by: 'ann' };
    here.call('blackboard_claim', claim);
    expect(every.changes.map(({ rev, cell }) => [rev, cell?.key])).toEqual([
      [1, 'a'],
      [2, 'a'],
    ]);
    expect(one.changes.map(({ rev }) => rev)).toEqual([1]);
    here.test.compartment.streams.detach(every, false);
    here.write('b', 2);
    const again = here.listen(here.session(), { ...all, since: 1 });
    expect(again.changes.map(({ rev }) => rev)).toEqual([2, 3]);
  });

  test('is everything, when it is too much to be told one by one', () => {
    const here = tenant();
    const session = here.session('a', 'b');
    const all = { kind: 'changes', all: true } as const;
    const first = here.listen(session, all);
    const write = (from: number, count: number) => {
      for (let at = from; at < from + count; at += 20) {
        const keys = [...Array(20).keys()].map((n) => ({ key: `k${at + n}`, value: 1 }));
        here.call('blackboard_write', { entries: keys.slice(0, from + count - at) });
      }
    };
    here.test.compartment.streams.detach(first, false);
    write(0, MAX_CHANGES);
    const exact = here.listen(session, all);
    expect(exact.changes.map(({ cell }) => cell?.key)).toEqual(
      [...Array(MAX_CHANGES).keys()].map((n) => `k${n}`),
    );
    here.test.compartment.streams.detach(exact, false);
    write(MAX_CHANGES, MAX_CHANGES + 1);
    const late = here.listen(session, all);
    expect(late.changes).toEqual([{ rev: 2 * MAX_CHANGES + 1, uris: [A, B], list: true, reset: true }]);
    here.write('a', 1);
    expect(late.told.slice(3)).toEqual([A, 'list']);
  });

  test('of one cell so often that its history is cut is told as often as is known, the last change too', () => {
    const here = tenant();
    const session = here.session('a');
    here.write('a', 0);
    here.test.compartment.streams.detach(here.listen(session), false);
    for (let n = 1; n <= 200; n++) here.write('a', n);
    const { changes } = here.listen(session);
    expect(changes.length).toBeGreaterThanOrEqual(20);
    expect(changes.at(-1)).toMatchObject({ rev: 201, uris: [A] });
  });

  test('is everything, when it is too long ago', () => {
    const here = tenant();
    const session = here.session('a');
    here.listen(session).deaf = true;
    here.write('a', 1);
    here.test.clock.now += VERSION_MS + 1;
    here.test.compartment.sweep();
    const listener = here.listen(session, { kind: 'changes', since: 0 });
    expect(listener.changes).toEqual([{ rev: 1, uris: [A], list: true, reset: true }]);
  });

  test('while the tenant was not in memory is told by the streams that outlived it', () => {
    const here = tenant();
    const listener = here.listen(here.session('a'));
    here.write('a', 1);
    const again = createdAgain(here, [listener]);
    again.write('a', 2);
    expect(listener.told).toEqual([A, 'list', A]);
  });
});

/** The same database under a compartment that has just started, with the streams that are open still. */
function createdAgain(
  { test: { db, clock }, tokenId }: ListeningTenant,
  listeners: ConstructorParameters<typeof Compartment>[0]['listeners'],
): ListeningTenant {
  const opened = openCompartment({ db, listeners, clock: () => clock.now });
  return new ListeningTenant(opened, tokenId);
}
