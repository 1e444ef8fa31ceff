import type { TestTenant } from './tenant.ts';

/** What the suites of the blackboard do again and again. */

export const write = (tenant: TestTenant, key: string, value: unknown, more = {}) =>
  tenant.ok('blackboard_write', { key, value, ...more });
export const claim = (tenant: TestTenant, args: object) =>
  tenant.ok('blackboard_claim', { by: 'a', ...args });
export const read = async (tenant: TestTenant, key: string) =>
  (await tenant.ok('blackboard_read', { key })).entries[0];
export const listed = async (tenant: TestTenant, args: object): Promise<string[]> =>
  (await tenant.ok('blackboard_list', args)).entries.map(({ key }: { key: string }) => key);

/** Lets claims of a cell expire, one after another. */
export async function fail(tenant: TestTenant, key: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await claim(tenant, { key, ttl_s: 1 });
    tenant.advance(1_000);
  }
}
