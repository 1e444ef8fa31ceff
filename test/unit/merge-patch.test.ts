import { isDeepStrictEqual as equals } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ['{}', '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
  ['{"__proto__":{"a":1},"b":1}', '{"__proto__":null}', '{"b":1}'],
  ['{}', '{"constructor":{"prototype":{"a":null}}}', '{"constructor":{"prototype":{}}}'],
])('%s merged with %s is %s', (target, patch, result) => {
  expect(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch)).value)).toBe(result);
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

test('is the merge of the RFC, knows whether it changed anything, and leaves the patch as it was', () => {
  let unchanged = 0;
  fc.assert(
    fc.property(json, json, (target, patch) => {
      const [targetBefore, patchBefore] = [JSON.stringify(target), JSON.stringify(patch)];
      const expected = merged(JSON.parse(targetBefore), patch);
      const { value, isChanged } = mergePatch(target, patch);
      expect(value).toStrictEqual(expected);
      expect(isChanged).toBe(!equals(value, JSON.parse(targetBefore)));
      expect(JSON.stringify(patch)).toBe(patchBefore);
      expect(mergePatch(value, patch)).toStrictEqual({ value: expected, isChanged: false });
      if (!isChanged) unchanged++;
    }),
    { numRuns: 1000 },
  );
  expect(unchanged).toBeGreaterThan(10);
});
