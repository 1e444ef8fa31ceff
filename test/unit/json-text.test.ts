import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_JSON_DEPTH } from '../../src/json/json-problem.ts';
import { jsonText } from '../../src/json/text.ts';

/** JSON as text for a person. */

test('is in full', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      expect(JSON.parse(jsonText(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 200 },
  );
});

test('has what is short in one line, and the items of a list in as few as they fit into', () => {
  const value = { key: 'plan', steps: ['tag', 'push'], many: Array.from({ length: 30 }, (_, n) => n), e: {} };
  expect(jsonText(value).split('\n')).toEqual([
    '{',
    '  "key": "plan",',
    '  "steps": ["tag", "push"],',
    '  "many": [',
    '    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,',
    '    23, 24, 25, 26, 27, 28, 29',
    '  ],',
    '  "e": {}',
    '}',
  ]);
});

const nested = (value: unknown, depth = MAX_JSON_DEPTH - 4): unknown =>
  depth === 0 ? value : { a: [nested(value, depth - 2)] };

test.each([
  ['numbers', Array.from({ length: 120_000 }, () => 1)],
  ['empty lists', Array.from({ length: 80_000 }, () => [])],
  ['members', Object.fromEntries(Array.from({ length: 24_000 }, (_, n) => [`m${n}`, 'v']))],
  ['lists of lists', Array.from({ length: 9000 }, () => [[[1, [2, [3]]], 'x'.repeat(10)]])],
])('of very many %s, nested deeply, is at most four times as long as the value', (_what, value) => {
  const size = JSON.stringify(nested(value)).length;
  expect(size).toBeGreaterThan(200_000);
  expect(jsonText(nested(value)).length / size).toBeLessThan(4);
});
