import { expect, test } from 'vitest';
import { createdCompartment } from '../support/compartment.ts';

const DAY_MS = 86_400_000;
const BEYOND_ALL_MS = 40 * DAY_MS;

/** Rows of every table but those that describe the tenant itself. */
function rows(db: ReturnType<typeof createdCompartment>['db']): Record<string, number> {
  const names = db
    .exec<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'`,
    )
    .map(({ name }) => name)
    .filter(
      (name) => !/^(_sql|sqlite_|tenant$|tokens$|calls$)|_(data|idx|docsize|config|content)$/.test(name),
    );
  return Object.fromEntries(
    names.map((name) => [name, Number(db.exec(`SELECT count(*) AS n FROM "${name}"`)[0]?.n)]),
  );
}

function fill(test: ReturnType<typeof createdCompartment>, count: number): void {
  const token = test.issue();
  const call = (tool: string, args: object) => {
    expect(test.call(token, tool, args)).toMatchObject({ kind: 'answer' });
  };
  for (let n = 0; n < count; n++) {
    call('blackboard_write', {
      key: `k/${n}`,
      value: n,
      ttl_s: 60,
      tags: ['t'],
      idempotency_key: `write-${n}`,
    });
    call('cache_set', { model: 'm', prompt: `prompt ${n}`, response: 'r', ttl_s: 60, tags: ['t'] });
    call('scar_record', {
      error_type: `E${n}`,
      context: `context ${n}`,
      run_id: 'r',
      idempotency_key: `scar-${n}`,
    });
  }
}

test('what has expired is given back, in steps, and what has not stays', () => {
  const test = createdCompartment();
  fill(test, 300);
  expect(test.compartment.sweep()).toBe('done');
  const before = rows(test.db);
  expect(before.board_cells).toBe(300);
  test.clock.now += BEYOND_ALL_MS;
  let steps = 0;
  while (test.compartment.sweep() === 'more') expect(++steps).toBeLessThan(100);
  expect(steps).toBeGreaterThan(1);
  const after = rows(test.db);
  expect(after.board_cells).toBe(0);
  expect(after.idempotency).toBe(0);
  expect(after.cache_entries).toBe(0);
  // A lesson never expires.
  expect(after.scars).toBe(before.scars);
  expect(test.compartment.sweep()).toBe('done');
  expect(test.lines.at(-1)).toMatchObject({
    event: 'tenant.swept',
    tenant: 'test',
    rows: expect.any(Number),
  });
});

test('one family that fails to sweep is logged and does not keep the others from it', () => {
  const test = createdCompartment({
    sweepers: [
      () => {
        throw new Error('broken');
      },
      () => 3,
    ],
  });
  expect(test.compartment.sweep()).toBe('done');
  expect(test.lines).toMatchObject([
    { event: 'tenant.sweep_failed', cause: { message: 'broken' } },
    { event: 'tenant.swept', rows: 3 },
  ]);
});

test('where there is no tenant there is nothing to sweep, and nothing is written', () => {
  const test = createdCompartment();
  for (const { name } of test.db.exec<{ name: string }>(
    `SELECT name FROM sqlite_master WHERE name = '_sql_schema_migrations'`,
  )) {
    test.db.script(`DROP TABLE ${name}`);
  }
  test.compartment.forget();
  expect(test.compartment.sweep()).toBe('absent');
});
