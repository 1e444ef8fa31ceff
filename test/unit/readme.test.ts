import { expect, test } from 'vitest';
import { tableLines } from '../support/contract/table.ts';
import { documentAt } from '../support/documents/markdown.ts';

test('the table of clients in docs/clients.md is the one that the tests run', () => {
  const { text } = documentAt('docs/clients.md');
  expect(text).toContain(`\n\n${tableLines().join('\n')}\n\n`);
});
