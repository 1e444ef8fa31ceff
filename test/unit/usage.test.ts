import { expect, test } from 'vitest';
import { parseTenantCommand } from '../../src/cli/tenant-command.ts';
import { usageOutput } from '../../src/cli/tenant-usage.ts';
import { openDatabase } from '../../src/local/database.ts';
import { DAY_MS, dayOf, daysOf } from '../../src/tenant/contract/period.ts';
import { MAX_TOKENS_A_DAY, MAX_USAGE_DAYS, OTHER } from '../../src/tenant/records/usage.ts';
import {
  callRequest,
  createdCompartment,
  openCompartment,
  type TestCompartment,
} from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';
import { createOldTenant } from '../support/old-database.ts';
import type { Answer } from '../support/tenant.ts';

function usageOf({ compartment, clock }: TestCompartment, by: string): Answer[] {
  const args = { by, since: '1970-01-01', until: new Date(clock.now + 2 * DAY_MS).toISOString() };
  const answer = compartment.reading.ask('usage', args);
  if (!answer.ok) throw new Error(answer.error.message);
  const { usage }: Answer = JSON.parse(answer.value);
  return usage;
}

const rowsOf = ({ db }: TestCompartment) =>
  db.exec<{ rows: number; told: number }>(
    'SELECT (SELECT count(*) FROM usage) AS rows, usage_rows AS told FROM ledger',
  );

test.each([
  ['2028-02-29T23:59:59.999Z', 'day', '2028-02-29', '2028-03-01'],
  ['2028-02-29T23:59:59.999Z', 'month', '2028-02-01', '2028-03-01'],
  ['2026-12-31T00:00:00.000Z', 'month', '2026-12-01', '2027-01-01'],
  ['1969-12-31T23:59:59.999Z', 'day', '1969-12-31', '1970-01-01'],
] as const)('%s lies in the %s from %s to %s', (at, period, start, end) => {
  const day = (date: string) => Date.parse(date) / DAY_MS;
  expect(daysOf(period, Date.parse(at))).toEqual({ start: day(start), end: day(end) });
});

test('the records of an older release are counted once, and no record twice', () => {
  const db = openDatabase();
  const token = createOldTenant(db, '0016');
  const insert = (id: number, at: number, outcome: string, extra: { work: number; scope: string | null }) =>
    db.exec(
      `INSERT INTO records SELECT ?, ?, 1, 0, 2, 1, 't', ?, NULL, NULL, ?, NULL, NULL, '', '', NULL, '', ?, NULL, NULL, NULL,
         NULL, 'mcp', NULL, 10, 20, 0, 0, ?, 5, 300, 'h'`,
      id,
      at,
      outcome,
      extra.scope,
      token,
      extra.work,
    );
  insert(1, START, 'answer', { work: 3, scope: null });
  insert(2, START, 'error', { work: 0, scope: 'tenant' });
  insert(3, START + DAY_MS, 'error', { work: 1, scope: null });
  db.exec('UPDATE ledger SET last_id = 3');
  const tenant = openCompartment({ db });
  const before = usageOf(tenant, 'day');
  expect(before).toMatchObject([
    { calls: 2, failed: 0, refused: 2, charged: 2, work: 3, bytes_in: 20, saved_usd: 0.00001 },
    { calls: 2, failed: 2, refused: 0, charged: 2, work: 1 },
  ]);
  // What can be derived again is, but for usage.
  db.exec('DELETE FROM runs');
  db.exec('UPDATE ledger SET derived_id = 0');
  expect(usageOf(openCompartment({ db }), 'day')).toEqual(before);
  expect(rowsOf(tenant)).toEqual([{ rows: 2, told: 2 }]);
});

test('what was committed and not counted when a host was killed is counted by the next', () => {
  const tenant = createdCompartment();
  const token = tenant.issue();
  for (let call = 0; call < 3; call++) tenant.call(token, 'blackboard_write', { key: 'k', value: call });
  expect(usageOf(openCompartment({ db: tenant.db }), 'day')).toMatchObject([{ calls: 3 }]);
  expect(usageOf(openCompartment({ db: tenant.db }), 'day')).toMatchObject([{ calls: 3 }]);
});

test('refusals that are counted together keep their number, bytes and price', async () => {
  const tenant = createdCompartment();
  const token = tenant.issue();
  for (let call = 0; call < 50; call++) tenant.call(token, 'no_such_tool', { text: 'x'.repeat(9000) });
  await tenant.elapse(2000);
  const [used] = usageOf(tenant, 'tool');
  expect(used).toMatchObject({ calls: 0, refused: 50, charged: 50, work: 100 });
  expect(used?.bytes_in).toBeGreaterThan(50 * 9000);
  const { tool: _, ...counts } = used ?? {};
  expect(usageOf(tenant, 'day')).toMatchObject([counts]);
});

test('a day has a bounded number of rows, and they go after 400 days', () => {
  const tenant = createdCompartment();
  const tokens = Array.from({ length: MAX_TOKENS_A_DAY + 20 }, () => tenant.issue());
  for (const round of [1, 2]) {
    for (const token of tokens) tenant.call(token, 'blackboard_list');
    expect(usageOf(tenant, 'day')).toMatchObject([{ calls: round * tokens.length }]);
  }
  expect(rowsOf(tenant)).toEqual([{ rows: MAX_TOKENS_A_DAY + 1, told: MAX_TOKENS_A_DAY + 1 }]);
  expect(usageOf(tenant, 'token').find(({ token_id }) => token_id === OTHER)?.calls).toBe(40);
  const sweep = () => {
    while (tenant.compartment.sweep() === 'more');
  };
  tenant.clock.now += (MAX_USAGE_DAYS - 1) * DAY_MS;
  sweep();
  expect(usageOf(tenant, 'day')).toHaveLength(1);
  tenant.clock.now += DAY_MS;
  sweep();
  expect(rowsOf(tenant)).toEqual([{ rows: 0, told: 0 }]);
});

test('clients that give themselves many names are summed up', () => {
  const tenant = createdCompartment();
  const token = tenant.issue();
  for (let call = 0; call < 300; call++) {
    const request = callRequest(token, 'blackboard_list', {}, tenant.clock.now);
    tenant.compartment.call({
      ...request,
      session: undefined,
      caller: { ...request.caller, clientName: `=agent ${call}` },
    });
  }
  const clients = usageOf(tenant, 'client');
  expect(clients).toHaveLength(101);
  expect(clients.at(-1)).toMatchObject({ client: OTHER, calls: 200 });
});

test('usage is bookkeeping, which no caller pays for with storage', () => {
  const tenant = createdCompartment();
  tenant.call(tenant.issue(), 'blackboard_list');
  tenant.compartment.flush();
  expect(tenant.compartment.administration.storage()).toMatchObject({
    value: { bookkeeping: { usage: { rows: 1 } } },
  });
  expect(dayOf(tenant.clock.now)).toBe(tenant.db.exec<{ day: number }>('SELECT day FROM usage')[0]?.day);
});

const USED = {
  calls: 3,
  failed: 1,
  refused: 2,
  charged: 4,
  work: 5,
  bytes_in: 2048,
  bytes_out: 10,
  saved_usd: 1.5,
};
const RANGE = { id: 'acme', since: '2026-01-01T00:00:00.000Z', until: '2026-01-31T00:00:00.000Z' };

test('the command prints a table for people and CSV that no spreadsheet runs', () => {
  const usage = [
    { client: '=cmd|"/c calc"!A1', ...USED },
    { client: '', ...USED },
    { client: '＝1+1', ...USED },
    { client: 'a;=1+1', ...USED },
    { client: '\r\n\u001b[2J', ...USED },
  ];
  const answer = { ...RANGE, by: 'client', usage, total: USED };
  expect(usageOutput(answer, true).text.split('\r\n')).toEqual([
    'client,calls,failed,refused,charged,work,bytes_in,bytes_out,saved_usd',
    `"'=cmd|""/c calc""!A1",3,1,2,4,5,2048,10,1.5`,
    ',3,1,2,4,5,2048,10,1.5',
    "'＝1+1,3,1,2,4,5,2048,10,1.5",
    '"a;=1+1",3,1,2,4,5,2048,10,1.5',
    '<U+000D><U+000A><U+001B>[2J,3,1,2,4,5,2048,10,1.5',
  ]);
  const { text, document } = usageOutput(answer, false);
  expect(text).toContain('(no name)');
  expect(text).toMatch(/total +3 +1 +2 +5 +2 KiB +10 B +\$1\.50/);
  expect(document).toBe(answer);
  expect(usageOutput({ ...answer, usage: [] }, false).text).toMatch(/^Nothing was called from 2026-01-01/);
  const tokens = {
    ...RANGE,
    by: 'token',
    usage: [{ token_id: 't1', label: 'ci, nightly', ...USED }],
    total: USED,
  };
  expect(usageOutput(tokens, true).text).toContain('\r\nt1,"ci, nightly",3,');
  expect(usageOutput(tokens, false).text).toContain('ci, nightly');
});

test.each([
  [
    ['usage', 'acme'],
    { name: 'usage', id: 'acme', by: 'day', since: undefined, until: undefined, csv: false },
  ],
  [
    ['usage', 'acme', '--by', 'tool', '--since=7d', '--until', '1d', '--csv'],
    { name: 'usage', id: 'acme', by: 'tool', since: '7d', until: '1d', csv: true },
  ],
  [
    ['limits', 'acme', '--set', 'calls_per_day=1000', 'calls_per_month=20000', 'rate=5'],
    { name: 'limits', id: 'acme', change: { calls_per_day: 1000, calls_per_month: 20_000, rate: 5 } },
  ],
  [
    ['limits', 'acme', '--unset', 'calls_per_day', 'storage'],
    { name: 'limits', id: 'acme', change: { calls_per_day: null, storage: null } },
  ],
])('%j', (argv, command) => {
  expect(parseTenantCommand(argv)).toEqual(command);
});

test.each([
  [['usage', 'acme', '--by', 'agent'], '--by must be one of day, month, tool, token, client.'],
  [['usage', 'acme', 'day'], 'day is one argument too many'],
  [['usage', 'acme', '--set', 'x=1'], 'usage takes no --set'],
  [['limits', 'acme', '--set', 'calls_per_day=0'], '--set takes'],
  [['limits', 'acme', '--set', 'calls_per_day=5', 'calls_per_day=6'], 'calls_per_day twice'],
  [['limits', 'acme', '--tool', 'cache_get', '--set', 'calls_per_day=5'], 'calls_per_day is not per tool'],
  [
    ['limits', 'acme', '--tool', 'cache_get', '--unset', 'calls_per_month'],
    'calls_per_month is not per tool',
  ],
])('%j is refused: %s', (argv, message) => {
  expect(() => parseTenantCommand(argv)).toThrow(message);
});
