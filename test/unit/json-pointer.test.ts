import fc from 'fast-check';
import { expect, test } from 'vitest';
import { followPointer, parsePointer } from '../../src/tools/blackboard/json-pointer.ts';

function at(root: unknown, pointer: string): unknown {
  const { text, isFound } = followPointer(JSON.stringify(root), parsePointer(pointer) ?? ['invalid']);
  return isFound ? JSON.parse(text) : undefined;
}

// RFC 6901, section 5.
const DOCUMENT = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
};

test.each([
  ['', DOCUMENT],
  ['/foo', ['bar', 'baz']],
  ['/foo/0', 'bar'],
  ['/', 0],
  ['/a~1b', 1],
  ['/c%d', 2],
  ['/e^f', 3],
  ['/g|h', 4],
  ['/i\\j', 5],
  ['/k"l', 6],
  ['/ ', 7],
  ['/m~0n', 8],
])('%j leads to %j', (pointer, value) => {
  expect(at(DOCUMENT, pointer)).toEqual(value);
});

test.each([
  '/foo/2',
  '/foo/-',
  '/foo/00',
  '/foo/-1',
  '/foo/1.0',
  '/foo/length',
  '/foo/0/0',
  '/none',
  '/toString',
  '/__proto__',
  '//',
])('%j leads to nothing', (pointer) => {
  expect(at(DOCUMENT, pointer)).toBeUndefined();
});

test.each(['foo', '/~', '/~2', '/a~', ' /a', '#/foo'])('%j is no pointer', (pointer) => {
  expect(parsePointer(pointer)).toBeUndefined();
});

test('~01 is the name ~1', () => {
  expect(at({ '~1': 'yes', '/': 'no' }, '/~01')).toBe('yes');
});

test('every name can be reached when it is escaped', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'é', '') }), { maxLength: 5 }),
      (names) => {
        const pointer = names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
        expect(parsePointer(pointer)).toEqual(names);
      },
    ),
  );
});

/** Every part of a value, with the tokens that lead to it. */
function* partsOf(value: unknown, tokens: string[] = []): Generator<[string[], unknown]> {
  yield [tokens, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [token, part] of Object.entries(value)) yield* partsOf(part, [...tokens, token]);
}

test('every part is found, and what is missing ends at the last part that there is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const json = JSON.stringify(value);
      for (const [tokens, part] of partsOf(value)) {
        const text = JSON.stringify(part);
        expect(followPointer(json, tokens)).toEqual({ text, isFound: true });
        expect(followPointer(json, [...tokens, '-\n', 'x'])).toEqual({ text, isFound: false });
      }
    }),
  );
});
