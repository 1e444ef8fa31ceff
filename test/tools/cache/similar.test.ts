import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../../support/tenant.ts';

const near = (prompt: string, more: object = {}) => ({ model: 'model-x', prompt, similar: true, ...more });

async function candidates(tenant: TestTenant, question: object): Promise<Answer[]> {
  const answer = await tenant.ok('cache_get', question);
  expect(answer.status).toBe('miss');
  expect(answer).not.toHaveProperty('response');
  return answer.candidates;
}

test('a similar question is a candidate with the fields needed to judge it, never a hit', async () => {
  const tenant = await openTenant();
  const stored = { model: 'model-y', prompt: 'What is the capital of\n  France?' };
  const { key } = await tenant.ok('cache_set', { ...stored, response: 'Paris' });
  tenant.advance(5000);
  expect(await candidates(tenant, near('Tell me the capital city of France'))).toEqual([
    { key, preview: 'What is the capital of France?', model: 'model-y', age_s: 5, score: 0.44 },
  ]);
  expect(await tenant.ok('cache_get', { key })).toMatchObject({ status: 'hit', response: 'Paris' });
  expect(await tenant.ok('cache_stats')).toMatchObject({ hits: 1, misses: 1 });
});

test('candidates are returned only with similar, and only on a miss', async () => {
  const tenant = await openTenant();
  await tenant.ok('cache_set', { model: 'model-x', prompt: 'capital of France', response: 1 });
  expect(await tenant.ok('cache_get', { model: 'model-x', prompt: 'capital of Spain' })).not.toHaveProperty(
    'candidates',
  );
  expect(await tenant.ok('cache_get', near('capital of France'))).not.toHaveProperty('candidates');
});

test('at most three candidates, the most similar first', async () => {
  const tenant = await openTenant();
  for (const last of ['alpha', 'beta gamma', 'delta epsilon zeta', 'eta theta iota kappa'])
    await tenant.ok('cache_set', {
      model: 'model-x',
      prompt: `rotate the signing keys of ${last}`,
      response: 1,
    });
  const found = await candidates(tenant, near('rotate the signing keys of omega'));
  expect(found.map((candidate) => candidate.preview.split(' ')[5])).toEqual(['alpha', 'beta', 'delta']);
  expect(found.map((candidate) => candidate.score)).toEqual([0.71, 0.63, 0.56]);
});

describe('not offered:', () => {
  test.each<[string, (tenant: TestTenant) => Promise<unknown>]>([
    ['another namespace', (t) => t.ok('cache_set', { ...stored, namespace: 'n', response: 1 })],
    ['an error', (t) => t.ok('cache_set', { ...stored, error: 1 })],
    [
      'an expired answer',
      async (t) => {
        await t.ok('cache_set', { ...stored, response: 1, ttl_s: 1, stale_s: 60 });
        t.advance(1000);
      },
    ],
    [
      'an invalidated answer',
      async (t) => {
        await t.ok('cache_set', { ...stored, response: 1, tags: ['t'] });
        await t.ok('cache_invalidate', { tag: 't' });
      },
    ],
    [
      'an answer invalidated by its key',
      async (t) => {
        const { key } = await t.ok('cache_set', { ...stored, response: 1 });
        await t.ok('cache_invalidate', { keys: [key] });
      },
    ],
    [
      'too little in common',
      (t) => t.ok('cache_set', { ...stored, prompt: 'France exports cheese and wine', response: 1 }),
    ],
  ])('%s', async (_, prepare) => {
    const tenant = await openTenant();
    await prepare(tenant);
    expect(await candidates(tenant, near('what is the capital city of France'))).toEqual([]);
  });
  const stored = { model: 'model-x', prompt: 'what is the capital of France' };
});

test('the newest messages of a conversation count, and system messages do not', async () => {
  const tenant = await openTenant();
  const conversation = (text: string) => [
    { role: 'system', content: 'You are the support assistant of Example Ltd and answer in one sentence.' },
    {
      role: 'user',
      content: [
        { type: 'text', text },
        { type: 'image', data: 'AAAA' },
      ],
    },
  ];
  const messages = conversation('how do I reset my password');
  await tenant.ok('cache_set', { model: 'model-x', messages, response: 1 });
  const ask = (text: string) => ({ model: 'model-x', messages: conversation(text), similar: true });
  expect(await candidates(tenant, ask('how can I reset my password'))).toMatchObject([
    { preview: 'how do I reset my password', score: 0.71 },
  ]);
  expect(await candidates(tenant, ask('where is the invoice'))).toEqual([]);
});

test('an answer stored by the key of a miss is found', async () => {
  const tenant = await openTenant();
  const { key } = await tenant.ok('cache_get', { model: 'model-x', prompt: 'how do I reset my password' });
  await tenant.ok('cache_set', { key, response: 1 });
  await tenant.ok('cache_set', { key, response: 2 });
  expect(await candidates(tenant, near('how can I reset my password'))).toMatchObject([{ key }]);
});

test.each([
  '" OR NEAR(',
  'text:*',
  '^a -b +c',
  "'; DROP TABLE cache_entries; --",
  '?!',
  '中文 検索',
  '\u0000',
])('search syntax is only text: %j', async (prompt) => {
  const tenant = await openTenant();
  await tenant.ok('cache_set', { model: 'model-x', prompt: `${prompt} indeed`, response: 1 });
  expect(Array.isArray(await candidates(tenant, near(prompt)))).toBe(true);
});

describe('scripts without spaces:', () => {
  test.each([
    ['日本の首都はどこですか', '日本の首都を教えてください', '猫の写真を見せて'],
    ['巴黎是哪个国家的首都？', '请问巴黎是哪个国家的城市', '今天天气怎么样'],
    ['เมืองหลวงของประเทศไทยคืออะไร', 'เมืองหลวงของไทยชื่ออะไร', 'พรุ่งนี้ฝนจะตกไหม'],
    ['Pythonでファイルを読む方法', 'ファイルを読む方法 (Python)', 'Rubyの歴史'],
  ])('%s', async (stored, alike, unlike) => {
    const tenant = await openTenant();
    const { key } = await tenant.ok('cache_set', { model: 'model-x', prompt: stored, response: 1 });
    expect(await candidates(tenant, near(alike))).toMatchObject([{ key, preview: stored }]);
    expect(await candidates(tenant, near(unlike))).toEqual([]);
  });
});

test.each([
  ['दिल्ली में मौसम कैसा है', 'दिल्ली में आज मौसम कैसा है'],
  ['Wie spät ist es in Zürich', 'wie spat ist es in Zu\u0308rich'],
])('words with marks: %s', async (stored, alike) => {
  const tenant = await openTenant();
  const { key } = await tenant.ok('cache_set', { model: 'model-x', prompt: stored, response: 1 });
  expect(await candidates(tenant, near(alike))).toMatchObject([{ key }]);
});

test('a preview ends after 120 characters', async () => {
  const tenant = await openTenant();
  const prompt = `${'word '.repeat(23)}1234😀5678`;
  await tenant.ok('cache_set', { model: 'model-x', prompt, response: 1 });
  const [found] = await candidates(tenant, near('word 1234'));
  expect(found?.preview).toHaveLength(120);
  expect(found?.preview).toBe(`${'word '.repeat(23)}1234\ufffd`);
});
