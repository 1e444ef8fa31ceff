import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MAX_KINDS, REPORT_MS, TenantRefusals } from '../../src/edge/http/tenant-refusals.ts';
import {
  parseTenantId,
  type RefusalCount,
  type TenantId,
  type TokenId,
} from '../../src/tenant/contract/call.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const tenantOf = (name: string) => parseTenantId(name) as TenantId;
const caller = (tenant: string, token = 't') => ({ tenant: tenantOf(tenant), tokenId: token as TokenId });

function counted(fails = false) {
  const sent: [tenant: string, refusals: RefusalCount[]][] = [];
  const failed = vi.fn();
  const work: Promise<unknown>[] = [];
  const refusals = new TenantRefusals({
    clock: () => Date.now(),
    send: async (tenant, counts) => {
      if (fails) throw new Error('unreachable');
      sent.push([tenant, counts]);
    },
    failed,
  });
  return { refusals, sent, failed, flush: () => refusals.flush((promise) => void work.push(promise)), work };
}

test('refusals that are alike are one count, and each tenant is told once, within a second', async () => {
  const { refusals, sent, flush, work } = counted();
  for (let times = 0; times < 1000; times++) {
    refusals.count(caller('a'), 'too_many_requests', 'blackboard_list');
    flush();
  }
  refusals.count(caller('a'), 'method_not_allowed');
  refusals.count(caller('b', 'other'), 'too_large', 'x'.repeat(1000));
  expect(work).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(REPORT_MS);
  expect(REPORT_MS).toBeLessThan(1000);
  expect(sent).toEqual([
    [
      'a',
      [
        { tokenId: 't', code: 'too_many_requests', tool: 'blackboard_list', times: 1000 },
        { tokenId: 't', code: 'method_not_allowed', tool: undefined, times: 1 },
      ],
    ],
    ['b', [{ tokenId: 'other', code: 'too_large', tool: `${'x'.repeat(64)}…`, times: 1 }]],
  ]);
  flush();
  expect(work).toHaveLength(1);
});

test('what is counted is bounded, and a tenant that cannot be reached is no failure of the request', async () => {
  const { refusals, failed, flush, work } = counted(true);
  for (let token = 0; token < 2 * MAX_KINDS; token++) refusals.count(caller('a', String(token)), 'protocol');
  flush();
  await vi.advanceTimersByTimeAsync(REPORT_MS);
  await Promise.all(work);
  expect(failed).toHaveBeenCalledOnce();
});

test('a report whose request was cancelled is made by a later one', async () => {
  const { refusals, sent, flush, work } = counted();
  refusals.count(caller('a'), 'protocol');
  flush();
  // Its timer never fires.
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 2000);
  refusals.count(caller('a'), 'protocol');
  flush();
  expect(work).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(REPORT_MS);
  expect(sent).toMatchObject([['a', [{ times: 2 }]]]);
});
