import type { Log } from '../../telemetry/log.ts';
import type { Catalogue } from '../../tools/catalogue.ts';
import type { HeldCalls } from '../approvals/held-calls.ts';
import type { TenantConnections } from '../connections/tenant-connections.ts';
import type { RecordWriter } from '../records/writer.ts';
import type { Database } from '../storage/database.ts';
import type { Profile } from '../storage/profile.ts';
import type { TokenList } from '../storage/tokens.ts';
import type { CallQuota } from './call-quota.ts';
import type { Limiter } from './limiter.ts';
import type { RemoteCallSlots } from './remote-call-slots.ts';
import type { StorageQuota } from './storage-quota.ts';

/** What the pipeline of a tenant is made of. */
export interface PipelineParts {
  readonly db: Database;
  readonly clock: () => number;
  /** Milliseconds on a clock that never steps back, for durations. */
  readonly monotonic: () => number;
  readonly log: Log;
  readonly catalogue: Catalogue;
  readonly profile: Profile;
  readonly tokens: TokenList;
  readonly limiter: Limiter;
  readonly records: RecordWriter;
  readonly remoteCalls: RemoteCallSlots;
  readonly connections: TenantConnections;
  readonly heldCalls: HeldCalls;
  readonly quota: StorageQuota;
  readonly callQuota: CallQuota;
  /** The last revision that was committed. */
  readonly rev: number;
  /** Whether one more call may wait. */
  readonly mayWait: () => boolean;
  /** Called after a commit, with the topics that the call has touched. */
  readonly committed: (topics: ReadonlySet<string>) => void;
}
