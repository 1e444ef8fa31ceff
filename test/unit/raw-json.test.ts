import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonBytes, printJson, RawJson } from '../../src/json/raw-json.ts';

/** JSON values, some of whose parts are held as text. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue({ maxDepth: 2 }),
    fc.jsonValue({ maxDepth: 2 }).map((held) => new RawJson(JSON.stringify(held))),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
}));

test('texts are printed where they stand, as if their values were printed', () => {
  fc.assert(
    fc.property(value, (held) => {
      expect(printJson(held)).toBe(JSON.stringify(held));
      expect(jsonBytes(held)).toBe(Buffer.byteLength(JSON.stringify(held)));
    }),
  );
});

test('a text is printed as it is', () => {
  expect(printJson({ a: new RawJson('{"z":1,"2":1e2}'), b: [new RawJson('"x"')] })).toBe(
    '{"a":{"z":1,"2":1e2},"b":["x"]}',
  );
});

test('a value that cannot be printed leaves nothing behind', () => {
  expect(() => printJson([new RawJson('1'), 1n])).toThrow(TypeError);
  expect(printJson([new RawJson('2')])).toBe('[2]');
  expect(JSON.stringify([new RawJson('3')])).toBe('[3]');
});
