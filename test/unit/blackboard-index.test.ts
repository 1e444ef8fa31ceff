import { expect, test } from 'vitest';
import { createdCompartment } from '../support/compartment.ts';

const DAY_MS = 86_400_000;

function open() {
  const host = createdCompartment();
  const token = host.issue();
  const call = (tool: string, args: object) => {
    const outcome = host.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  const found = (query: string): string[] =>
    call('blackboard_list', { run_id: 'default', query, limit: 100 }).entries.map(
      (entry: { key: string }) => entry.key,
    );
  const indexed = () => Number(host.db.exec('SELECT rev FROM board_indexed')[0]?.rev);
  return { host, call, found, indexed };
}

test('a search reflects the writes, changes and deletions just before it', () => {
  const { call, found } = open();
  call('blackboard_write', { key: 'a', value: 'walrus' });
  expect(found('walrus')).toEqual(['a']);
  call('blackboard_write', { key: 'a', value: 'narwhal' });
  call('blackboard_write', { key: 'b', value: 'narwhal' });
  expect([found('walrus'), found('narwhal').sort()]).toEqual([[], ['a', 'b']]);
  call('blackboard_delete', { keys: ['a'] });
  call('blackboard_write', { key: 'c', value: 'walrus' });
  expect([found('walrus'), found('narwhal')]).toEqual([['c'], ['b']]);
  call('blackboard_write', { key: 'a', value: 'walrus' });
  expect(found('walrus').sort()).toEqual(['a', 'c']);
});

test('the index is never far behind, even if other tools use revisions', () => {
  const { host, call, indexed } = open();
  for (let n = 0; n < 500; n++) {
    call('blackboard_write', { key: `k${n % 7}`, value: n });
    call('scar_record', { error_type: `E${n}`, context: 'c' });
    const head = Number(host.db.exec('SELECT max(rev) AS head FROM board_events')[0]?.head);
    expect(head - indexed()).toBeLessThan(70);
  }
});

test('a search writes nothing if the index is up to date', () => {
  const { host, call, found, indexed } = open();
  call('blackboard_write', { key: 'a', value: 'walrus' });
  found('walrus');
  const before = [indexed(), host.db.exec('SELECT count(*) AS n FROM board_words_data')];
  found('walrus');
  expect([indexed(), host.db.exec('SELECT count(*) AS n FROM board_words_data')]).toEqual(before);
});

test('cells whose history was swept are still found', () => {
  const { host, call, found } = open();
  call('blackboard_write', { key: 'a', value: 'walrus' });
  host.clock.now += 30 * DAY_MS;
  host.compartment.sweep();
  expect(host.db.exec('SELECT rev FROM board_events')).toEqual([]);
  expect(found('walrus')).toEqual(['a']);
});
