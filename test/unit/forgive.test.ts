import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { withObjectArguments } from '../../src/mcp/call-arguments.ts';
import { forgive } from '../../src/tools/forgive.ts';
import { createdCompartment } from '../support/compartment.ts';

const schema = z.strictObject({
  text: z.string().optional(),
  count: z.int().min(0).default(1),
  ratio: z.number().optional(),
  flag: z.boolean().default(false),
  mode: z.enum(['set', 'Merge']).optional(),
  list: z.array(z.string()).optional(),
  nested: z.array(z.strictObject({ count: z.int(), any: z.unknown() })).optional(),
  any: z.unknown().optional(),
  other: z
    .unknown()
    .optional()
    .meta({ insteadOf: ['any'] }),
});

const valid = fc.record(
  {
    text: fc.string(),
    count: fc.nat(),
    ratio: fc.double({ noNaN: true, noDefaultInfinity: true }),
    flag: fc.boolean(),
    mode: fc.constantFrom('set', 'Merge'),
    list: fc.array(fc.string()),
    nested: fc.array(fc.record({ count: fc.integer(), any: fc.jsonValue() })),
    any: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

describe('what a schema accepts', () => {
  test('is passed on as it is', () => {
    fc.assert(
      fc.property(valid, (args) => {
        expect(forgive(schema, args)).toBe(args);
      }),
    );
  });

  test('is read the same when every field is text', () => {
    const typed = fc.record({ count: fc.nat(), flag: fc.boolean(), list: fc.array(fc.string()) });
    fc.assert(
      fc.property(typed, (args) => {
        const asText = Object.fromEntries(
          Object.entries(args).map(([name, value]) => [name, JSON.stringify(value)]),
        );
        expect(schema.parse(forgive(schema, asText))).toEqual(schema.parse(args));
      }),
    );
  });

  test('nothing is read twice', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(schema.shape)), fc.jsonValue()), (args) => {
        const once = forgive(schema, args);
        expect(forgive(schema, once)).toEqual(once);
      }),
    );
  });
});

test.each([
  ['count', '7', 7],
  ['count', '007', '007'],
  ['count', '7.0', 7],
  ['count', '1e2', 100],
  ['count', '9007199254740993', '9007199254740993'],
  ['count', 'NaN', 'NaN'],
  ['ratio', '-0.25', -0.25],
  ['ratio', '.5', '.5'],
  ['flag', 'FALSE', false],
  ['flag', '1', '1'],
  ['flag', 'yes', 'yes'],
  ['text', 429, '429'],
  ['text', -1.5, '-1.5'],
  ['text', 1e21, 1e21],
  ['text', true, true],
  ['mode', 'SET', 'set'],
  ['mode', 'merge', 'Merge'],
  ['mode', 'merged', 'merged'],
  ['list', '["a"]', ['a']],
  ['list', 'a,b', 'a,b'],
  ['list', [1, 'a'], ['1', 'a']],
  ['nested', '[{"count":"2","any":"3"}]', [{ count: 2, any: '3' }]],
  ['any', '{"a":1}', '{"a":1}'],
  ['any', null, null],
])('%s: %j is read as %j', (name, sent, read) => {
  expect(forgive(schema, { [name]: sent })).toEqual({ [name]: read });
});

test('a null is absent beside what is given instead, and only there', () => {
  expect(forgive(schema, { any: 1, other: null })).toEqual({ any: 1 });
  expect(forgive(schema, { any: null, other: null })).toEqual({ any: null, other: null });
  expect(forgive(schema, { any: null, other: 1 })).toEqual({ any: null, other: 1 });
});

test('arguments that are text are read once, and hostile ones are left to the schema', () => {
  expect(forgive(schema, '{"count":"3"}')).toEqual({ count: 3 });
  expect(forgive(schema, 'text')).toBe('text');
  expect(forgive(schema, [1])).toEqual([1]);
  const hostile = JSON.parse('{"__proto__":{"toolCallId":1},"constructor":null}');
  expect(forgive(schema, hostile)).toBe(hostile);
});

test.each([
  [
    { method: 'tools/call', params: { name: 'a', arguments: null } },
    { method: 'tools/call', params: { name: 'a' } },
  ],
  [
    { method: 'tools/call', params: { name: 'a', arguments: '{"key":"k"}' } },
    { method: 'tools/call', params: { name: 'a', arguments: { key: 'k' } } },
  ],
  [{ method: 'tools/call', params: { name: 'a', arguments: '[1]' } }, undefined],
  [{ method: 'tools/call', params: { name: 'a', arguments: '{"key":' } }, undefined],
  [{ method: 'prompts/get', params: { arguments: '{"key":"k"}' } }, undefined],
  [{ method: 'tools/call', params: { name: 'a', arguments: {} } }, undefined],
  [{ method: 'prompts/get', params: { arguments: null } }, undefined],
  [
    [{ method: 'tools/call', params: { arguments: null } }, 5],
    [{ method: 'tools/call', params: {} }, 5],
  ],
  [null, undefined],
])('a message %j', (message, read) => {
  expect(withObjectArguments(message)).toEqual(read ?? message);
});

test('arguments that a client adds are named in a line of their own', () => {
  const { call, issue, lines } = createdCompartment();
  call(issue(), 'tenant_limits', { sessionId: 'secret', toolCallId: 'c' });
  expect(lines.filter(({ event }) => event === 'tool.arguments_dropped')).toMatchObject([
    { level: 'debug', tool: 'tenant_limits', dropped: ['sessionId', 'toolCallId'] },
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});
