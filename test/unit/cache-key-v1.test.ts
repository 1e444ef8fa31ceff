import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Question } from '../../src/tools/cache/key.ts';
import {
  canonicalQuestionOfV1,
  IGNORED_PARAMS_OF_V1,
  questionKeyOfV1,
} from '../../src/tools/cache/key-v1.ts';
import file from '../vectors/cache-key-v1.json' with { type: 'json' };

type VectorQuestion = Omit<Question, 'input'> & { readonly prompt?: string; readonly messages?: unknown[] };

describe('the published vectors of key v1', () => {
  const vectors: { name: string; question: VectorQuestion; canonical: string; key: string }[] = file.vectors;

  test.each(vectors)('$name', ({ question: { prompt, messages, ...rest }, canonical, key }) => {
    const question = { ...rest, input: messages === undefined ? { prompt: prompt ?? '' } : { messages } };
    expect(canonicalQuestionOfV1(question)).toBe(canonical);
    expect(questionKeyOfV1(question)).toBe(key);
    expect(createHash('sha256').update(canonical, 'utf8').digest('hex')).toBe(key);
  });

  test('name every ignored parameter', () => {
    expect(file.ignored_params.toSorted()).toEqual([...IGNORED_PARAMS_OF_V1].sort());
  });
});

test('a question that was too large for version 1 has no key of version 1', () => {
  const question = { namespace: 'n', model: 'm', input: { prompt: 'x'.repeat(4 * 1024 * 1024) } };
  expect(questionKeyOfV1(question)).toBeUndefined();
});
