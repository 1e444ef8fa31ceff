import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createdCompartment } from '../support/compartment.ts';
import type { Answer } from '../support/tenant.ts';

/** A search with a prefix or tag finds what a search of the whole board finds there, however few cells there are. */

const WORDS = [
  'walrus',
  'wal',
  'sea lion',
  'socket_timeout',
  'socket',
  'fooBar12',
  'src/wal/step_7.ts',
  '1_2',
  'Ünïwal',
  '漢字wal',
  'x"\\n{y',
];
const QUERIES = [
  'walrus',
  'wal',
  'alru',
  'sea',
  'lion socket',
  'socket_timeout',
  'socket_time',
  'bar12',
  'step_7 ts',
  '1_2',
  'uni',
  'timeout a b c d step_7',
  'ea',
];
const FOLDERS = ['p/wal', 'p/', 'q/step_7/', 'r'];
const TAGS = ['red', 'wal', 'two words'];

const cell = fc.record({
  key: fc.tuple(fc.constantFrom(...FOLDERS), fc.nat(40)).map(([folder, n]) => `${folder}k${n}`),
  value: fc.array(fc.constantFrom(...WORDS), { maxLength: 4 }).map((words) => ({ text: words.join(' ') })),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 2 }),
});
const scope = fc.record({
  prefix: fc.option(fc.constantFrom(...FOLDERS, 'p/walk1', 's'), { nil: undefined }),
  tags: fc.option(fc.uniqueArray(fc.constantFrom(...TAGS, 'absent'), { minLength: 1, maxLength: 2 }), {
    nil: undefined,
  }),
});

test('a search of few cells by prefix or tag finds what the index finds there', () => {
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 10, maxLength: 60 }),
      fc.array(scope, { minLength: 3, maxLength: 6 }),
      (cells, scopes) => {
        const tenant = createdCompartment();
        const token = tenant.issue();
        const call = (tool: string, args: object): Answer => {
          const outcome = tenant.call(token, tool, args);
          if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
          return JSON.parse(outcome.json);
        };
        const stored = new Map(cells.map((each) => [each.key, each]));
        for (const { key, value, tags } of stored.values())
          call('blackboard_write', { run_id: 'b', key, value, tags });
        const keys = (args: object): string[] =>
          call('blackboard_list', { run_id: 'b', limit: 200, ...args }).entries.map(
            ({ key }: { key: string }) => key,
          );
        for (const query of QUERIES) {
          const all = keys({ query });
          for (const { prefix, tags } of scopes) {
            const expected = all.filter(
              (key) =>
                key.startsWith(prefix ?? '') &&
                (tags ?? []).every((tag) => stored.get(key)?.tags.includes(tag)),
            );
            expect(keys({ query, prefix, tags }).sort(), `${query} in ${prefix}, ${tags}`).toEqual(
              expected.sort(),
            );
          }
        }
      },
    ),
    { numRuns: 10 },
  );
});
