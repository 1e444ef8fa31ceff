import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, test } from 'vitest';
import { openTenant } from '#host';
import { write } from '../../support/board.ts';
import type { TestTenant } from '../../support/tenant.ts';

/** What 50 ordinary entries of a list, or events of a watch, may cost a model, in tokens of o200k_base. */
const MAX_TOKENS = 1_900;
const VALUE = {
  status: 'open',
  owner: 'ann',
  summary: 'Compared the three vendors for the search index; the second is cheaper',
  links: ['https://example.com/a'],
};

async function board(cells: number): Promise<TestTenant> {
  const tenant = await openTenant();
  for (let n = 0; n < cells; n++) {
    await write(tenant, `agents/researcher/notes/${17 + n}`, VALUE, { by: 'researcher' });
    tenant.advance(37_123);
  }
  return tenant;
}

test('a list and a watch of 50 entries cost fewer than 1,900 tokens', async () => {
  const tenant = await board(50);
  const list = await tenant.ok('blackboard_list', { run_id: 'default' });
  const watch = await tenant.ok('blackboard_watch', { since_rev: 0 });
  expect([list.entries.length, watch.events.length]).toEqual([50, 50]);
  const tokens = [list, watch].map((answer) => countTokens(JSON.stringify(answer)));
  expect(tokens.filter((count) => count >= MAX_TOKENS)).toEqual([]);
});

test('up to 20 entries are shown with long previews, and the size of each cell', async () => {
  const tenant = await board(21);
  const entry = async (limit: number) =>
    (await tenant.ok('blackboard_list', { run_id: 'default', limit })).entries[0];
  const event = async (limit: number) =>
    (await tenant.ok('blackboard_watch', { since_rev: 0, limit })).events[0];
  expect([...(await entry(20)).preview]).toHaveLength(120);
  expect((await entry(20)).bytes).toBeGreaterThan(120);
  expect([...(await entry(21)).preview]).toHaveLength(20);
  expect(await entry(21)).not.toHaveProperty('bytes');
  expect([...(await event(20)).preview]).toHaveLength(120);
  expect(await event(21)).not.toHaveProperty('preview');
  expect((await event(20)).at).toMatch(/Z$/);
  expect((await event(21)).age_s).toBe(779);
});

test('an author that gave no name, and was known by its token only, is not shown', async () => {
  const tenant = await openTenant();
  await write(tenant, 'k', 1);
  const answers = [
    await tenant.ok('blackboard_read', { key: 'k', history: true }),
    await tenant.ok('blackboard_list', { run_id: 'default' }),
    await tenant.ok('blackboard_watch', { since_rev: 0 }),
    await write(tenant, 'k', 2, { if_rev: 9 }),
  ];
  expect(JSON.stringify(answers)).not.toMatch(/"by"|"tags"|"attempts"/);
});
