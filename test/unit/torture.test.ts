import { expect, test } from 'vitest';
import { atLeast, atMost, isBroken, rowOf } from '../torture/finding.ts';
import { heavyRequests, MAX_REQUEST_BYTES } from '../torture/heavy-requests.ts';
import { Random } from '../torture/random.ts';

/** The parts of the torture runner that compute. */

test('a broken bound fails the run, and a missed aim is only printed', () => {
  const bound = atMost('bound', { item: 'lost writes', value: 1 }, 0);
  expect(rowOf(bound)).toEqual({ item: 'lost writes', value: '1', aim: 'at most 0', ok: 'BROKEN' });
  expect(isBroken(bound)).toBe(true);
  const aim = atLeast('aim', { item: 'speed', value: 1.25, unit: 'x' }, 2);
  expect(rowOf(aim)).toEqual({ item: 'speed', value: '1.3 x', aim: 'at least 2 x', ok: 'missed' });
  expect(isBroken(aim)).toBe(false);
  const met = atMost('bound', { item: 'lost writes', value: 0 }, 0);
  expect(rowOf(met).ok).toBe('yes');
  expect(isBroken(met)).toBe(false);
  expect(isBroken(atMost('bound', { item: 'unknown', value: Number.NaN }, 0))).toBe(true);
});

test('a seed repeats its numbers, which are spread over the range', () => {
  const numbers = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 1000 }, () => random.integer(1, 10));
  };
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
  expect(new Set(numbers(7))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
});

test('the dear requests are small, and JSON', () => {
  const requests = heavyRequests(1_000_000);
  expect(requests.filter(({ body }) => body.length > MAX_REQUEST_BYTES).map(({ item }) => item)).toEqual([]);
  expect(new Set(requests.map(({ item }) => item)).size).toBe(requests.length);
  for (const { body, isBatch } of requests) expect(Array.isArray(JSON.parse(body))).toBe(isBatch);
});
