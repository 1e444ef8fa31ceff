import { expect, test } from 'vitest';
import * as z from 'zod';
import { nearest, parseArguments } from '../../src/tools/arguments.ts';
import { ToolError } from '../../src/tools/errors.ts';

const NAMES = ['run_id', 'agent', 'by', 'key', 'value', 'ttl_s', 'tags', 'if_rev', 'idempotency_key'];

test.each([
  ['kye', 'key'],
  ['ttl', 'ttl_s'],
  ['Key', 'key'],
  ['runid', 'run_id'],
  ['run_di', 'run_id'],
  ['valeu', 'value'],
  ['idempotencykey', 'idempotency_key'],
  ['tenant', undefined],
  ['completely_different', undefined],
  ['x'.repeat(10_000), undefined],
])('%s is taken for %s', (name, expected) => {
  expect(nearest(name, NAMES)).toBe(expected);
});

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
  [{ key: true }, 'key', 'expected string'],
  [{ key: 'a', count: 9 }, 'count', '<=5'],
  [{ key: 'a', kye: 'b' }, 'kye', 'Did you mean key?'],
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
