import { expect, test } from 'vitest';
import { figures, measure, readPairs, SETS } from '../support/failure-pairs.ts';

/** How well failures are recognised may not become worse. The bounds leave a margin of one or two pairs below what was measured. */

test.each([
  ['tuned', { precision: 0.98, recall: 0.96 }],
  ['held out', { precision: 0.94, recall: 0.9 }],
  ['unseen', { precision: 0.96, recall: 0.95 }],
] as const)('the pairs that are %s are told apart', (set, least) => {
  const { precision, recall, pairs } = figures(measure(readPairs(SETS[set])));
  expect(pairs).toBeGreaterThanOrEqual(80);
  expect(precision).toBeGreaterThanOrEqual(least.precision);
  expect(recall).toBeGreaterThanOrEqual(least.recall);
});
