import { expect, test } from 'vitest';
import { scoreDocuments } from '../../src/tools/rank.ts';
import { createdCompartment } from '../support/compartment.ts';
import type { Answer } from '../support/tenant.ts';

function open() {
  const tenant = createdCompartment();
  const token = tenant.issue();
  const call = (tool: string, args: object): Answer => {
    const outcome = tenant.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  const write = (cells: { key: string; value: unknown; tags?: string[] }[]) => {
    for (let n = 0; n < cells.length; n += 20)
      call('blackboard_write', { run_id: 'default', entries: cells.slice(n, n + 20) });
  };
  const keys = (answer: Answer): string[] => answer.entries.map(({ key }: { key: string }) => key);
  return { tenant, call, write, keys };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

test('a search ranks the cells that were written last, and says when there are more', () => {
  const { call, write, keys } = open();
  write(numbers(600).map((n) => ({ key: `k/${n}`, value: n === 0 ? 'walrus narwhal' : 'walrus' })));
  call('blackboard_write', { key: 'k/1', value: 'walrus again' });
  const found = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = call('blackboard_list', { query: 'walrus', limit: 200, cursor });
    expect(page).toMatchObject({ total: 500, total_is_minimum: true });
    for (const key of keys(page)) found.add(key);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  expect(found.size).toBe(500);
  expect([found.has('k/1'), found.has('k/2'), found.has('k/599')]).toEqual([true, false, true]);
  expect(keys(call('blackboard_list', { query: 'narwhal' }))).toEqual(['k/0']);
});

test('a prefix and tags find older cells that a search of the whole board leaves out', () => {
  const { call, write, keys } = open();
  write([
    { key: 'old/x-1', value: 'walrus', tags: ['north sea'] },
    { key: 'old/x-2', value: 'walrus' },
  ]);
  write(numbers(600).map((n) => ({ key: `k/${n}`, value: 'walrus' })));
  expect(keys(call('blackboard_list', { query: 'walrus', prefix: 'old/x-' })).sort()).toEqual([
    'old/x-1',
    'old/x-2',
  ]);
  expect(keys(call('blackboard_list', { query: 'walrus', tags: ['north sea'] }))).toEqual(['old/x-1']);
});

test('a word of several parts is found only where its parts stand together', () => {
  const { write, call, keys } = open();
  write([
    { key: 'a', value: 'socket_timeout' },
    { key: 'b', value: 'a socket without timeout' },
    { key: 'c', value: 'timeout_socket' },
  ]);
  expect(keys(call('blackboard_list', { query: 'socket_timeout' }))).toEqual(['a']);
});

test('a whole word counts more than a part, a rare term more than a common one, and nothing is worth nothing', () => {
  const document = (text: string) => [{ text, weight: 1 }];
  const scores = scoreDocuments(['cat dog', 'cats', 'cat', 'Ünï'].map(document), ['cat', 'dog', 'uni']);
  const [both = 0, part = 0, one = 0, marked = 0] = scores;
  expect(both).toBeGreaterThan(one);
  expect(one).toBe(2 * part);
  expect(marked).toBeGreaterThan(one);
  expect(scoreDocuments([document('cat')], ['dog'])).toEqual([0]);
});

test('the oldest free cell of a folder is claimed, whatever waits around it', () => {
  const { call, write } = open();
  write(numbers(1_100).map((n) => ({ key: `notes/${n}`, value: n })));
  write(numbers(1_100).map((n) => ({ key: `queue/${String(5_000 - n)}`, value: n, tags: ['todo'] })));
  expect(call('blackboard_claim', { prefix: 'queue/', by: 'a' })).toMatchObject({ key: 'queue/5000' });
  expect(call('blackboard_claim', { tags: ['todo'], by: 'a' })).toMatchObject({ key: 'queue/4999' });
  call('blackboard_write', { key: 'queue/4998', value: 'again' });
  expect(call('blackboard_claim', { prefix: 'queue/', by: 'a' })).toMatchObject({ key: 'queue/4997' });
});

test('cells whose claims ended all at once are free again, and listed so', () => {
  const { tenant, call, write } = open();
  write(numbers(300).map((n) => ({ key: `q/${n}`, value: n })));
  for (const _ of numbers(300)) call('blackboard_claim', { prefix: 'q/', by: 'a', ttl_s: 60 });
  expect(call('blackboard_claim', { prefix: 'q/', by: 'b' })).toEqual({
    status: 'none',
    retry_after_ms: 60_000,
    held: 50,
  });
  tenant.clock.now += 60_000;
  expect(call('blackboard_list', { claimed: 'held' })).toEqual({
    entries: [],
    total: 0,
    total_is_minimum: true,
  });
  expect(call('blackboard_claim', { prefix: 'q/', by: 'b' })).toMatchObject({ key: 'q/0' });
  expect(call('blackboard_list', { claimed: 'free' })).toMatchObject({ total: 299 });
});

test('a page whose tags reject most cells continues where it stopped', () => {
  const { call, write, keys } = open();
  const key = (n: number) => `k/${String(n).padStart(4, '0')}`;
  write(numbers(1_200).map((n) => ({ key: key(n), value: n, tags: n === 1_100 ? ['a', 'b'] : ['a'] })));
  const first = call('blackboard_list', { tags: ['a', 'b'] });
  expect(first).toMatchObject({ entries: [], total_is_minimum: true });
  expect(keys(call('blackboard_list', { tags: ['a', 'b'], cursor: first.next_cursor }))).toEqual(['k/1100']);
});

test('a search with a prefix or tag that no cell has finds nothing, and reads no index', () => {
  const { tenant, call, write } = open();
  write([
    { key: 'a/1', value: 'walrus', tags: ['sea'] },
    { key: 'b/1', value: 'walrus narwhal', tags: ['lake'] },
  ]);
  call('blackboard_list', { query: 'everything is indexed now' });
  const none = { entries: [], total: 0 };
  // With the indexes gone, a search that reads them fails.
  for (const index of ['words', 'grams']) tenant.db.exec(`DROP TABLE board_${index}`);
  expect(call('blackboard_list', { query: 'walrus', prefix: 'c/' })).toEqual(none);
  expect(call('blackboard_list', { query: 'walrus', tags: ['narwhal'] })).toEqual(none);
  expect(call('blackboard_list', { query: 'walrus', tags: ['sea', 'narwhal'] })).toEqual(none);
  expect(call('blackboard_list', { query: 'walrus', prefix: 'b/', tags: ['sea'] })).toEqual(none);
  expect(() => call('blackboard_list', { query: 'walrus' })).toThrow();
});
