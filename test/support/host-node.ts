import { openDatabase } from '../../src/local/database.ts';
import { LocalTenant } from '../../src/local/tenant.ts';
import type { BucketLimit } from '../../src/tenant/contract/limit-settings.ts';
import { forwardOnly } from '../../src/tenant/contract/timer.ts';
import { ALL_SCOPES, type Scope } from '../../src/tools/tool.ts';
import { GENEROUS } from './compartment.ts';
import { decisionRequest, OPERATOR } from './decision.ts';
import { FakeTime } from './fake-time.ts';
import { TestTenant } from './tenant.ts';

const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/**
 * A new tenant of the local server; `limit` holds for the tenant and each of its tools.
 * @param quota its storage quota in bytes, if it has one of its own
 */
export async function openTenant(
  limit: BucketLimit = GENEROUS,
  quota: number | null = null,
): Promise<TestTenant> {
  const time = new FakeTime();
  const clock = () => time.now;
  const local = new LocalTenant({
    db: openDatabase(),
    log: () => {},
    host: { clock, monotonic: forwardOnly(clock), later: time.later, limits: { tenant: limit, tool: limit } },
  });
  if (quota !== null) local.compartment.administration.setStorageQuota(quota);
  const issue = async (scopes: readonly Scope[] = ALL_SCOPES) => {
    const options = { label: 'test', scopes, ttlMs: TEN_YEARS_MS };
    const issued = local.compartment.administration.issueToken(options);
    if (!issued.ok) throw new Error(issued.error.message);
    return issued.value.id;
  };
  return new TestTenant({
    tokenId: local.tokenId,
    issue,
    call: (request) => local.call(request),
    tenant: 'local',
    storedConnections: async () => local.compartment.connections.stored(),
    setConnection: async (connection) => local.compartment.connections.set(connection),
    completeRemoteCall: async (request, completion) => local.completeRemoteCall(request, completion),
    verify: async () => {
      const verified = local.exclusively(() => local.compartment.reading.verify());
      if (!verified.ok) throw new Error(verified.error.message);
      return verified.value;
    },
    setCallQuotas: async (change) => {
      const changed = local.exclusively(() => local.compartment.administration.changeCallQuotas(change));
      if (!changed.ok) throw new Error(changed.error.message);
    },
    changePolicy: async (change) => local.compartment.approvals.changePolicy(change),
    decide: async (id, decision) =>
      local.compartment.approvals.decide(OPERATOR, id, decision, decisionRequest(time.now)),
    changeScopes: async (token, change) => local.compartment.administration.changeScopes(token, change),
    approval: async (id) => local.compartment.approvals.show(id),
    ask: async (question, args) => {
      const answer = local.exclusively(() => local.compartment.reading.ask(question, args));
      if (!answer.ok) throw new Error(answer.error.message);
      return answer.value;
    },
    restart: async () => local.compartment.reload(),
    now: () => time.now,
    setNow: (ms) => {
      time.now = ms;
    },
    elapse: (ms) => time.elapse(ms),
  });
}
