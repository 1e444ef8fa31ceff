import type { CallRequest } from '../../src/tenant/call.ts';
import type { BucketLimit } from '../../src/tenant/limits.ts';
import { createdCompartment, GENEROUS } from './compartment.ts';
import { TestTenant } from './tenant.ts';

/** A new tenant on `node:sqlite`; `limit` holds for the tenant and each of its tools. */
export async function openTenant(limit: BucketLimit = GENEROUS): Promise<TestTenant> {
  const { compartment, clock, issue, elapse } = createdCompartment({
    limits: { tenant: limit, tool: limit },
  });
  return new TestTenant({
    tokenId: issue(),
    issue: async () => issue(),
    call: async (request: CallRequest) => compartment.call(request),
    now: () => clock.now,
    setNow: (ms) => {
      clock.now = ms;
    },
    elapse,
  });
}
