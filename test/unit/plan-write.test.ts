import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8Bytes } from '../../src/json/utf8.ts';
import type { Cell } from '../../src/tools/blackboard/cell.ts';
import { type CellWrite, planWrite, type WritePlan } from '../../src/tools/blackboard/plan-write.ts';

const cell = (value: unknown): Cell => {
  const json = JSON.stringify(value);
  const owner = { claim_id: null, claim_by: null, claim_fence: null, claim_until: null, claimed_at: null };
  const queue = { attempts: 0, done: 0, failure: null };
  const about = {
    id: 1,
    run_id: 'r',
    key: 'k',
    rev: 1,
    author: 'a',
    principal: 'a',
    updated_at: 0,
    versions: 1,
  };
  return { ...about, ...owner, ...queue, expires_at: null, tags: '[]', value: json, bytes: utf8Bytes(json) };
};

const write = (mode: CellWrite['mode'], value: unknown): CellWrite => ({
  ...{ field: 'value', key: 'k', mode, value, author: 'a' },
  ...{ ifRev: undefined, ttlSeconds: undefined, tags: undefined },
});

const plan = (one: CellWrite, stored: Cell): WritePlan => planWrite(one, stored, 0, ({ value }) => value);

/** JSON with numbers that can be stored exactly. */
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, 0, -1.5, 1e300, Number.MAX_SAFE_INTEGER),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

test('an item that is appended to the text of a list makes the text of the longer list', () => {
  fc.assert(
    fc.property(fc.array(json), json, (list, item) => {
      const text = JSON.stringify([...list, item]);
      expect(plan(write('append', item), cell(list))).toMatchObject({
        status: 'updated',
        next: { json: text, bytes: utf8Bytes(text) },
      });
    }),
  );
});

test('a merge is updated or unchanged as the set of its result is', () => {
  const member = fc.dictionary(fc.constantFrom('a', 'b', 'ü'), json, { maxKeys: 3, noNullPrototype: true });
  fc.assert(
    fc.property(member, member, (target, patch) => {
      const merged = plan(write('merge', patch), cell(target));
      const result = merged.status === 'updated' ? JSON.parse(merged.next.json) : target;
      const set = plan(write('set', result), cell(target));
      expect(set.status).toBe(merged.status);
      if (merged.status === 'updated') expect(set).toMatchObject({ next: { bytes: merged.next.bytes } });
    }),
  );
});
