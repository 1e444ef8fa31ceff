import { expect, test } from 'vitest';
import { countWritePages } from '../support/write-pages.ts';

test('a guarded write dirties few database pages', () => {
  const { pages, bytes, byName } = countWritePages(1_700, 640);
  expect(pages, JSON.stringify(byName)).toBeLessThan(4.3);
  expect(bytes / 1024).toBeLessThan(18.5);
});
