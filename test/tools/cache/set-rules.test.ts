import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';

const messages = [
  { role: 'system', content: 'You are terse.' },
  { role: 'user', content: 'Why is the sky blue?' },
];
const question = { model: 'model-x', messages };

describe('replacing', () => {
  test('a second answer replaces the first with its tags, usage and times', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', {
      ...question,
      response: 'one',
      tags: ['a'],
      ttl_s: 60,
      usage: { input_tokens: 1 },
    });
    tenant.advance(10_000);
    const second = { ...question, response: 'two', tags: ['b', 'b'], ttl_s: 20, finish_reason: 'stop' };
    expect(await tenant.ok('cache_set', second)).toMatchObject({ status: 'replaced', expires_in_s: 20 });
    const hit = await tenant.ok('cache_get', question);
    expect(hit).toMatchObject({ response: 'two', age_s: 0, expires_in_s: 20, finish_reason: 'stop' });
    expect(hit).not.toHaveProperty('saved');
    expect(await tenant.ok('cache_invalidate', { tag: 'a' })).toMatchObject({ invalidated: 0 });
    expect(await tenant.ok('cache_stats')).toMatchObject({ entries: 1 });
    expect(await tenant.ok('cache_invalidate', { tag: 'b' })).toMatchObject({ invalidated: 1 });
  });

  test('storing over an answer that is no longer served returns stored and not replaced', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 1, ttl_s: 1 });
    tenant.advance(1000);
    expect(await tenant.ok('cache_set', { ...question, response: 2 })).toMatchObject({ status: 'stored' });
    await tenant.ok('cache_invalidate', { all: true });
    expect(await tenant.ok('cache_set', { ...question, response: 3 })).toMatchObject({ status: 'stored' });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ response: 3 });
  });

  test('another principal of the tenant finds it', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'shared' });
    const other = await tenant.otherPrincipal();
    expect(await other.ok('cache_get', question)).toMatchObject({ status: 'hit', response: 'shared' });
  });
});

describe('errors', () => {
  test('are served as negative for at most 300 s', async () => {
    const tenant = await openTenant();
    const error = { code: 429, message: 'overloaded' };
    expect(await tenant.ok('cache_set', { ...question, error })).toMatchObject({
      status: 'stored',
      expires_in_s: 300,
    });
    tenant.advance(299_999);
    const negative = await tenant.ok('cache_get', question);
    expect(negative).toMatchObject({ status: 'negative', failure: error, expires_in_s: 1 });
    expect(negative).not.toHaveProperty('response');
    tenant.advance(1);
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'miss' });
  });

  test('can have a shorter ttl_s, and are replaced by a response', async () => {
    const tenant = await openTenant();
    expect(await tenant.ok('cache_set', { ...question, error: 'down', ttl_s: 5 })).toMatchObject({
      expires_in_s: 5,
    });
    expect(await tenant.ok('cache_set', { ...question, response: 'up' })).toMatchObject({
      status: 'replaced',
    });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'hit', response: 'up' });
  });

  test('do not replace a response that can still be served', async () => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'good', ttl_s: 10, stale_s: 10 });
    tenant.advance(10_000);
    const failed = { ...question, error: 'down' };
    expect(await tenant.ok('cache_set', failed)).toMatchObject({ status: 'rejected', reason: 'answered' });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'stale', response: 'good' });
    tenant.advance(10_000);
    expect(await tenant.ok('cache_set', failed)).toMatchObject({ status: 'stored' });
  });
});

describe('answers that are not stored', () => {
  test.each<[string, object]>([
    ['truncated', { response: 'half', finish_reason: 'length' }],
    ['truncated', { response: 'half', finish_reason: 'max_tokens' }],
    ['truncated', { response: 'half', finish_reason: 'MAX_TOKENS' }],
    ['truncated', { response: 'half', finish_reason: 'incomplete' }],
    ['refused', { response: 'I cannot', finish_reason: 'refusal' }],
    ['filtered', { response: 'x', finish_reason: 'content_filter' }],
    ['filtered', { response: 'x', finish_reason: 'SAFETY' }],
    ['empty', { response: '' }],
    ['empty', { response: ' \n' }],
    ['empty', { response: null }],
    ['empty', { response: [] }],
    ['empty', { response: {}, finish_reason: 'stop' }],
    ['empty', { error: '' }],
  ])('%s: %j', async (reason, answer) => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'before' });
    const rejected = await tenant.ok('cache_set', { ...question, ...answer });
    expect(rejected).toMatchObject({ status: 'rejected', reason, bytes: 0, expires_in_s: 0, evicted: 0 });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'hit', response: 'before' });
    expect(await tenant.ok('cache_stats')).toMatchObject({ rejected: 1 });
  });

  test.each([0, false, 'no', [null], { a: null }])('%j is an answer', async (response) => {
    const tenant = await openTenant();
    expect(
      await tenant.ok('cache_set', { ...question, response, finish_reason: 'tool_calls' }),
    ).toMatchObject({
      status: 'stored',
    });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ response, finish_reason: 'tool_calls' });
  });
});

describe('large answers', () => {
  const MIB = 1024 * 1024;

  test.each([
    ['just one row', MIB - 2, 'x'],
    ['just two', MIB - 1, 'x'],
    ['as large as may be', 3 * MIB - 2, 'x'],
  ])('%s', async (_, chars, letter) => {
    const tenant = await openTenant();
    const response = letter.repeat(chars);
    expect(await tenant.ok('cache_set', { ...question, response })).toMatchObject({
      status: 'stored',
      bytes: chars + 2,
    });
    expect((await tenant.ok('cache_get', question)).response === response).toBe(true);
    expect(await tenant.ok('cache_set', { ...question, response: 'small' })).toMatchObject({
      status: 'replaced',
    });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ response: 'small' });
  });

  test('characters of four bytes are not split', async () => {
    const tenant = await openTenant();
    const response = `x${'😀é中'.repeat(200_000)}`;
    await tenant.ok('cache_set', { ...question, response });
    expect((await tenant.ok('cache_get', question)).response === response).toBe(true);
  });

  test.each([
    ['in bytes', 'x'.repeat(3 * MIB - 1)],
    ['in characters of several bytes', '中'.repeat(MIB)],
  ])('one byte more is too much, counted %s', async (_, response) => {
    const tenant = await openTenant();
    await tenant.ok('cache_set', { ...question, response: 'before' });
    expect(await tenant.error('cache_set', { ...question, response })).toMatchObject({
      code: 'too_large',
      field: 'response',
      limit: 3 * MIB,
    });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ response: 'before' });
  });
});
