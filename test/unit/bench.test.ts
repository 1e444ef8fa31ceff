import { describe, expect, test } from 'vitest';
import { barChart, growthChart } from '../bench/chart.ts';
import { cycle, parseAnswer, postRequest } from '../bench/connection.ts';
import { replacePart } from '../bench/document.ts';
import { parseOptions } from '../bench/options.ts';
import {
  formatSpread,
  pairedDifferences,
  pairedRatios,
  quantile,
  resampledRatios,
  spreadOf,
} from '../bench/statistics.ts';
import { formatTable } from '../bench/table.ts';

/** The parts of the benchmark that compute. */

describe('statistics', () => {
  test('quantiles are interpolated, whatever the order of the values', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([1], 0.99)).toBe(1);
    expect(formatSpread(spreadOf([5, 1, 2, 4, 3]))).toBe('3.00 (2.00 to 4.00)');
  });

  test('ratios are of the same round, so a slow round cancels out', () => {
    expect(pairedRatios([2, 200, 2], [1, 100, 1])).toEqual([2, 2, 2]);
    expect(() => pairedRatios([1], [1, 2])).toThrow('different numbers of rounds');
    expect(pairedDifferences([12, 212], [10, 200])).toEqual([2, 12]);
  });

  test('a ratio that one round decides is spread, and one that all rounds agree on is not', () => {
    const alone = [
      [1, 1],
      [1, 1],
      [1, 1],
    ];
    const spread = (beside: number[][]) => formatSpread(spreadOf(resampledRatios(beside, alone, 0.99)));
    expect(
      spread([
        [2, 2],
        [2, 2],
        [2, 2],
      ]),
    ).toBe('2.00 (2.00 to 2.00)');
    const ratios = resampledRatios(
      [
        [2, 2],
        [2, 2],
        [100, 100],
      ],
      alone,
      0.99,
    );
    expect(Math.min(...ratios)).toBe(2);
    expect(Math.max(...ratios)).toBe(100);
    expect(() => resampledRatios([[1]], alone, 0.99)).toThrow('different numbers of rounds');
  });
});

test('a table is aligned Markdown, with the headings of all rows', () => {
  expect(
    formatTable([
      { item: 'a|b', n: 1 },
      { item: 'long text', aim: '2' },
    ]),
  ).toBe(
    [
      '| item      | n   | aim |',
      '| --------- | --- | --- |',
      '| a\\|b      | 1   |     |',
      '| long text |     | 2   |',
    ].join('\n'),
  );
});

describe('documents', () => {
  test('a part is replaced, however often, and what is around it stays', () => {
    const page = 'a\n<!-- measured: calls -->\n\n<!-- end: calls -->\nb';
    const written = replacePart(page, 'calls', '1\n');
    expect(written).toBe('a\n<!-- measured: calls -->\n\n1\n\n<!-- end: calls -->\nb');
    expect(replacePart(written, 'calls', '1')).toBe(written);
    expect(() => replacePart(page, 'growth', '')).toThrow('has no part "growth"');
  });

  test('a chart says every value as text, and names are escaped', () => {
    const head = { title: 'Calls', legend: 'a & b' };
    const bars = barChart(head, [
      { name: '<ours>', value: 2, shown: '2 a second', isOwn: true },
      { name: 'other', value: 1, shown: '1 a second', isOwn: false },
    ]);
    for (const text of [
      '&lt;ours&gt;',
      '2 a second',
      '1 a second',
      'Calls: a &amp; b',
      'width="460.0"',
      'width="230.0"',
    ])
      expect(bars).toContain(text);
    const growth = growthChart(head, 2_000, [{ name: 'read', from: 100, to: 2_500 }]);
    expect(growth).toContain('0.10 → 2.5 ms');
  });
});

describe('options', () => {
  test('have defaults, and shorter ones for a smoke run', () => {
    expect(parseOptions([])).toMatchObject({ rounds: 16, tmpfs: true, anyway: false, against: undefined });
    expect(parseOptions(['--quick', '--no-tmpfs'])).toMatchObject({ rounds: 2, tmpfs: false });
    expect(parseOptions(['--only', 'writes', '--against', '/old'])).toMatchObject({
      sections: ['writes'],
      against: '/old',
    });
    expect(parseOptions(['--help'])).toBeUndefined();
  });

  test('that are wrong are named', () => {
    expect(() => parseOptions(['--only', 'reads'])).toThrow('--only must be one of writes');
    expect(() => parseOptions(['--rounds', '0'])).toThrow('--rounds');
    expect(() => parseOptions(['--fast'])).toThrow('--fast');
  });
});

describe('a connection', () => {
  const parse = (text: string) => parseAnswer(Buffer.from(text));

  test('knows when an answer with a length is complete', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n';
    expect(parse(head.slice(0, -2))).toBeUndefined();
    expect(parse(`${head}abc`)).toBeUndefined();
    expect(parse(`${head}abcd`)).toEqual({ status: 200, body: 'abcd' });
  });

  test('knows when a chunked answer is complete', () => {
    const head = 'HTTP/1.1 429 Too Many Requests\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(parse(`${head}4\r\nab10\r\n`)).toBeUndefined();
    expect(parse(`${head}4\r\nab10\r\n0\r\n\r\n`)).toMatchObject({ status: 429 });
    expect(parse(`${head}0\r\n\r\n`)).toMatchObject({ status: 429 });
  });

  test('sends the length in bytes, and its requests again and again', () => {
    expect(String(postRequest('http://127.0.0.1:1/mcp', { a: 'b' }, 'é'))).toBe(
      'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:1\r\na: b\r\ncontent-length: 2\r\n\r\né',
    );
    const requests = cycle([1, 2]);
    expect([requests.next().value, requests.next().value, requests.next().value]).toEqual([1, 2, 1]);
  });
});
