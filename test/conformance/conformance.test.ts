import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Entry, startTarget, type Target } from './entries.ts';
import { EXPECTED_FAILURES } from './expected-failures.ts';
import { type Check, REVISIONS, type Revision, RUN_MS, requirementsOf, runSuite } from './suite.ts';

/** Scenarios that conforming to a revision takes: a suite that has lost one shows nothing. */
const SCORED: Readonly<Record<Revision, number>> = { '2026-07-28': 37, '2025-11-25': 30 };

/** Scenarios that need no tool, prompt or resource of their own, or few enough to name the checks that do. */
const FIXTURE_FREE: Readonly<Record<Revision, readonly string[]>> = {
  '2026-07-28': [
    'server-stateless',
    'tools-list',
    'resources-list',
    'sep-2164-resource-not-found',
    'caching',
    'http-header-validation',
    'dns-rebinding-protection',
    'server-sse-multiple-streams',
    'input-required-result-unsupported-methods',
  ],
  '2025-11-25': [
    'server-initialize',
    'server-session-lifecycle',
    'ping',
    'tools-list',
    'resources-list',
    'resources-subscribe',
    'dns-rebinding-protection',
    'server-sse-multiple-streams',
  ],
};

const requirements = new Map(
  await Promise.all(REVISIONS.map(async (revision) => [revision, await requirementsOf(revision)] as const)),
);

function scenariosOf(entry: Entry, revision: Revision): readonly string[] {
  if (entry === 'production') return FIXTURE_FREE[revision];
  const { scored = [], unscored = [] } = requirements.get(revision) ?? {};
  return [...scored, ...unscored];
}

const expectedOf = (entry: Entry, revision: Revision, scenario: string) =>
  EXPECTED_FAILURES.filter(
    (expected) =>
      expected.entry === entry &&
      expected.revisions.includes(revision) &&
      expected.scenarios.includes(scenario),
  );

/** What a scenario did not show: checks that failed or warned, or that it checked nothing at all. */
function problemsOf(checks: readonly Check[]): { id: string; message: string | undefined }[] {
  const failed = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  if (failed.length > 0) return failed.map(({ id, errorMessage }) => ({ id, message: errorMessage }));
  const shown = checks.some(({ id, status }) => status === 'SUCCESS' && id !== 'wire-schema-valid');
  return shown ? [] : [{ id: 'nothing-shown', message: 'no check of the scenario applied' }];
}

describe.each(REVISIONS)('what %s requires', (revision) => {
  test('is what it was', () => {
    expect(requirements.get(revision)?.scored).toHaveLength(SCORED[revision]);
    for (const entry of ['fixture', 'production'] as const)
      expect(new Set(scenariosOf(entry, revision)).size).toBe(scenariosOf(entry, revision).length);
  });

  test('is expected to fail only where it is run, and never where it is scored', () => {
    for (const { entry, revisions, scenarios } of EXPECTED_FAILURES) {
      if (!revisions.includes(revision)) continue;
      expect(scenariosOf(entry, revision)).toEqual(expect.arrayContaining([...scenarios]));
      if (entry === 'fixture')
        for (const scenario of scenarios) expect(requirements.get(revision)?.scored).not.toContain(scenario);
    }
  });
});

describe.each(['fixture', 'production'] as const)('the entry of %s', (entry) => {
  let target: Target;
  beforeAll(async () => {
    target = await startTarget(entry);
  });
  afterAll(() => target?.stop());

  describe.each(REVISIONS)('speaks %s', (revision) => {
    let results: ReadonlyMap<string, readonly Check[]>;
    beforeAll(async () => {
      results = await runSuite(target.url, revision);
    }, RUN_MS);

    test.each(scenariosOf(entry, revision))('%s', (scenario) => {
      const problems = problemsOf(results.get(scenario) ?? []);
      const expected = expectedOf(entry, revision, scenario);
      const known = (id: string) => expected.some(({ checks }) => checks === 'any' || checks.includes(id));
      expect(problems.filter(({ id }) => !known(id))).toEqual([]);
      const failed = new Set(problems.map(({ id }) => id));
      const stale = expected.flatMap(({ checks }) =>
        checks === 'any' ? (failed.size === 0 ? [scenario] : []) : checks.filter((id) => !failed.has(id)),
      );
      expect(stale, 'expected to fail, and passes: take it off the list').toEqual([]);
    });
  });
});
