import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellUri, parseCellUri } from '../../src/transport-tools/cell-uri.ts';

test.each([
  [{ run_id: 'default', key: 'plan' }, 'blackboard://default/plan'],
  [{ run_id: 'run 1', key: 'a b/c' }, 'blackboard://run%201/a%20b/c'],
  [{ run_id: 'a/b', key: 'a/b' }, 'blackboard://a%2Fb/a/b'],
  [{ run_id: 'ü', key: '100%?#' }, 'blackboard://%C3%BC/100%25%3F%23'],
])('%j is %s', (cell, uri) => {
  expect(cellUri(cell)).toBe(uri);
  expect(parseCellUri(uri)).toEqual(cell);
});

test.each([
  ['BLACKBOARD://default/plan', { run_id: 'default', key: 'plan' }],
  ['blackboard://default/a%2Fb', { run_id: 'default', key: 'a/b' }],
  ['blackboard://default/a%2fb', { run_id: 'default', key: 'a/b' }],
])('%s names %j too', (uri, cell) => {
  expect(parseCellUri(uri)).toEqual(cell);
});

test.each([
  '',
  'blackboard',
  'blackboard:default/plan',
  'blackboard://',
  'blackboard://default',
  'blackboard://default/',
  'blackboard:///plan',
  'blackboard://default/plan?x',
  'blackboard://default/plan#x',
  'blackboard://default/%',
  'blackboard://default/%G0',
  'blackboard://%FF/plan',
  ' blackboard://default/plan',
  'xblackboard://default/plan',
])('"%s" names no cell', (uri) => {
  expect(parseCellUri(uri)).toBeUndefined();
});

test('every cell has a URI of visible ASCII that names it and no other', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(text, text, (run_id, key) => {
      const uri = cellUri({ run_id, key });
      expect(uri).toMatch(/^blackboard:\/\/[!-~]+$/);
      expect(parseCellUri(uri)).toEqual({ run_id, key });
    }),
  );
});
