import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TOKENS, tokensOf } from '../../src/tools/scar/tokens.ts';

describe('informative words', () => {
  test.each([
    ['nothing', '', []],
    ['stop words and short words', 'the error was that it failed to do so', []],
    ['words in order, once', 'Search index search shard', ['search', 'index', 'shard']],
    ['identifiers by their parts', 'max_connections', ['max', 'connections']],
    ['three-digit codes, no other numbers', 'HTTP 429 after 12 of 99999', ['http', '429']],
    ['no marks', 'open /a/b/c at 2026-01-01 for joe@example.com "x" sk-aaaaaaaaaaaaaaaaaaaaaaaa', ['open']],
    ['scripts without spaces by pairs', '数据库连接', ['数据', '据库', '库连', '连接']],
    ['mixed scripts', 'MySQL数据库', ['mysql', '数据', '据库']],
  ])('%s', (_name, text, tokens) => {
    expect(tokensOf(text)).toEqual(tokens);
  });

  test('several texts are one, absent ones are none', () => {
    expect(tokensOf('search index', undefined, null, 'index shard')).toEqual(['search', 'index', 'shard']);
  });

  test('are few, short, distinct and hold no separator', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 2000 }), (text) => {
        const tokens = tokensOf(text);
        expect(tokens.length).toBeLessThanOrEqual(MAX_TOKENS);
        expect(new Set(tokens).size).toBe(tokens.length);
        for (const token of tokens) {
          expect(token).not.toMatch(/\s|^$/);
          expect(token.length).toBeLessThanOrEqual(64);
          expect(token.isWellFormed()).toBe(true);
        }
      }),
    );
  });
});
