import type { Log } from '../telemetry/log.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import type { Sweeper } from '../tools/tool.ts';
import type { Limits } from './contract/limit-settings.ts';
import type { Later } from './contract/timer.ts';
import type { Database } from './storage/database.ts';
import type { Migration } from './storage/migrate.ts';
import type { Listener } from './streams/stream.ts';

/** What a host provides to a compartment. */
export interface Host {
  readonly db: Database;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds on a clock that never steps back, for durations. */
  readonly monotonic: () => number;
  readonly later: Later;
  readonly log: Log;
  readonly migrations: readonly Migration[];
  readonly catalogue: Catalogue;
  readonly limits: Limits;
  readonly storageQuotaBytes: number;
  readonly sweepers: readonly Sweeper[];
  /** The streams that are already open when the compartment is made. */
  readonly listeners: readonly Listener[];
  /** The sessions that have a stream open in another process; none for a host that is the only process. */
  readonly openElsewhere?: () => readonly string[];
  /** Runs `body` while no other process can write to the database. */
  exclusively<T>(body: () => T): T;
}
