import { detachSessionsExcept } from '../transport-tools/session-store.ts';
import { HeldCalls } from './approvals/held-calls.ts';
import { CallQuota } from './calls/call-quota.ts';
import { Limiter } from './calls/limiter.ts';
import { OperatorReads } from './calls/operator-reads.ts';
import { Pipeline } from './calls/pipeline.ts';
import type { PipelineParts } from './calls/pipeline-parts.ts';
import type { RemoteCallSlots } from './calls/remote-call-slots.ts';
import { StorageQuota } from './calls/storage-quota.ts';
import type { ConnectionGates } from './connections/gates.ts';
import { ConnectionStore } from './connections/store.ts';
import { TenantConnections } from './connections/tenant-connections.ts';
import type { Host } from './host.ts';
import { Grants } from './members/grants.ts';
import { Members } from './members/members.ts';
import { readLedger, unsavedCharges } from './records/ledger.ts';
import type { RefusalCounter } from './records/refusals.ts';
import { chargedOn } from './records/usage.ts';
import { RecordWriter } from './records/writer.ts';
import { migrate } from './storage/migrate.ts';
import { type Profile, readProfile } from './storage/profile.ts';
import { TokenList } from './storage/tokens.ts';
import { sweepExpired } from './sweep.ts';

/** What is in memory of a tenant whose storage was read. */
export interface LoadedTenant {
  readonly profile: Profile;
  readonly tokens: TokenList;
  readonly members: Members;
  readonly grants: Grants;
  readonly connections: ConnectionStore;
  readonly heldCalls: HeldCalls;
  readonly pipeline: Pipeline;
  readonly limiter: Limiter;
  readonly records: RecordWriter;
  readonly quota: StorageQuota;
  readonly callQuota: CallQuota;
  /** What the operator reads on the pages of the tenant. */
  readonly operatorReads: OperatorReads;
}

/** What stays when the storage is read again. */
interface Lasting extends Pick<PipelineParts, 'mayWait' | 'committed'> {
  readonly remoteCalls: RemoteCallSlots;
  readonly gates: ConnectionGates;
  readonly refusals: RefusalCounter;
  /** Has the records flushed within this time in milliseconds. */
  readonly flushWithin: (ms: number) => void;
  /** Told of the newest record that is written. */
  readonly recorded: (last: number) => void;
  /** Told of records that could not be written. */
  readonly dropped: (count: number) => void;
  /** The sessions that have a stream open here. */
  readonly attached: readonly string[];
}

/**
 * Applies missing migrations and reads the state that is kept in memory.
 * @throws MigrationError
 */
export function loadTenant(
  host: Host,
  { attached, refusals, flushWithin, recorded, dropped, gates, ...lasting }: Lasting,
): LoadedTenant {
  const { db, clock, monotonic, log, catalogue, limits, storageQuotaBytes } = host;
  const moment = () => ({ wall: clock(), monotonic: monotonic() });
  migrate(db, host.migrations);
  detachSessionsExcept(db, [...attached, ...(host.openElsewhere?.() ?? [])], clock());
  const profile = readProfile(db);
  const grants = new Grants(db);
  const tokens = new TokenList(db, grants);
  const ledger = readLedger(db);
  const limiter = new Limiter(limits, profile.overrides, ledger.buckets, moment());
  for (const { tool, work, at } of unsavedCharges(db, ledger)) limiter.recharge(tool, work, at, moment());
  const records = new RecordWriter({
    db,
    clock,
    log,
    ledger,
    refusals,
    buckets: () => limiter.save(moment()),
    flushWithin,
    recorded,
    dropped,
  });
  const callQuota = new CallQuota(profile.callQuotas, (days) => {
    records.flush();
    return chargedOn(db, days);
  });
  const quota = new StorageQuota(db, profile.storageQuotaBytes ?? storageQuotaBytes, (limit) =>
    sweepExpired(host, (most) => pipeline.recordExpiries(most), limit).reduce((sum, rows) => sum + rows, 0),
  );
  const store = new ConnectionStore(db);
  const connections = new TenantConnections(store, gates, profile.sealKey, host.keptConnections);
  const heldCalls = new HeldCalls(db);
  const parts = {
    db,
    clock,
    monotonic,
    log,
    catalogue,
    profile,
    tokens,
    limiter,
    records,
    quota,
    callQuota,
    connections,
    heldCalls,
    ...lasting,
  };
  const pipeline: Pipeline = new Pipeline({ ...parts, rev: ledger.rev });
  return {
    profile,
    tokens,
    members: new Members(db),
    grants,
    connections: store,
    heldCalls,
    pipeline,
    limiter,
    records,
    quota,
    callQuota,
    operatorReads: new OperatorReads(parts, () => pipeline.rev),
  };
}
