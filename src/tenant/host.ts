import type { Log } from '../telemetry/log.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import type { Sweeper } from '../tools/tool.ts';
import type { KeptConnections } from './connections/tenant-connections.ts';
import type { Limits } from './contract/limit-settings.ts';
import type { Later } from './contract/timer.ts';
import type { SendReport } from './meter.ts';
import type { HeadSigner } from './records/anchors.ts';
import type { Database } from './storage/database.ts';
import type { Migration } from './storage/migrate.ts';
import type { Listener } from './streams/stream.ts';

/**
 * What a platform provides to the compartment of one tenant. There are two hosts: the Durable Object (`object.ts`) and
 * the local process (`src/local/tenant.ts`). Everything that depends on the platform, the time included, comes from here.
 *
 * @example
 * ```ts
 * import { Compartment } from './compartment.ts';
 * import type { Host } from './host.ts';
 *
 * type Parts = Pick<Host, 'db' | 'log' | 'migrations' | 'catalogue' | 'sweepers'>;
 *
 * // A host that is the only process with access to its database, and that has no open streams when it starts.
 * function hostTenant(parts: Parts): Compartment {
 *   return new Compartment({
 *     ...parts,
 *     clock: () => Date.now(),
 *     monotonic: () => performance.now(),
 *     later: (ms, task) => {
 *       const timer = setTimeout(task, ms);
 *       return () => clearTimeout(timer);
 *     },
 *     limits: { tenant: { rate: 50, burst: 200 }, tool: { rate: 20, burst: 60 } },
 *     storageQuotaBytes: 1_073_741_824,
 *     listeners: [],
 *     exclusively: (body) => body(),
 *   });
 * }
 * ```
 */
export interface Host {
  readonly db: Database;
  /** The time in milliseconds since the epoch. It may step back; limits and expiry tolerate that. */
  readonly clock: () => number;
  /** Milliseconds on a clock that never steps back, for durations. */
  readonly monotonic: () => number;
  readonly later: Later;
  /** Receives one record for each call and each failure. A record that it fails to write does not fail the call. */
  readonly log: Log;
  /** The schema, in any order. Files that the database lacks are applied in the order of their names. */
  readonly migrations: readonly Migration[];
  /** The tools, published and internal. */
  readonly catalogue: Catalogue;
  /** The token buckets of a tenant without limits of its own: `rate` in tokens per second, `burst` in tokens. */
  readonly limits: Limits;
  /** While `db.sizeBytes()` is at least this many bytes, calls of tools that can add stored data are refused. */
  readonly storageQuotaBytes: number;
  /** Signs heads of the records; none for a host without a key that is kept elsewhere. */
  readonly headSigner?: HeadSigner | undefined;
  /** Sends a report of metrics; none for a host whose metrics nobody collects. */
  readonly report?: SendReport;
  /** Told of the newest record when records were written; none for a host that exports none. */
  readonly recorded?: (last: number) => void;
  /** Where the host keeps connections that are not in the database; none for one that stores them there, encrypted. */
  readonly keptConnections?: KeptConnections;
  /** Delete what has expired: one for each part of the storage in which rows expire. */
  readonly sweepers: readonly Sweeper[];
  /** The streams that are already open when the compartment is made. */
  readonly listeners: readonly Listener[];
  /** The sessions that have a stream open in another process; none for a host that is the only process. */
  readonly openElsewhere?: () => readonly string[];
  /**
   * Makes sure that a host that is evicted from memory is loaded again within `ms` milliseconds, if it has anything to do
   * then. A host that is never evicted has none.
   */
  readonly wakeWithin?: (ms: number) => void;
  /** Runs `body` while no other process can write to the database. @throws Error when the database cannot be locked */
  exclusively<T>(body: () => T): T;
}
