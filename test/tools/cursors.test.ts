import { expect, test } from 'vitest';
import { openTenant } from '#host';
import { catalogue } from '../../src/catalogue.ts';
import type { TestTenant } from '../support/tenant.ts';

/** Every list that has pages, as a call whose first page is not the last. */
const LISTS: readonly { name: string; tool: string; args: Record<string, unknown> }[] = [
  { name: 'boards', tool: 'blackboard_list', args: {} },
  { name: 'cells by key', tool: 'blackboard_list', args: { run_id: 'a' } },
  { name: 'cells by score', tool: 'blackboard_list', args: { run_id: 'a', query: 'word' } },
  { name: 'cells of another board', tool: 'blackboard_list', args: { run_id: 'b' } },
  { name: 'resources', tool: 'resources_list', args: {} },
  { name: 'scars', tool: 'scar_list', args: {} },
  { name: 'scars by score', tool: 'scar_list', args: { query: 'word' } },
  { name: 'records', tool: 'records_list', args: {} },
  { name: 'runs', tool: 'runs_list', args: {} },
  { name: 'records of a run', tool: 'runs_show', args: { run: 1 } },
];

/** A list whose first page is the last one here: it ends where 25,000 records have been counted. */
const SHORT = [{ name: 'usage', tool: 'records_usage', args: { by: 'tool' } }] as const;

/** The same list as another tool's, with more of each entry. */
const SAME = new Map([['console_failures', 'scar_list']]);

async function filled(): Promise<TestTenant> {
  const tenant = await openTenant();
  for (const n of [1, 2, 3]) {
    for (const run_id of ['a', 'b'])
      await tenant.ok('blackboard_write', { run_id, key: `k${n}`, value: `word ${n}` });
    await tenant.ok('scar_record', { error_type: `E${n}`, error_message: `word number ${n} of three` });
  }
  // What another token did is another run.
  await (await tenant.otherPrincipal()).ok('tenant_limits', {});
  return tenant;
}

test('a cursor continues its own list, and every other list refuses it as the wrong argument', async () => {
  const tenant = await filled();
  const cursors = new Map<string, string>();
  for (const { name, tool, args } of LISTS) {
    const { next_cursor } = await tenant.ok(tool, { ...args, limit: 1 });
    expect(next_cursor, name).toBeTypeOf('string');
    cursors.set(name, next_cursor);
  }
  for (const { name, tool, args } of [...LISTS, ...SHORT]) {
    for (const [made, cursor] of cursors) {
      if (made === name) await tenant.ok(tool, { ...args, cursor });
      else
        expect(await tenant.error(tool, { ...args, cursor }), `${made} in ${name}`).toMatchObject({
          code: 'invalid_input',
          field: 'cursor',
        });
    }
  }
});

test('every tool that takes a cursor is among them', () => {
  const paged = catalogue.all.filter(({ input }) => Object.hasOwn(input.shape, 'cursor'));
  expect(new Set([...LISTS, ...SHORT].map(({ tool }) => tool))).toEqual(
    new Set(paged.map(({ name }) => SAME.get(name) ?? name)),
  );
});
