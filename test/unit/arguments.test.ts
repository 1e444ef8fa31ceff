import { expect, test } from 'vitest';
import * as z from 'zod';
import { parseArguments } from '../../src/tools/arguments.ts';
import { ToolError } from '../../src/tools/errors.ts';

const tool = {
  name: 'probe',
  input: z.strictObject({
    key: z.string(),
    count: z.int().min(1).max(5).optional(),
    entries: z
      .array(z.strictObject({ key: z.string(), if_rev: z.int().optional() }))
      .max(3)
      .optional(),
  }),
};

function refusal(args: unknown): ToolError {
  try {
    parseArguments(tool, args);
  } catch (error) {
    if (error instanceof ToolError) return error;
  }
  throw new Error('it was accepted');
}

test.each([
  [{}, 'key', 'key is required'],
  [{ key: true }, 'key', 'key must be text.'],
  [{ key: 'a', count: 9 }, 'count', 'count must be an integer from 1 to 5.'],
  [{ kye: 'b' }, 'key', 'key is required; unknown argument "kye". Did you mean key.'],
  [
    { key: 'a', foo: 1, bar: 2 },
    'foo',
    'unknown argument "foo"; unknown argument "bar". The arguments here are: key, count, entries.',
  ],
  [{ key: 'a', kye: 'b' }, 'kye', 'Unknown argument "kye". The arguments here are: key, count, entries.'],
  [{ key: 'a', entries: [{ key: 'b', ifrev: 1 }] }, 'entries[0].ifrev', 'Did you mean if_rev?'],
  [{ key: 'a', entries: [{}] }, 'entries[0].key', 'is required'],
  [[], 'arguments', 'JSON object'],
  ['text', 'arguments', 'JSON object'],
  [7, 'arguments', 'JSON object'],
  [{ key: '\ud800' }, 'key', 'well-formed'],
  [{ key: 'a', entries: [{ key: '\udc00' }] }, 'entries[0].key', 'well-formed'],
])('%j is refused for %s', (args, field, message) => {
  const error = refusal(args);
  expect(error).toMatchObject({ code: 'invalid_input', detail: { field } });
  expect(error.message).toContain(message);
});

test('what fits is passed on as the schema says', () => {
  expect(parseArguments(tool, { key: 'a', count: 2 })).toEqual({ key: 'a', count: 2 });
});

test('every fault is named at once, as fields and in the sentence, up to five', () => {
  const { message, detail } = refusal({
    kye: 1,
    count: 'many',
    entries: [{ key: true, if_rev: 'x' }, { ifrev: 2 }],
  });
  expect(detail).toEqual({
    field: 'count',
    expected: 'integer',
    received: 'string',
    min: 1,
    max: 5,
    missing: ['key', 'entries[1].key'],
    faults: [
      { field: 'count', expected: 'integer', received: 'string', min: 1, max: 5 },
      { field: 'entries[0].key', expected: 'string', received: 'boolean' },
      { field: 'entries[0].if_rev', expected: 'integer', received: 'string' },
    ],
  });
  expect(message).toBe(
    'key is required; count must be an integer from 1 to 5; entries[0].key must be text; ' +
      'entries[0].if_rev must be an integer; entries[1].key is required; and 2 more.',
  );
});

test('no word of the validator reaches a caller', () => {
  for (const args of [
    { key: 7.5e300 },
    { key: [] },
    { count: {} },
    { entries: 'x' },
    { entries: [7] },
    { key: null },
  ])
    expect(refusal(args).message).not.toMatch(/expected|received|Invalid|zod|Unrecognized/i);
});
