import { type CallRequest, parseTenantId } from '../../src/tenant/call.ts';
import { Compartment } from '../../src/tenant/compartment.ts';
import { catalogue } from '../../src/tools/catalogue.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { openDatabase, readMigrations } from './node-host.ts';
import { TestTenant } from './tenant.ts';

const START = Date.UTC(2026, 0, 1);
const GENEROUS = { rate: 100_000, burst: 1_000_000 };

/** A new tenant on `node:sqlite`, with limits that no test reaches. */
export async function openTenant(): Promise<TestTenant> {
  let now = START;
  const compartment = new Compartment({
    db: openDatabase(),
    clock: () => now,
    later: () => {},
    log: () => {},
    migrations: readMigrations(),
    catalogue,
    limits: { tenant: GENEROUS, tool: GENEROUS },
    storageQuotaBytes: 1_073_741_824,
  });
  const id = parseTenantId('test');
  if (id === undefined || !compartment.create(id).ok) throw new Error('the tenant was not created');
  const issue = async () => {
    const issued = compartment.issueToken({ label: 'test', scopes: SCOPES, ttlMs: 365 * 86_400_000 * 10 });
    if (!issued.ok) throw new Error(issued.message);
    return issued.value.id;
  };
  return new TestTenant({
    tokenId: await issue(),
    issue,
    call: async (request: CallRequest) => compartment.call(request),
    now: () => now,
    setNow: (ms) => {
      now = ms;
    },
  });
}
