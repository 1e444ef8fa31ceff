import { reattachSessions } from '../transport-tools/session-store.ts';
import { Limiter } from './calls/limits.ts';
import { Pipeline, type PipelineParts } from './calls/pipeline.ts';
import { Records, readLedger } from './calls/records.ts';
import type { RemoteCallSlots } from './calls/remote-call-slots.ts';
import { WriteBehind } from './calls/write-behind.ts';
import type { Host } from './host.ts';
import { migrate } from './storage/migrate.ts';
import { type Profile, readProfile } from './storage/profile.ts';
import { TokenList } from './storage/tokens.ts';

/** A tenant whose storage was read: what is in memory of it. */
export interface Open {
  readonly profile: Profile;
  readonly tokens: TokenList;
  readonly pipeline: Pipeline;
  readonly writeBehind: WriteBehind;
}

/** What outlives the reading of the storage. */
interface Lasting extends Pick<PipelineParts, 'mayWait' | 'committed'> {
  readonly remoteCalls: RemoteCallSlots;
  /** The sessions that have a stream open here. */
  readonly attached: readonly string[];
}

/**
 * Brings the schema up to date and reads what is kept in memory.
 * @throws MigrationError
 */
export function open(host: Host, { attached, ...lasting }: Lasting): Open {
  const { db, clock, log, later, catalogue, limits, storageQuotaBytes } = host;
  migrate(db, host.migrations);
  reattachSessions(db, [...attached, ...(host.openElsewhere?.() ?? [])], clock());
  const profile = readProfile(db);
  const tokens = new TokenList(db);
  const ledger = readLedger(db);
  const limiter = new Limiter(limits, profile.overrides, ledger.buckets);
  const records = new Records(db);
  const writeBehind = new WriteBehind(db, log, later, records, () => ({
    rev: pipeline.rev,
    buckets: limiter.save(clock()),
  }));
  const pipeline: Pipeline = new Pipeline({
    db,
    clock,
    log,
    catalogue,
    profile,
    tokens,
    limiter,
    records,
    writeBehind,
    storageQuotaBytes,
    rev: ledger.rev,
    ...lasting,
  });
  return { profile, tokens, pipeline, writeBehind };
}
