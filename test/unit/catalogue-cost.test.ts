import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { instructionsFor } from '../../src/mcp/instructions.ts';
import { PublishedTools } from '../../src/mcp/published-tools.ts';
import { listing, TOOL_FAMILIES } from '../../src/tools/catalogue.ts';
import { FAMILIES } from '../../src/tools/families.ts';

/** What the list of tools may add to the prompt of a model, in tokens of o200k_base. */
const MAX_CATALOGUE_TOKENS = 3600;
const MAX_INSTRUCTION_TOKENS = 240;

/** What clients pass on to a model. */
const seen = catalogue.tools.map((tool) => {
  const { name, description, inputSchema } = listing(tool);
  return { name, description, inputSchema };
});

test('the list of tools costs a model no more than its budget', () => {
  const costs = seen.map((tool) => [tool.name, countTokens(JSON.stringify(tool))] as const);
  const total = costs.reduce((sum, [, tokens]) => sum + tokens, 0);
  expect(total, JSON.stringify(Object.fromEntries(costs))).toBeLessThanOrEqual(MAX_CATALOGUE_TOKENS);
});

// `npx vitest run --project unit test/unit/catalogue-cost.test.ts -u` writes the new list.
test('the list that models see is the one in the repository, so that a change of it is read before it lands', async () => {
  await expect(`${JSON.stringify(seen, null, 2)}\n`).toMatchFileSnapshot('../vectors/catalogue.json');
});

describe('instructions', () => {
  test('of all families fit their budget and name each of them', () => {
    const all = instructionsFor(TOOL_FAMILIES);
    expect(countTokens(all)).toBeLessThanOrEqual(MAX_INSTRUCTION_TOKENS);
    for (const family of FAMILIES) expect(all).toContain(`${family}_*: `);
    expect(all).toContain('retry_after_ms');
  });

  test('tell only of the families that are listed', () => {
    const tools = new PublishedTools(catalogue.tools);
    const filtered = instructionsFor(tools.familiesFor([], tools.select(['scar'])));
    expect(filtered).toContain('scar_*');
    expect(filtered).not.toMatch(/blackboard|cache/);
    const scoped = instructionsFor(tools.familiesFor(['cache:read'], undefined));
    expect(scoped).toContain('cache_*');
    expect(scoped).not.toMatch(/blackboard|scar/);
  });
});
