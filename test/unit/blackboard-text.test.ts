import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { printJson } from '../../src/json/raw-json.ts';
import { seal, unseal } from '../../src/tenant/storage/seal.ts';
import { prefixRange } from '../../src/tools/blackboard/cell.ts';
import {
  boardQuery,
  boardToken,
  MAX_INDEXED_CHARS,
  searchText,
} from '../../src/tools/blackboard/search-text.ts';
import { preview, sameJson } from '../../src/tools/blackboard/value.ts';
import { cursorsOf, MAX_CURSOR_CHARS } from '../../src/tools/cursor.ts';
import { queryTerms } from '../../src/tools/search.ts';
import { showValue } from '../../src/tools/shown-value.ts';

const KEY = 'k'.repeat(64);
const sealer = {
  seal: (purpose: string, payload: string) => seal(KEY, purpose, payload),
  unseal: (purpose: string, sealed: string) => unseal(KEY, purpose, sealed),
};
const TEXTS = cursorsOf('texts', z.string());

const text = () => fc.string({ unit: 'binary' });

describe('a prefix', () => {
  test('is the range of exactly the keys that start with it', () => {
    const alphabet = fc.constantFrom('a', 'b', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}');
    const word = fc.string({ unit: alphabet, maxLength: 4 });
    fc.assert(
      fc.property(
        word.filter((prefix) => prefix !== ''),
        word,
        (prefix, key) => {
          const bytes = Buffer.from(key);
          const { from, to } = prefixRange(prefix);
          const inside =
            Buffer.compare(bytes, Buffer.from(from)) >= 0 &&
            (to === undefined || Buffer.compare(bytes, Buffer.from(to)) < 0);
          expect(inside).toBe(key.startsWith(prefix));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('a cursor', () => {
  test('returns its position for the filters it was made for, and for no others', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.jsonValue(),
        text().filter((position) => position !== ''),
        (a, b, position) => {
          const cursor = TEXTS.encode(sealer, a, position);
          expect(TEXTS.decode(sealer, a, cursor)).toBe(position);
          if (!sameJson(JSON.stringify(a), JSON.stringify(b)))
            expect(() => TEXTS.decode(sealer, b, cursor)).toThrow('does not belong to this list');
        },
      ),
    );
  });

  test('of one list is refused by another, and so is one whose position has another shape', () => {
    const cursor = TEXTS.encode(sealer, 'all', 'a');
    for (const others of [cursorsOf('other texts', z.string()), cursorsOf('texts', z.int())])
      expect(() => others.decode(sealer, 'all', cursor)).toThrow('does not belong to this list');
    const sealed = sealer.seal('cursor texts', 'not JSON');
    expect(() => TEXTS.decode(sealer, 'all', sealed)).toThrow('does not belong to this list');
  });

  test('made of any other text is refused', () => {
    fc.assert(
      fc.property(text(), (cursor) => {
        expect(() => TEXTS.decode(sealer, ['r'], cursor)).toThrow('does not belong to this list');
      }),
    );
  });

  test('fits the longest board and key', () => {
    const pairs = cursorsOf('a list with a long name', z.tuple([z.string(), z.string()]));
    expect(pairs.encode(sealer, '', ['🛶'.repeat(128), '🛶'.repeat(256)]).length).toBeLessThanOrEqual(
      MAX_CURSOR_CHARS,
    );
  });
});

describe('a value', () => {
  test('that is cut is the longest start that fits and does not split a character', () => {
    fc.assert(
      fc.property(text(), fc.nat({ max: 40 }), (value, room) => {
        const json = JSON.stringify(value);
        const bytes = Buffer.byteLength(json);
        const shown = showValue(json, bytes, room + 1);
        if (bytes <= room + 1) {
          expect(printJson(shown)).toBe(printJson({ value }));
          return;
        }
        const cut = String(shown.value);
        const next = [...json.slice(cut.length)][0] ?? '';
        expect(json.startsWith(cut)).toBe(true);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(room + 1);
        expect(Buffer.byteLength(cut + next)).toBeGreaterThan(room + 1);
      }),
    );
  });

  test.each([
    ['{"a":1,"b":2}', '{"b":2,"a":1}', true],
    ['[1,2]', '[2,1]', false],
    ['{"0":1}', '[1]    ', false],
    ['[[]]', '[{}]', false],
    ['{"a":null}', '{"b":null}', false],
    ['{"a":{"b":[1,{"c":2,"d":3}]}}', '{"a":{"b":[1,{"d":3,"c":2}]}}', true],
    ['"1"', '111', false],
  ])('%s compared with %s is the same: %s', (a, b, same) => {
    expect(sameJson(a, b)).toBe(same);
  });

  test('is previewed in at most 120 characters', () => {
    expect(preview('🛶'.repeat(120))).toBe('🛶'.repeat(120));
    expect(preview('🛶'.repeat(121))).toBe(`${'🛶'.repeat(119)}…`);
  });
});

describe('the text of the indexes', () => {
  const grams = (value: unknown) => searchText('k', [], JSON.stringify(value)).grams.body;

  test('puts plain words into the word index only', () => {
    expect(grams('All is well: 12,000 done at 10:30')).toBe('');
    expect(grams({ status: 'done', note: 'ready' })).toBe('');
  });

  test.each([
    ['see src/a.ts, now', 'src/a.ts'],
    ['the id c0ffee', 'c0ffee'],
    ['call getUser twice, getUser', 'getUser'],
    ['max_bytes is wrong', 'max_bytes'],
    ['line\nnext_line', 'next_line'],
    ['C:\\work\\notes2', 'notes2'],
    ['東京 is far', '東京'],
  ])('of %j holds for trigrams: %s', (value, body) => {
    expect(grams(value)).toBe(body);
  });

  test('of a script without spaces has single characters and pairs as words', () => {
    expect(searchText('k', [], '"a東京都"').words.body.split(' ').slice(1)).toEqual([
      '東',
      '東京',
      '京',
      '京都',
      '都',
    ]);
  });

  test('is bounded and well-formed', () => {
    const json = JSON.stringify(`x${'🛶'.repeat(5_000)}`);
    const { words } = searchText('k', ['t'], json);
    expect(words.body.length).toBe(MAX_INDEXED_CHARS);
    expect(words.body.isWellFormed()).toBe(true);
    expect(words.name).toBe('k t');
  });
});

test('a query has only quoted words and the token of the board', () => {
  const query = (text: string) => boardQuery('r', queryTerms(text));
  expect(query('"*-')).toEqual({ words: undefined, grams: undefined });
  expect(query('it').grams).toBeUndefined();
  expect(query('a" OR b*')).toEqual({
    words: `board : "${boardToken('r')}" AND {name body} : (("a") OR ("or") OR ("b"))`,
    grams: undefined,
  });
  fc.assert(
    fc.property(text(), (runId) => {
      expect(boardToken(runId)).toMatch(/^[\ue000-\ue7ff]{3}$/);
    }),
  );
});

test('a query is narrowed by the whole words of a prefix and by tags, in the characters that both sides read alike', () => {
  const { words, grams } = boardQuery('r', ['alpha'], { prefix: 'a/b-1/qu', tags: ['x"yz', '--', 'é'] });
  const board = `board : "${boardToken('r')}"`;
  expect(words).toBe(
    `${board} AND name : "x" AND name : "yz" AND name : "a" AND name : "b" AND name : "1" AND {name body} : (("alpha"))`,
  );
  expect(grams).toBe(
    `${board} AND ${['x""y', '""yz', 'a/b', '/qu'].map((part) => `name : "${part}" AND `).join('')}{name body} : (("alp" AND "lph" AND "pha"))`,
  );
  expect(boardQuery('r', ['alpha'], { prefix: 'é/b/', tags: [] })).toEqual(boardQuery('r', ['alpha']));
});

test('an identifier is searched by its trigrams, and other words of several parts by these', () => {
  const { words, grams } = boardQuery('r', ['a_bc', '東京']);
  const board = `board : "${boardToken('r')}"`;
  expect(words).toBe(`${board} AND {name body} : (("東京"))`);
  expect(boardQuery('r', ['1_2']).words).toBe(`${board} AND {name body} : (("1" AND "2"))`);
  expect(grams).toBe(`${board} AND {name body} : (("a_b" AND "_bc"))`);
});
