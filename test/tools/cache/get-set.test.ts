import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';

const messages = [
  { role: 'system', content: 'You are terse.' },
  { role: 'user', content: 'Why is the sky blue?' },
];
const question = { model: 'model-x', messages };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('calls in the form of the original toolkit', () => {
  test.each([
    ['prompt', { model: 'model-x', prompt: 'Why is the sky blue?' }],
    ['messages', question],
  ])('set and get by %s', async (_, lookup) => {
    const tenant = await openTenant();
    const miss = await tenant.ok('cache_get', lookup);
    expect(miss).toEqual({ status: 'miss', key: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await tenant.ok('cache_set', { ...lookup, response: 'Rayleigh scattering.' })).toEqual({
      status: 'stored',
      key: miss.key,
      bytes: 22,
      expires_in_s: 86_400,
      evicted: 0,
    });
    expect(await tenant.ok('cache_get', lookup)).toEqual({
      status: 'hit',
      key: miss.key,
      response: 'Rayleigh scattering.',
      age_s: 0,
      expires_in_s: 86_400,
    });
  });
});

describe('the question', () => {
  test('every part of the question is part of its key, except ignored parameters', async () => {
    const tenant = await openTenant();
    const full = { ...question, provider: 'p', params: { temperature: 0 }, namespace: 'n', variant: 'v' };
    await tenant.ok('cache_set', { ...full, response: 'yes' });
    const status = async (change: object) => (await tenant.ok('cache_get', { ...full, ...change })).status;
    expect(await status({ params: { temperature: 0, stream: true, user: 'u', timeout: 3 } })).toBe('hit');
    for (const change of [
      { model: 'model-y' },
      { messages: messages.slice(1) },
      { provider: undefined },
      { params: { temperature: 0, top_p: 1 } },
      { params: undefined },
      { namespace: undefined },
      { variant: undefined },
    ])
      expect(await status(change), JSON.stringify(change)).toBe('miss');
  });

  test('content is neither trimmed nor normalised, and neither is the model', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { model: 'é', prompt: 'é', response: 1 });
    expect(await tenant.ok('cache_get', { model: 'é', prompt: 'é' })).toMatchObject({ status: 'hit' });
    for (const lookup of [
      { model: 'é', prompt: 'e\u0301' },
      { model: 'e\u0301', prompt: 'é' },
      { model: 'é', prompt: 'é ' },
    ])
      expect(await tenant.ok('cache_get', lookup)).toMatchObject({ status: 'miss' });
  });

  test.each<[object, string]>([
    [{ model: 'm' }, 'messages'],
    [{ model: 'm', prompt: 'p', messages: ['p'] }, 'prompt'],
    [{ model: 'm', prompt: 'p', key: '0'.repeat(64) }, 'key'],
    [{ prompt: 'p' }, 'model'],
    [{ model: '', prompt: 'p' }, 'model'],
    [{ model: 'm', prompt: '' }, 'prompt'],
    [{ model: 'm', messages: [] }, 'messages'],
    [{ model: 'm', messages: Array.from({ length: 2001 }, () => 'x') }, 'messages'],
    [{ model: 'm', prompt: 'p', params: [1] }, 'params'],
    [{ model: 'm', prompt: 'p', params: 'temperature=1' }, 'params'],
    [{ model: 'm', prompt: 'p', params: { seed: 2 ** 53 } }, 'params'],
    [{ model: 'm', messages: [{ content: -(2 ** 53) }] }, 'messages'],
    [{ model: 'm', prompt: 'p', max_age_s: 0 }, 'max_age_s'],
    [{ key: 'A'.repeat(64) }, 'key'],
    [{ key: '0'.repeat(63) }, 'key'],
    [{ key: '0'.repeat(64), provider: 'p' }, 'provider'],
    [{ key: '0'.repeat(64), params: {} }, 'params'],
    [{ key: '0'.repeat(64), similar: true }, 'similar'],
  ])('cache_get refuses %j', async (args, field) => {
    const tenant = await openTenant();
    expect(await tenant.error('cache_get', args)).toMatchObject({ code: 'invalid_input', field });
  });

  test.each<[object, string]>([
    [{ ...question }, 'response'],
    [{ ...question, response: 1, error: 'e' }, 'error'],
    [{ ...question, error: 'e', stale_s: 1 }, 'stale_s'],
    [{ ...question, response: 1, ttl_s: 0 }, 'ttl_s'],
    [{ ...question, response: 1, usage: 7 }, 'usage'],
    [{ ...question, response: 1, usage: { input_tokens: 1.5 } }, 'usage.input_tokens'],
    [{ ...question, response: 1, usage: { cost_usd: -1 } }, 'usage.cost_usd'],
    [{ ...question, response: 1, tags: Array.from({ length: 17 }, (_, n) => `t${n}`) }, 'tags'],
  ])('cache_set refuses %j', async (args, field) => {
    const tenant = await openTenant();
    expect(await tenant.error('cache_set', args)).toMatchObject({ code: 'invalid_input', field });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'miss' });
  });
});

test('a usage of the wrong form is refused with the form that it must have', async () => {
  const tenant = await openTenant();
  const refusal = (usage: unknown) => tenant.error('cache_set', { ...question, response: 1, usage });
  expect(await refusal(7)).toMatchObject({ field: 'usage', expected: 'object' });
  const tokens = await refusal({ input_tokens: '5' });
  expect(tokens).toMatchObject({
    field: 'usage.input_tokens',
    expected: 'integer',
    min: 0,
    received: 'string',
  });
  expect(tokens.message).toMatch(/must be an integer from 0 to /);
  expect(await refusal({ cost_usd: 'much' })).toMatchObject({ field: 'usage.cost_usd', expected: 'number' });
});

test('everything that a call needs is named at once', async () => {
  const tenant = await openTenant();
  expect(await tenant.error('cache_get', {})).toMatchObject({ missing: ['messages', 'model'] });
  expect(await tenant.error('cache_get', { model: 'm' })).toMatchObject({ missing: ['messages'] });
  expect(await tenant.error('blackboard_write', {})).toMatchObject({ missing: ['key', 'value'] });
  expect(await tenant.error('blackboard_write', { value: 1 })).toMatchObject({ missing: ['key'] });
});

describe('the key of a miss', () => {
  test('stores and finds the answer without the messages', async () => {
    const tenant = await openTenant();
    const lookup = { ...question, namespace: 'n', params: { seed: 1 } };
    const { key } = await tenant.ok('cache_get', lookup);
    expect(await tenant.ok('cache_set', { key, response: { text: 'yes' } })).toMatchObject({
      status: 'stored',
      key,
    });
    expect(await tenant.ok('cache_get', lookup)).toMatchObject({
      status: 'hit',
      key,
      response: { text: 'yes' },
    });
    expect(await tenant.ok('cache_get', { key })).toMatchObject({ status: 'hit', response: { text: 'yes' } });
    expect(await tenant.ok('cache_get', { key, model: 'model-x', namespace: 'n' })).toMatchObject({
      status: 'hit',
    });
    // Model and namespace came from the miss: the entry is invalidated and counted under them.
    expect(await tenant.ok('cache_stats', { namespace: 'n' })).toMatchObject({
      hits: 3,
      misses: 1,
      entries: 1,
    });
    expect(await tenant.ok('cache_invalidate', { model: 'model-x', namespace: 'n' })).toMatchObject({
      invalidated: 1,
    });
  });

  test('is refused with another model or namespace than it was made with', async () => {
    const tenant = await openTenant();
    const { key } = await tenant.ok('cache_get', question);
    const wrong = { key, model: 'model-y' };
    expect(await tenant.error('cache_set', { ...wrong, response: 1 })).toMatchObject({ field: 'model' });
    await tenant.ok('cache_set', { key, response: 1 });
    expect(await tenant.error('cache_get', wrong)).toMatchObject({ code: 'invalid_input', field: 'model' });
    expect(await tenant.error('cache_get', { key, namespace: 'n' })).toMatchObject({ field: 'namespace' });
    expect(await tenant.error('cache_set', { ...wrong, response: 2 })).toMatchObject({ field: 'model' });
    expect(await tenant.ok('cache_get', { key })).toMatchObject({ response: 1 });
  });

  test('needs a model if no miss returned it', async () => {
    const tenant = await openTenant();
    const key = 'ab'.repeat(32);
    expect(await tenant.error('cache_set', { key, response: 1 })).toMatchObject({
      code: 'unknown_handle',
      field: 'key',
    });
    expect(await tenant.ok('cache_get', { key })).toEqual({ status: 'miss', key });
    await tenant.ok('cache_set', { key, model: 'model-x', namespace: 'n', response: 1 });
    expect(await tenant.ok('cache_get', { key })).toMatchObject({ status: 'hit' });
    // After the first set the key alone is enough: namespace and model come from the stored entry.
    expect(await tenant.ok('cache_set', { key, response: 2 })).toMatchObject({ status: 'replaced' });
    expect(await tenant.ok('cache_invalidate', { namespace: 'n', all: true })).toMatchObject({
      invalidated: 1,
    });
  });
});

describe('time', () => {
  test('an answer is a hit until the last millisecond of ttl_s', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'a', ttl_s: 60 });
    tenant.advance(59_999);
    expect(await tenant.ok('cache_get', question)).toMatchObject({
      status: 'hit',
      age_s: 59,
      expires_in_s: 1,
    });
    tenant.advance(1);
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'miss' });
  });

  test('the default ttl_s is one day', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'a' });
    tenant.advance(DAY_MS - 1);
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'hit' });
    tenant.advance(1);
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'miss' });
  });

  test('an expired answer is stale for stale_s and counts no savings', async () => {
    const tenant = await openTenant();
    const usage = { input_tokens: 5 };
    await tenant.ok('cache_set', { ...question, response: 'a', ttl_s: 60, stale_s: 30, usage });
    tenant.advance(60_000);
    const stale = await tenant.ok('cache_get', question);
    expect(stale).toMatchObject({ status: 'stale', response: 'a', age_s: 60, expires_in_s: 0 });
    expect(stale).not.toHaveProperty('saved');
    tenant.advance(29_999);
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'stale' });
    tenant.advance(1);
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'miss' });
  });

  test('max_age_s makes older answers a miss for this caller only', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'a' });
    tenant.advance(10_000);
    expect(await tenant.ok('cache_get', { ...question, max_age_s: 10 })).toMatchObject({ status: 'hit' });
    tenant.advance(1);
    expect(await tenant.ok('cache_get', { ...question, max_age_s: 10 })).toMatchObject({ status: 'miss' });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'hit' });
  });

  test('the age is not negative after the clock stepped back', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'a', ttl_s: 60 });
    tenant.advance(-5000);
    expect(await tenant.ok('cache_get', question)).toMatchObject({
      status: 'hit',
      age_s: 0,
      expires_in_s: 65,
    });
  });
});

test('saved tokens and dollars equal the stored usage', async () => {
  const tenant = await openTenant();
  const usage = { input_tokens: 1000, output_tokens: 200, cost_usd: 0.0123456 };
  await tenant.ok('cache_set', { ...question, response: 'a', usage });
  expect(await tenant.ok('cache_get', question)).toMatchObject({ saved: { tokens: 1200, usd: 0.012346 } });
  await tenant.ok('cache_set', { ...question, response: 'a', usage: { cost_usd: 1 } });
  expect(await tenant.ok('cache_get', question)).toMatchObject({ saved: { tokens: 0, usd: 1 } });
  await tenant.ok('cache_set', { ...question, response: 'a', usage: {} });
  expect(await tenant.ok('cache_get', question)).not.toHaveProperty('saved');
});

test('object members named like JavaScript properties are stored as any other', async () => {
  const tenant = await openTenant();
  const response = JSON.parse('{"__proto__":{"a":1},"constructor":2,"toJSON":"x"}');
  await tenant.ok('cache_set', { ...question, response });
  const hit = await tenant.ok('cache_get', question);
  expect(JSON.stringify(hit.response)).toBe('{"__proto__":{"a":1},"constructor":2,"toJSON":"x"}');
});

describe('max_bytes', () => {
  const response = { text: 'é'.repeat(50_000) };

  test('without it an answer is whole, however large it is', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response });
    const hit = await tenant.ok('cache_get', question);
    expect(hit).toMatchObject({ status: 'hit', response });
    expect(hit).not.toHaveProperty('truncated');
  });

  test('cuts a larger answer between characters, and says how large it is', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response });
    const cut = { status: 'hit', response: '{"text":"éé', truncated: true, bytes: 100_011 };
    expect(await tenant.ok('cache_get', { ...question, max_bytes: 14 })).toMatchObject(cut);
    expect(await tenant.ok('cache_get', { ...question, max_bytes: 100_011 })).toMatchObject({ response });
  });

  test('cuts stored errors too', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, error: 'overloaded' });
    const cut = { status: 'negative', failure: '"over', truncated: true, bytes: 12 };
    expect(await tenant.ok('cache_get', { ...question, max_bytes: 5 })).toMatchObject(cut);
  });

  test.each([0, 3 * 1024 * 1024 + 1])('%s is out of its range', async (max_bytes) => {
    const tenant = await openTenant();
    expect(await tenant.error('cache_get', { ...question, max_bytes })).toMatchObject({ field: 'max_bytes' });
  });
});
