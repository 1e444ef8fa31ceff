import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findInexactNumber } from '../../src/json/inexact-number.ts';

describe('numbers that JSON.parse would change', () => {
  test.each([
    '1e400',
    '-1e400',
    '1e-400',
    '12345678901234567890',
    '9007199254740993',
    '-9007199254740993',
    '9999999999999999',
    '0.1000000000000000055',
    '3.1400000000000002',
    '3.14000000000000001',
    '100000000000000000000000000000001',
    '1.00000000000000000000000000000000000001',
    `1${'0'.repeat(100)}1`,
    `0.${'0'.repeat(400)}1`,
  ])('%s', (number) => {
    for (const json of [number, `[0,${number}]`, `{"a":{"b\\"":${number}}}`, `{"1e5":"1e5","x":${number}}`]) {
      expect(findInexactNumber(json)).toBe(number);
    }
  });
});

describe('numbers that JSON.parse keeps', () => {
  test.each([
    '0',
    '-0',
    '0.0',
    '0e5',
    '0.1',
    '1.0',
    '1.50',
    '1e3',
    '1E+3',
    '1000e-3',
    '-1.25e-2',
    '9007199254740991',
    '9007199254740992',
    '123456789012345.5',
    '1e308',
    '5e-324',
    '1e21',
    '1000000000000000000000',
    // Doubles in more digits than JavaScript prints.
    '3.1400000000000001',
    '0.10000000000000001',
    '0.1000000000000000056',
    '-2.2250738585072014e-308',
    '1.0000000000000002',
    `1${'0'.repeat(300)}`,
  ])('%s', (number) => {
    for (const json of [number, `[0,${number}]`, `{"a":${number},"b":"c"}`]) {
      expect(findInexactNumber(json)).toBeUndefined();
    }
  });
});

test.each([
  '"1e400"',
  '"\\"1e400"',
  '"\\\\"',
  '{"1e400\\\\":"12345678901234567890"}',
  '["\\\\\\"1e400\\\\"]',
])('digits inside the text %s are no number', (json) => {
  expect(JSON.parse(json)).toBeDefined();
  expect(findInexactNumber(json)).toBeUndefined();
});

test('what JavaScript writes, it holds', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(findInexactNumber(JSON.stringify(value))).toBeUndefined();
      expect(findInexactNumber(JSON.stringify(value, null, 2))).toBeUndefined();
    }),
  );
});

test('a decimal double is accepted in any number of digits from 17 on', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
      fc.integer({ min: 17, max: 40 }),
      (value, digits) => {
        fc.pre(!Number.isInteger(value));
        expect(findInexactNumber(value.toPrecision(digits))).toBeUndefined();
      },
    ),
  );
});

test('an integer is found exactly when it is not held', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), (integer) => {
      const json = `{"before":"1e5","n":[${integer}]}`;
      expect(findInexactNumber(json) === undefined).toBe(written(Number(integer)) === integer);
    }),
  );
});

/** The integer that JavaScript's shortest way of writing a number stands for. */
function written(number: number): bigint {
  const [digits = '0', exponent = '0'] = String(number).split('e+');
  const [whole = '0', fraction = ''] = digits.split('.');
  return BigInt(whole + fraction.padEnd(Number(exponent), '0'));
}

test.each([
  ['zeros in a number', `[1.${'0'.repeat(4_000_000)}1]`],
  ['digits in a number', `[${'1'.repeat(4_000_000)}]`],
  ['a text', `{"a":1e5,"b":"${'x'.repeat(32_000_000)}"}`],
  ['escapes', `{"a":1e5,"b":"${'\\\\\\"'.repeat(2_000_000)}"}`],
  ['numbers', `[${'1e5,'.repeat(100_000)}1]`],
])('millions of characters of %s are read in a moment', (_name, json) => {
  // The processor's time of this thread: other processes do not count.
  const before = process.threadCpuUsage();
  findInexactNumber(json);
  const { user, system } = process.threadCpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(2000);
});
