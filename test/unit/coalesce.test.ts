import { expect, test } from 'vitest';
import { COALESCE_MS, CoalescingLog, coalescingLog, MAX_KINDS } from '../../src/telemetry/coalesce.ts';
import type { LogRecord } from '../../src/telemetry/log.ts';
import { FakeTime } from '../support/fake-time.ts';

const refusal = (more: Partial<LogRecord> = {}): LogRecord => ({
  level: 'warn',
  event: 'tool.call',
  outcome: 'error',
  code: 'rate_limited',
  tenant: 'acme',
  token_id: 't',
  tool: 'cache_get',
  ...more,
});
const call: LogRecord = { level: 'info', event: 'tool.call', outcome: 'answer', tenant: 'acme' };

function opened() {
  const time = new FakeTime();
  const lines: LogRecord[] = [];
  return {
    time,
    lines,
    log: coalescingLog(
      (line) => void lines.push(line),
      () => time.now,
      time.later,
    ),
  };
}

test('the first refusal is written at once, its repeats within a second as one line with their number', async () => {
  const { time, lines, log } = opened();
  for (let n = 0; n < 2800; n++) log(refusal({ request_id: `r${n}` }));
  expect(lines).toEqual([refusal({ request_id: 'r0' })]);
  await time.elapse(COALESCE_MS);
  expect(lines.slice(1)).toEqual([refusal({ request_id: 'r2799', times: 2799 })]);
  log(refusal());
  expect(lines).toHaveLength(3);
});

test('so are calls beyond a quota of calls, and not those beyond the quota of the storage', () => {
  const { lines, log } = opened();
  for (let n = 0; n < 30; n++) log(refusal({ code: 'quota_exceeded', scope: 'day' }));
  expect(lines).toHaveLength(1);
  for (let n = 0; n < 3; n++) log(refusal({ code: 'quota_exceeded' }));
  expect(lines).toHaveLength(4);
});

test('so are failures to load or to reach a tenant, but not one whose id a client was given', () => {
  const { lines, log } = opened();
  const cause = { name: 'Error', message: 'no such table', stack: [] };
  const failures = [
    { event: 'tenant.migration_failed' },
    { event: 'edge.error', code: 'unavailable', tenant: 'acme' },
  ] as const;
  for (const failure of failures) for (let n = 0; n < 50; n++) log({ level: 'error', cause, ...failure });
  expect(lines).toHaveLength(failures.length);
  for (const error_id of ['a', 'b']) log({ level: 'error', event: 'edge.error', error_id, cause });
  expect(lines).toHaveLength(failures.length + 2);
  log({ level: 'error', event: 'tenant.migration_failed', cause: { ...cause, message: 'another' } });
  expect(lines).toHaveLength(failures.length + 3);
});

test('so are refusals of the sign-in, by client', async () => {
  const { time, lines, log } = opened();
  const refused = { level: 'warn', event: 'oauth.refused', code: 'invalid_grant', http_status: 400 } as const;
  for (let n = 0; n < 500; n++) log({ ...refused, client: `client${n % 2}` });
  expect(lines).toHaveLength(2);
  await time.elapse(COALESCE_MS);
  expect(lines.map(({ client, times }) => [client, times])).toEqual([
    ['client0', undefined],
    ['client1', undefined],
    ['client0', 249],
    ['client1', 249],
  ]);
});

test('every refusal is in a line or in a count, however they come', async () => {
  const { time, lines, log } = opened();
  for (let n = 0; n < 500; n++) {
    log(refusal({ tool: `tool-${n % 7}` }));
    await time.elapse(n % 40);
  }
  await time.elapse(2 * COALESCE_MS);
  expect(lines.reduce((sum, { times = 1 }) => sum + times, 0)).toBe(500);
  expect(lines.length).toBeLessThan(250);
});

test.each<Partial<LogRecord>>([
  { tenant: 'other' },
  { token_id: 'other' },
  { tool: 'other' },
  { outcome: 'refused', code: 'suspended' },
  { event: 'request.refused', http_status: 404 },
])('%j is another kind', (other) => {
  const { lines, log } = opened();
  log(refusal());
  log(refusal(other));
  expect(lines).toHaveLength(2);
});

test('whatever is no refusal is written at once, after the counts whose time is over', () => {
  const { time, lines, log } = opened();
  log(refusal());
  log(refusal());
  log(call);
  log(call);
  time.now += COALESCE_MS;
  log(call);
  expect(lines).toEqual([refusal(), call, call, refusal({ times: 1 }), call]);
});

test('kinds are bounded: the oldest count is written early', () => {
  const lines: LogRecord[] = [];
  const refusals = new CoalescingLog(
    (line) => void lines.push(line),
    () => 0,
  );
  const kinds = [...Array(2 * MAX_KINDS).keys()].map((n) => refusal({ token_id: `t${n}` }));
  for (const kind of kinds) for (let n = 0; n < 3; n++) refusals.log(kind);
  expect(lines.filter(({ times }) => times === 2)).toHaveLength(MAX_KINDS);
  expect(refusals.isPending).toBe(true);
});
