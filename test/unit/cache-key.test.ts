import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalQuestion,
  IGNORED_PARAMS,
  KEY_PATTERN,
  MAX_QUESTION_CHARS,
  type Question,
  questionKey,
} from '../../src/tools/cache/key.ts';
import { ToolError } from '../../src/tools/errors.ts';
import file from '../vectors/cache-key-v2.json' with { type: 'json' };

interface VectorQuestion extends Omit<Question, 'input'> {
  readonly prompt?: string;
  readonly messages?: unknown[];
}

const toQuestion = ({ prompt, messages, ...rest }: VectorQuestion): Question => ({
  ...rest,
  input: messages === undefined ? { prompt: prompt ?? '' } : { messages },
});
const base: Question = { namespace: 'default', model: 'm', input: { prompt: 'p' } };
const keyWith = (change: Partial<Question>) => questionKey({ ...base, ...change });

describe('the published vectors of key v2', () => {
  const vectors: { name: string; question: VectorQuestion; canonical: string; key: string }[] = file.vectors;

  test.each(vectors)('$name', ({ question, canonical, key }) => {
    expect(canonicalQuestion(toQuestion(question))).toBe(canonical);
    expect(questionKey(toQuestion(question))).toBe(key);
    expect(createHash('sha256').update(canonical, 'utf8').digest('hex')).toBe(key);
  });

  test('name every ignored parameter', () => {
    expect(file.ignored_params.toSorted()).toEqual([...IGNORED_PARAMS].sort());
  });
});

describe('what is part of the key', () => {
  test.each<[string, Partial<Question>, Partial<Question>]>([
    ['the namespace', { namespace: 'a' }, { namespace: 'b' }],
    ['the model', { model: 'm' }, { model: 'M' }],
    ['a provider', {}, { provider: 'x' }],
    ['a variant', {}, { variant: '1' }],
    ['white space', { input: { prompt: 'p' } }, { input: { prompt: 'p ' } }],
    ['the Unicode form', { input: { prompt: 'é' } }, { input: { prompt: 'e\u0301' } }],
    ['prompt or messages', { input: { prompt: 'p' } }, { input: { messages: ['p'] } }],
    ['the order of messages', { input: { messages: ['a', 'b'] } }, { input: { messages: ['b', 'a'] } }],
    ['a default that is spelt out', {}, { params: { temperature: 1 } }],
    ['null against absent', {}, { params: { seed: null } }],
    ['null against zero', { params: { seed: null } }, { params: { seed: 0 } }],
    ['a number against its text', { params: { seed: 1 } }, { params: { seed: '1' } }],
    [
      'an ignored name in a message',
      { input: { messages: [{ user: 'a' }] } },
      { input: { messages: [{ user: 'b' }] } },
    ],
    ['the case of an ignored name', {}, { params: { Stream: true } }],
    ['a parameter named __proto__', {}, { params: JSON.parse('{"__proto__":1}') }],
  ])('%s', (_, one, other) => {
    expect(keyWith(one)).not.toBe(keyWith(other));
  });

  test.each([...IGNORED_PARAMS])('%s is not', (name) => {
    expect(keyWith({ params: { temperature: 0, [name]: 'anything' } })).toBe(
      keyWith({ params: { temperature: 0 } }),
    );
  });
});

describe('numbers that JavaScript cannot represent exactly are refused', () => {
  const MAX = Number.MAX_SAFE_INTEGER;
  test.each([MAX + 1, -MAX - 1, 1e300, Number.POSITIVE_INFINITY, Number.NaN])('%s', (number) => {
    for (const change of [
      { input: { messages: [{ content: [{ deep: number }] }] } },
      { params: { logit_bias: { a: [number] } } },
    ]) {
      expect(() => keyWith(change)).toThrow(
        expect.objectContaining({
          code: 'invalid_input',
          detail: expect.objectContaining({
            field: 'input' in change ? 'messages' : 'params',
            expected: 'string',
          }),
        }),
      );
    }
  });

  test.each([MAX, -MAX, 0.1, 5e-324])('%s is accepted', (number) => {
    expect(keyWith({ params: { number } })).toMatch(KEY_PATTERN);
  });
});

test('a question is limited to MAX_QUESTION_CHARS', () => {
  const frame = canonicalQuestion({ ...base, input: { prompt: '' } }).length;
  const prompt = 'x'.repeat(MAX_QUESTION_CHARS - frame);
  expect(canonicalQuestion({ ...base, input: { prompt } })).toHaveLength(MAX_QUESTION_CHARS);
  expect(() => canonicalQuestion({ ...base, input: { prompt: `${prompt}x` } })).toThrow(ToolError);
});

const json = fc.jsonValue({ depthSize: 'small', stringUnit: 'binary' }).filter((value) => {
  const walk = (at: unknown): boolean =>
    typeof at === 'number'
      ? Math.abs(at) <= Number.MAX_SAFE_INTEGER
      : typeof at !== 'object' || at === null || Object.values(at).every(walk);
  return walk(value);
});
/** Removes the null prototypes that fast-check generates, and undefined members, as JSON does. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const FIELDS = ['namespace', 'model', 'provider', 'variant', 'input', 'params'] as const;
const params = fc.dictionary(fc.string(), json);
const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, child]) => [name, reversed(child)]),
  );
};

describe('properties', () => {
  test('the order of object members never changes the key', () => {
    fc.assert(
      fc.property(params, fc.array(json), (given, messages) => {
        expect(keyWith({ params: reversed(given), input: { messages: messages.map(reversed) } })).toBe(
          keyWith({ params: given, input: { messages } }),
        );
      }),
    );
  });

  test('the canonical text is JSON with the same value, and is its own canonical form', () => {
    fc.assert(
      fc.property(params, fc.array(json), fc.string(), (given, messages, model) => {
        const text = canonicalQuestion({ ...base, model, params: given, input: { messages } });
        const counting = Object.entries(given).filter(([name]) => !IGNORED_PARAMS.has(name));
        // One pass through JSON, so that -0 becomes 0 on both sides.
        expect(JSON.parse(text)).toEqual(
          JSON.parse(
            JSON.stringify({
              v: 2,
              ns: 'default',
              provider: null,
              model,
              input: { messages },
              params: Object.fromEntries(counting),
              variant: null,
            }),
          ),
        );
        expect(Object.keys(JSON.parse(text)).join()).toBe('input,model,ns,params,provider,v,variant');
      }),
    );
  });

  test('two questions have the same key exactly if they are equal', () => {
    // Few values, so that equal questions and near misses come up often.
    const few = fc.constantFrom('', 'a', 'b', 'a ', 'null');
    const optional = fc.option(few, { nil: undefined });
    const question = fc.record({
      namespace: few,
      model: few,
      provider: optional,
      variant: optional,
      input: fc.oneof(fc.record({ prompt: few }), fc.record({ messages: fc.array(few, { maxLength: 2 }) })),
      params: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom(null, 0, 1, 'a'), { maxKeys: 2 }),
    });
    const near = question.chain((a) =>
      fc
        .tuple(fc.constant(a), fc.record({ field: fc.constantFrom(...FIELDS), other: question }))
        .map(([one, { field, other }]): [Question, Question] => [one, { ...one, [field]: other[field] }]),
    );
    fc.assert(
      fc.property(near, ([a, b]) => {
        expect(questionKey(a) === questionKey(b)).toBe(isDeepStrictEqual(plain(a), plain(b)));
      }),
      { numRuns: 500 },
    );
  });
});
