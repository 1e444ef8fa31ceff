import { isDeepStrictEqual as equals } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endOfValue } from '../../src/json/text-scan.ts';
import { mergePatch } from '../../src/tools/blackboard/merge-patch.ts';

// RFC 7396, appendix A.
test.each([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ['{}', '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
  ['{"__proto__":{"a":1},"b":1}', '{"__proto__":null}', '{"b":1}'],
  ['{}', '{"constructor":{"prototype":{"a":null}}}', '{"constructor":{"prototype":{}}}'],
])('%s merged with %s is %s', (target, patch, result) => {
  expect(mergePatch(target, JSON.parse(patch))).toBe(result);
  expect(Object.hasOwn(Object.prototype, 'a')).toBe(false);
});

const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, 0, 1, 'x', true),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '1', '__proto__'), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}));

/** The pseudocode of RFC 7396, section 2, on copies. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const members = new Map<string, unknown>(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, merged(members.get(name), value));
  }
  return Object.fromEntries(members);
}

const object = fc.dictionary(fc.constantFrom('a', 'b', '1', '__proto__', '"}\\\\,'), json, {
  noNullPrototype: true,
});

test('is the merge of the RFC, and the very text where nothing changes', () => {
  let unchanged = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 5, arbitrary: object }, json), object, (target, patch) => {
      const before = JSON.stringify(target);
      const expected = merged(target, patch);
      const text = mergePatch(before, patch);
      expect(JSON.parse(text)).toStrictEqual(expected);
      expect(text.length).toBe(JSON.stringify(expected).length);
      expect(text === before).toBe(equals(expected, target));
      expect(mergePatch(text, patch)).toBe(text);
      if (text === before) unchanged++;
    }),
    { numRuns: 1000 },
  );
  expect(unchanged).toBeGreaterThan(10);
});

test('any text is passed over to its end', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ stringUnit: 'binary' }),
      fc.constantFrom('', ',1', '}', ']'),
      (value, rest) => {
        const text = JSON.stringify(value);
        expect(endOfValue(text + rest, 0)).toBe(text.length);
      },
    ),
  );
});
