import type { TestTenant } from './tenant.ts';

/** Helpers that several blackboard suites share. */

export const write = (tenant: TestTenant, key: string, value: unknown, more = {}) =>
  tenant.ok('blackboard_write', { key, value, ...more });
export const claim = (tenant: TestTenant, args: object) =>
  tenant.ok('blackboard_claim', { by: 'a', ...args });
export const read = async (tenant: TestTenant, key: string) =>
  (await tenant.ok('blackboard_read', { key })).entries[0];
export const listed = async (tenant: TestTenant, args: object): Promise<string[]> =>
  (await tenant.ok('blackboard_list', args)).entries.map(({ key }: { key: string }) => key);

/** Claims a cell and lets the claim expire, `times` times. */
export async function fail(tenant: TestTenant, key: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await claim(tenant, { key, ttl_s: 1 });
    tenant.advance(1_000);
  }
}
