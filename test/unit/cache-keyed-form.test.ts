/** What of messages is part of a key: version 2 sees through what providers make up, and through nothing else. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { questionKey } from '../../src/tools/cache/key.ts';

const keyOf = (messages: readonly unknown[], params: object = {}) =>
  questionKey({ namespace: 'n', model: 'm', input: { messages }, params });

const mark = { cache_control: { type: 'ephemeral' } };
const call = (id: unknown, name = 'f', args = '{}') => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id, type: 'function', function: { name, arguments: args } }],
});
const toolUse = (id: string, input: object = {}, more: object = {}) => ({
  role: 'assistant',
  content: [
    { type: 'text', text: 't' },
    { type: 'tool_use', id, name: 'f', input, ...more },
  ],
});
const toolResult = (id: string, content: unknown) => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: id, content }],
});

describe('the same question', () => {
  test.each<[string, readonly unknown[], readonly unknown[]]>([
    ['one text part', [{ content: 'a' }], [{ content: [{ type: 'text', text: 'a' }] }]],
    ['one input_text part', [{ content: 'a' }], [{ content: [{ text: 'a', type: 'input_text' }] }]],
    ['a marked part', [{ content: 'a' }], [{ content: [{ type: 'text', text: 'a', ...mark }] }]],
    ['a marked message', [{ content: 'a' }], [{ content: 'a', ...mark }]],
    ['a mark that is null', [{ content: 'a' }], [{ content: 'a', cache_control: null }]],
    [
      'a cache point',
      [{ content: [{ text: 'a' }] }],
      [{ content: [{ text: 'a' }, { cachePoint: { type: 'default' } }] }],
    ],
    [
      'ids of tool calls',
      [call('x'), { role: 'tool', tool_call_id: 'x' }],
      [call('y'), { role: 'tool', tool_call_id: 'y' }],
    ],
    [
      'ids of tool_use',
      [toolUse('x'), toolResult('x', 'r')],
      [toolUse('y', {}, mark), toolResult('y', [{ type: 'text', text: 'r' }])],
    ],
    [
      'ids of server tools',
      [
        {
          content: [
            { type: 'server_tool_use', id: 'x' },
            { type: 'web_search_tool_result', tool_use_id: 'x' },
          ],
        },
      ],
      [
        {
          content: [
            { type: 'server_tool_use', id: 'y' },
            { type: 'web_search_tool_result', tool_use_id: 'y' },
          ],
        },
      ],
    ],
    [
      'ids of Responses',
      [
        { type: 'custom_tool_call', id: 'a', call_id: 'b' },
        { type: 'custom_tool_call_output', call_id: 'b', output: 'o' },
      ],
      [
        { type: 'custom_tool_call', id: 'c', call_id: 'd' },
        { type: 'custom_tool_call_output', call_id: 'd', output: [{ type: 'input_text', text: 'o' }] },
      ],
    ],
    [
      'ids of Bedrock',
      [{ content: [{ toolUse: { toolUseId: 'x' } }] }],
      [{ content: [{ toolUse: { toolUseId: 'y' } }] }],
    ],
    [
      'ids of Gemini',
      [{ parts: [{ functionCall: { id: 'x' } }] }],
      [{ parts: [{ functionCall: { id: 'y' } }] }],
    ],
    [
      'ids of the AI SDK',
      [{ content: [{ type: 'tool-call', toolCallId: 'x' }] }],
      [{ content: [{ type: 'tool-call', toolCallId: 'y' }] }],
    ],
  ])('%s', (_, one, other) => {
    expect(keyOf(one)).toBe(keyOf(other));
  });

  test('params with marks', () => {
    const marked = {
      system: [{ type: 'text', text: 's', ...mark }],
      tools: [
        { name: 'f', ...mark },
        { cachePoint: { type: 'default' } },
        { type: 'function', function: { name: 'g', ...mark } },
      ],
      toolConfig: { tools: [{ toolSpec: {} }, { cachePoint: { type: 'default' } }] },
      ...mark,
    };
    const plain = {
      system: 's',
      tools: [{ name: 'f' }, { type: 'function', function: { name: 'g' } }],
      toolConfig: { tools: [{ toolSpec: {} }] },
    };
    expect(keyOf(['m'], marked)).toBe(keyOf(['m'], plain));
  });
});

describe('another question', () => {
  test.each<[string, readonly unknown[], readonly unknown[]]>([
    ['another text', [{ content: 'a' }], [{ content: [{ type: 'text', text: 'b' }] }]],
    ['a text and a list of it', [{ content: 'a' }], [{ content: ['a'] }]],
    [
      'two parts and their text',
      [{ content: 'ab' }],
      [
        {
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    ],
    [
      'a part with something else in it',
      [{ content: 'a' }],
      [{ content: [{ type: 'text', text: 'a', x: 1 }] }],
    ],
    ['a part of another type', [{ content: 'a' }], [{ content: [{ type: 'code', text: 'a' }] }]],
    ['a mark that is a text', [{ content: 'a' }], [{ content: 'a', cache_control: 'no-store' }]],
    [
      'the result of another call',
      [call('x'), call('y'), { tool_call_id: 'x' }],
      [call('x'), call('y'), { tool_call_id: 'y' }],
    ],
    ['one id twice', [call('x'), call('x')], [call('x'), call('y')]],
    ['an id that is a number', [call(1)], [call('1')]],
    ['an id that is null', [call(null)], [call('x')]],
    ['no id', [call(undefined)], [call('x')]],
    ['another function', [call('x', 'f')], [call('x', 'g')]],
    ['an id in arguments', [call('x', 'f', '{"id":"x"}')], [call('x', 'f', '{"id":"y"}')]],
    [
      'an id in input',
      [toolUse('x', { id: 'a', tool_call_id: 'a' })],
      [toolUse('x', { id: 'b', tool_call_id: 'a' })],
    ],
    ['cache_control in input', [toolUse('x', { cache_control: {} })], [toolUse('x', {})]],
    ['an id in a result', [toolResult('x', { id: 'a' })], [toolResult('x', { id: 'b' })]],
    ['the id of a message', [{ id: 'a', content: 'c' }], [{ id: 'b', content: 'c' }]],
    [
      'the id of a thing that is no call',
      [{ type: 'phone_call', id: 'a' }],
      [{ type: 'phone_call', id: 'b' }],
    ],
    [
      'the id of a part',
      [{ content: [{ type: 'image', id: 'a' }] }],
      [{ content: [{ type: 'image', id: 'b' }] }],
    ],
    ['the order of calls', [call('x', 'f'), call('y', 'g')], [call('y', 'g'), call('x', 'f')]],
    ['a member named __proto__', [JSON.parse('{"content":"a","__proto__":1}')], [{ content: 'a' }]],
  ])('%s', (_, one, other) => {
    expect(keyOf(one)).not.toBe(keyOf(other));
  });

  test.each<[string, object, object]>([
    [
      'cache_control in a schema',
      { tools: [{ schema: { cache_control: {} } }] },
      { tools: [{ schema: {} }] },
    ],
    ['system', { system: 'a' }, { system: [{ type: 'text', text: 'b' }] }],
    ['an ignored name in a tool', { tools: [{ store: true }] }, { tools: [{ store: false }] }],
    ['a text part elsewhere', { x: 'a' }, { x: [{ type: 'text', text: 'a' }] }],
  ])('%s', (_, one, other) => {
    expect(keyOf(['m'], one)).not.toBe(keyOf(['m'], other));
  });
});

/** A conversation without what is made up: each result names its call by position. */
interface Turn {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly args: object }[];
  readonly results: readonly { readonly call: number; readonly text: string }[];
}
/** How it is written down: the ids, whether marks are set, whether texts are parts. */
interface Style {
  readonly ids: readonly string[];
  readonly marked: boolean;
  readonly inParts: boolean;
}
type Dialect = (turns: readonly Turn[], style: Style) => unknown[];

const styled = (text: string, type: string, { marked, inParts }: Style) =>
  inParts ? [{ type, text, ...(marked && mark) }] : text;
const idsOf = (turns: readonly Turn[], at: number, { ids }: Style) =>
  ids.slice(turns.slice(0, at).reduce((sum, turn) => sum + turn.calls.length, 0));

const DIALECTS: Readonly<Record<string, Dialect>> = {
  chat: (turns, style) =>
    turns.flatMap(({ text, calls, results }, at) => {
      const ids = idsOf(turns, at, style);
      return [
        { role: 'user', content: styled(text, 'text', style), ...(style.marked && mark) },
        {
          role: 'assistant',
          content: null,
          tool_calls: calls.map(({ name, args }, n) => ({
            id: ids[n],
            type: 'function',
            function: { name, arguments: JSON.stringify(args) },
          })),
        },
        ...results.map((result) => ({
          role: 'tool',
          tool_call_id: ids[result.call],
          content: styled(result.text, 'text', style),
        })),
      ];
    }),
  messages: (turns, style) =>
    turns.flatMap(({ text, calls, results }, at) => {
      const ids = idsOf(turns, at, style);
      return [
        { role: 'user', content: styled(text, 'text', style) },
        {
          role: 'assistant',
          content: calls.map(({ name, args }, n) => ({
            type: 'tool_use',
            id: ids[n],
            name,
            input: args,
            ...(style.marked && mark),
          })),
        },
        {
          role: 'user',
          content: results.map((result) => ({
            type: 'tool_result',
            tool_use_id: ids[result.call],
            content: styled(result.text, 'text', style),
          })),
        },
      ];
    }),
  responses: (turns, style) =>
    turns.flatMap(({ text, calls, results }, at) => {
      const ids = idsOf(turns, at, style);
      return [
        { role: 'user', content: styled(text, 'input_text', style) },
        ...calls.map(({ name, args }, n) => ({
          type: 'function_call',
          id: `fc_${ids[n]}`,
          call_id: ids[n],
          name,
          arguments: JSON.stringify(args),
        })),
        ...results.map((result) => ({
          type: 'function_call_output',
          call_id: ids[result.call],
          output: styled(result.text, 'input_text', style),
        })),
      ];
    }),
};

const few = fc.constantFrom('a', 'b', '1', 'call_1');
/** In one order, because arguments are text in some dialects. */
const args = fc
  .array(fc.tuple(fc.constantFrom('id', 'x', 'tool_use_id'), few), { maxLength: 2 })
  .map((members) => Object.fromEntries(members.toSorted()));
const turn: fc.Arbitrary<Turn> = fc
  .record({
    text: few,
    calls: fc.array(fc.record({ name: few, args }, { noNullPrototype: true }), {
      minLength: 1,
      maxLength: 2,
    }),
    results: fc.array(fc.record({ call: fc.nat(1), text: few }, { noNullPrototype: true }), { maxLength: 2 }),
  })
  .map(({ calls, results, ...rest }) => ({
    ...rest,
    calls,
    results: results.map(({ call: at, text }) => ({ call: at % calls.length, text })),
  }));
const style: fc.Arbitrary<Style> = fc.record({
  ids: fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 8, maxLength: 8 }),
  marked: fc.boolean(),
  inParts: fc.boolean(),
});
const turns = fc.array(turn, { minLength: 1, maxLength: 3 });

describe.each(Object.entries(DIALECTS))('%s', (_, write) => {
  test('two conversations have the same key exactly if they are the same but for what was made up', () => {
    const pair = turns.chain((one) =>
      fc.tuple(
        fc.constant(one),
        fc.oneof(
          fc.constant(one),
          turns,
          fc.tuple(fc.nat(one.length - 1), turn).map(([at, other]) => one.with(at, other)),
        ),
      ),
    );
    fc.assert(
      fc.property(pair, style, style, ([one, other], first, second) => {
        expect(keyOf(write(one, first)) === keyOf(write(other, second))).toBe(isDeepStrictEqual(one, other));
      }),
      { numRuns: 300 },
    );
  });
});
