import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import { type CallRequest, parseTenantId } from '../../src/tenant/contract/call.ts';
import type { BucketLimit } from '../../src/tenant/contract/limit-settings.ts';
import { ALL_SCOPES, type Scope } from '../../src/tools/tool.ts';
import { decisionRequest, OPERATOR } from './decision.ts';
import { TestTenant } from './tenant.ts';

const START = Date.UTC(2026, 0, 1);
const GENEROUS = { rate: 100_000, burst: 1_000_000 };

let opened = 0;

/**
 * A new tenant in its Durable Object; `limit` holds for the tenant and each of its tools.
 * @param quota its storage quota in bytes, if it has one of its own
 */
export async function openTenant(
  limit: BucketLimit = GENEROUS,
  quota: number | null = null,
): Promise<TestTenant> {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(START);
  const id = parseTenantId(`test-${++opened}-${crypto.randomUUID().slice(0, 8)}`);
  if (id === undefined) throw new Error('not a tenant id');
  const stub = env.TENANTS.getByName(id);
  const created = await stub.create(id);
  await stub.changeLimits(limit);
  const limited = await stub.changeLimits({ ...limit, tool: '*' });
  if (!created.ok || !limited.ok) throw new Error('the tenant was not created');
  if (quota !== null) await stub.setStorageQuota(quota);
  const issue = async (scopes: readonly Scope[] = ALL_SCOPES) => {
    const issued = await stub.issueToken({
      label: 'test',
      scopes: [...scopes],
      ttlMs: 365 * 86_400_000 * 10,
    });
    if (!issued.ok) throw new Error(issued.error.message);
    return issued.value.id;
  };
  return new TestTenant({
    tokenId: await issue(),
    issue,
    call: async (request: CallRequest) => await stub.call(request),
    tenant: id,
    storedConnections: async () => await stub.storedConnections(),
    setConnection: async (connection) => await stub.setConnection(connection),
    completeRemoteCall: async (request, completion) => await stub.completeRemoteCall(request, completion),
    verify: async () => {
      const verified = await stub.verify(undefined);
      if (!verified.ok) throw new Error(verified.error.message);
      return verified.value;
    },
    setCallQuotas: async (change) => {
      const changed = await stub.changeCallQuotas(change);
      if (!changed.ok) throw new Error(changed.error.message);
    },
    changePolicy: async (change) => await stub.changePolicy(change),
    decide: async (id, decision) =>
      await stub.decideApproval(OPERATOR, id, decision, decisionRequest(Date.now())),
    changeScopes: async (token, { add, remove }) =>
      await stub.changeScopes(token, { add: [...add], remove: [...remove] }),
    approval: async (id) => await stub.approval(id),
    ask: async (question, args) => {
      const answer = await stub.ask(question, args);
      if (!answer.ok) throw new Error(answer.error.message);
      return answer.value;
    },
    restart: async () => {
      vi.setSystemTime(Date.now() + 2000);
      // Only an object that runs can be evicted, and it may have been evicted just now.
      await stub.describe();
      // An object is evicted when its timers are done, and refusals set one until half a second has passed without repeats:
      // the clock goes on while the object is waited for.
      const ticks = setInterval(() => vi.setSystemTime(Date.now() + 600), 250);
      try {
        await evictDurableObject(stub);
      } finally {
        clearInterval(ticks);
      }
    },
    now: () => Date.now(),
    setNow: (ms) => void vi.setSystemTime(ms),
    // Timers of an object are real here, so none fires: what depends on one is tested on the other host.
    elapse: async (ms) => {
      // Calls reach the object in the order in which they are made: those before this one have begun.
      await stub.describe();
      vi.setSystemTime(Date.now() + ms);
    },
  });
}
