import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import file from '../../vectors/responses.json' with { type: 'json' };

interface Vector {
  readonly provider: string;
  readonly name: string;
  readonly body: unknown;
  /** Why it is not stored; null if it is. */
  readonly reason: string | null;
  /** As the caller gives it. */
  readonly finish_reason?: string;
  /** What a hit saves. */
  readonly tokens?: number;
}

const vectors: readonly Vector[] = file.vectors;

describe('what is stored of the bodies that providers answer', () => {
  test.each([...Map.groupBy(vectors, ({ provider }) => provider)])('%s', async (_, bodies) => {
    const tenant = await openTenant();
    for (const { name, body, reason, finish_reason, tokens } of bodies) {
      const question = { model: 'model-x', prompt: name };
      const set = await tenant.ok('cache_set', { ...question, response: body, finish_reason });
      const get = await tenant.ok('cache_get', question);
      const expected = reason === null ? { status: 'stored' } : { status: 'rejected', reason, bytes: 0 };
      expect(set, name).toMatchObject(expected);
      expect(get.status, name).toBe(reason === null ? 'hit' : 'miss');
      expect(get.saved?.tokens, name).toBe(tokens);
      tenant.advance(1000);
    }
  });
});

test('why an answer was not stored is in the records, and finds the call', async () => {
  const tenant = await openTenant();
  const truncated = { model: 'model-x', prompt: 'p', response: 'a', finish_reason: 'length' };
  expect(await tenant.ok('cache_set', truncated)).toMatchObject({ status: 'rejected', reason: 'truncated' });
  await tenant.ok('cache_set', { ...truncated, finish_reason: 'stop' });
  const [stored, rejected] = await tenant.records({ tool: 'cache_set' });
  expect([stored?.status, stored?.code]).toEqual(['stored', undefined]);
  expect(rejected).toMatchObject({ outcome: 'answer', status: 'rejected', code: 'truncated' });
  expect(await tenant.records({ code: 'truncated' })).toHaveLength(1);
});

describe('usage', () => {
  test.each<[object, number | undefined]>([
    [{ prompt_tokens: 5, completion_tokens: 7, total_tokens: 12, prompt_tokens_details: {} }, 12],
    [{ input_tokens: 5, output_tokens: 7, input_tokens_details: { cached_tokens: 4 } }, 12],
    [
      { input_tokens: 5, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 7 },
      132,
    ],
    [{ input_tokens: null, cache_read_input_tokens: null, output_tokens: 7 }, 7],
    [{ promptTokenCount: 5, candidatesTokenCount: 7, thoughtsTokenCount: 1, totalTokenCount: 13 }, 13],
    [{ inputTokens: 5, outputTokens: 7, cacheReadInputTokens: 1, totalTokens: 13 }, 13],
    [{ inputTokens: { total: 5, cacheRead: 2 }, outputTokens: { total: 7 } }, 12],
    [{ tokens: { input_tokens: 5, output_tokens: 7 }, billed_units: { input_tokens: 1 } }, 12],
    [{ billed_units: { input_tokens: 5, output_tokens: 7 } }, 12],
    [{ prompt_eval_count: 5, eval_count: 7 }, 12],
    [{ total_tokens: 12 }, 12],
    [{ prompt_tokens: -1, completion_tokens: 7 }, undefined],
    [{ prompt_tokens: 1.5 }, undefined],
    [{ prompt_tokens: 'many' }, undefined],
    [{ prompt_tokens: 10_000_001 }, undefined],
    [{ pages: 3 }, undefined],
    [{}, undefined],
  ])('%j saves %s tokens', async (usage, tokens) => {
    const tenant = await openTenant();
    const question = { model: 'model-x', prompt: 'p' };
    await tenant.ok('cache_set', { ...question, response: 'a', usage });
    expect((await tenant.ok('cache_get', question)).saved?.tokens).toBe(tokens);
    await tenant.ok('cache_set', { ...question, response: { text: 'a', usage } });
    expect((await tenant.ok('cache_get', question)).saved?.tokens).toBe(tokens);
  });

  test('as given comes before that of the body', async () => {
    const tenant = await openTenant();
    const question = { model: 'model-x', prompt: 'p' };
    const response = { text: 'a', usage: { prompt_tokens: 1 } };
    await tenant.ok('cache_set', { ...question, response, usage: { prompt_tokens: 2, cost_usd: 0.5 } });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ saved: { tokens: 2, usd: 0.5 } });
    await tenant.ok('cache_set', { ...question, response, usage: { cost_usd: 0.5 } });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ saved: { tokens: 1, usd: 0.5 } });
  });
});
