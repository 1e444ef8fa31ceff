import { writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasPgbouncer } from './pgbouncer.ts';
import { hasPostgres } from './server.ts';

/** True if the tests of shared databases can run. In CI, where `.ci/run` installs what they need, they must. */
export const canRun = hasPostgres && hasPgbouncer;

/** Where PostgreSQL is missing: a test that says what is left out, on the terminal itself, and that fails in CI. */
export function tellLeftOut(what: string): void {
  if (canRun) return;
  test(`left out for want of PostgreSQL: ${what}`, () => {
    writeSync(
      2,
      `Tests were left out (${what}), because PostgreSQL is not installed: apt-get install --no-install-recommends postgresql pgbouncer\n`,
    );
    expect(process.env.CI, 'CI must have PostgreSQL: .ci/run installs it').toBeUndefined();
  });
}
