import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tableLines } from '../support/contract/table.ts';

test('the table of clients in the README is the one that the tests run', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(`\n\n${tableLines().join('\n')}\n\n`);
});
