import { expect, test } from 'vitest';
import { recordsList } from '../../src/tenant/records/reading/calls.ts';
import { callRequest, createdCompartment, GENEROUS } from '../support/compartment.ts';

/** What the operator reads of a tenant, without a token of it. */

function opened() {
  const tenant = createdCompartment({ limits: { tenant: GENEROUS, tool: { rate: 1, burst: 8 } } });
  const read = (tool: string, args: unknown = {}, as?: string) => {
    const { caller } = callRequest('operator' as never, tool, args, tenant.clock.now);
    const answered = tenant.compartment.reading.readAsOperator({ tool, args, as, caller });
    if (!answered.ok) throw new Error(answered.error.message);
    return answered.value;
  };
  const count = (table: string) =>
    tenant.db.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)[0]?.n ?? 0;
  return { ...tenant, read, count };
}

test('only tools that read are run, and what they would write all the same is undone', () => {
  const { issue, call, read, count, db } = opened();
  const token = issue();
  call(token, 'blackboard_write', { key: 'plan', value: 'search for me' });
  for (const tool of [
    'blackboard_write',
    'blackboard_claim',
    'scar_record',
    'cache_set',
    'session_open',
    'nothing',
  ])
    expect(read(tool, { key: 'plan', value: 2 })).toEqual({ kind: 'unknown_tool' });
  const indexed = () => db.exec('SELECT * FROM board_indexed');
  const before = indexed();
  expect(read('blackboard_list', { query: 'search' })).toMatchObject({ kind: 'answer' });
  expect(indexed()).toEqual(before);
  // The tenant's own search brings the index up to date.
  call(token, 'blackboard_list', { query: 'search' });
  expect(indexed()).not.toEqual(before);
  expect(count('board_events')).toBe(1);
});

test('wrong arguments are named, and a read that fails leaves a record of the operator', async () => {
  const { read, elapse, db, lines } = opened();
  expect(read('blackboard_read', { kye: 1 }, 'Ann')).toMatchObject({
    kind: 'error',
    error: { code: 'invalid_input' },
  });
  await elapse(1000);
  expect(
    db.exec("SELECT tool, transport, token_id, work, code, args FROM records WHERE tool <> 'admin'"),
  ).toMatchObject([
    { tool: 'blackboard_read', transport: 'admin', token_id: 'operator', work: 0, code: 'invalid_input' },
  ]);
  expect(lines.at(-1)).toMatchObject({ event: 'tool.call', token_id: 'operator', args: { by: 'Ann' } });
});

test('reads take nothing from the buckets of the tenant, and have one of their own', () => {
  const { issue, call, read, clock } = opened();
  const outcomes = Array.from({ length: 70 }, () => read(recordsList.name, {}).kind);
  expect(outcomes.filter((kind) => kind === 'answer')).toHaveLength(60);
  expect(read(recordsList.name)).toMatchObject({
    error: { code: 'rate_limited', retry_after_ms: 100, message: expect.stringContaining('reload the page') },
  });
  clock.now += 100;
  expect(read(recordsList.name).kind).toBe('answer');
  expect(call(issue(), 'tenant_limits')).toMatchObject({ json: expect.stringContaining('"limits":[]') });
});
