import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTutorial, ScratchCopy } from '../support/tutorial.ts';

const DOCUMENT = 'docs/add-a-tool.md';
/** The checks of a whole copy of the repository, one after the other. */
const CHECKS_MS = 300_000;

const { steps, commands } = readTutorial(DOCUMENT);
let copy: ScratchCopy;

beforeAll(() => {
  copy = new ScratchCopy();
  for (const step of steps) copy.apply(step);
  copy.lintOnly(steps.map(({ file }) => file));
});
afterAll(() => copy.remove());

test('it names every place that a new family touches, and no other', () => {
  const changed = steps.flatMap((step) => (step.kind === 'create' ? [] : step.file));
  expect([...new Set(changed)]).toEqual([
    'src/tools/families.ts',
    'src/tenant/storage/migration-files.ts',
    'src/tools/published.ts',
    'test/support/isolation-script.ts',
  ]);
  expect(commands.length).toBeGreaterThanOrEqual(3);
});

test.each(commands)(
  'after the steps, %s succeeds',
  async (command) => {
    const { ok, output } = await copy.run(command);
    expect(ok, output).toBe(true);
  },
  CHECKS_MS,
);

test(
  'whatever a tool lacks, the tests say what to add',
  async () => {
    const step = "  { tool: 'tickets_open',";
    copy.replace('test/support/isolation-script.ts', step, step.replace('open', 'list'));
    copy.replace('src/tools/tickets/open.ts', "subject: 'length', ", '');
    copy.replace('src/tools/tickets/list.ts', "  scope: 'tickets:read',\n", '');
    const file = '1000_tickets.sql';
    const line = `export { default as '${file}' } from '../../../migrations/tenant/${file}';`;
    copy.replace('src/tenant/storage/migration-files.ts', `${line}\n`, '');

    const laws = 'test/tools/laws.test.ts test/unit/migrate.test.ts';
    const { ok, output } = await copy.run(`npx vitest run --project unit ${laws}`);
    expect(ok).toBe(false);
    expect(output).toContain('Add a step that calls tickets_open to ISOLATION_SCRIPT');
    expect(output).toContain(
      "log must have an entry for subject: 'plain', 'hash', 'length', 'keys' or 'omit'.",
    );
    expect(output).toContain("scope must be 'tickets:read' or 'tickets:write'");
    expect(output).toContain(`Add this line to src/tenant/storage/migration-files.ts: ${line}`);
  },
  CHECKS_MS,
);
