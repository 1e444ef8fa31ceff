import { catalogue, sweepers } from '../catalogue.ts';
import { DEFAULT_LIMITS, DEFAULT_STORAGE_QUOTA_BYTES } from '../config.ts';
import type { ConnectionAccess } from '../connections/call-connections.ts';
import type { ProtocolFailure } from '../mcp/server-binding.ts';
import { type Log, traceFields } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import { randomHex } from '../telemetry/trace.ts';
import { growthOf } from '../tenant/calls/storage-quota.ts';
import { Compartment } from '../tenant/compartment.ts';
import {
  type CallOutcome,
  type CallRequest,
  parseTenantId,
  type RemoteCompletion,
  type SessionId,
  type TokenId,
} from '../tenant/contract/call.ts';
import type { Host } from '../tenant/host.ts';
import type { Operation } from '../tenant/operation.ts';
import { StorageFailure } from '../tenant/storage/database.ts';
import { RECORDS_SCOPE, SCOPES, type Scope } from '../tools/families.ts';
import { isRemoteTool } from '../tools/remote-tool.ts';
import { type LocalConnections, NO_CONNECTIONS } from './connections.ts';
import type { LocalDatabase } from './database.ts';
import { DataError, foreignReason } from './directory.ts';
import { FullDisk, type FullDiskOptions } from './full-disk.ts';
import { readMigrations } from './migrations.ts';
import { isOtherRunningProcess } from './processes.ts';

const TENANT = 'local';
/** Its connections are in a file, which its user writes. */
export const LOCAL_SCOPES: readonly Scope[] = [...SCOPES, RECORDS_SCOPE];
/** Each data file has one token with all scopes: access to the file is the authorization. */
const TOKEN_LABEL = 'stdio';
const TOKEN_TTL_MS = 100 * 365 * 86_400_000;
/** How often a process checks whether another one has written. */
const POLL_MS = 100;
/** After the start, so that the first sweep does not delay the first calls. */
const FIRST_SWEEP_MS = 1000;
const SWEEP_AFTER_FAILURE_MS = 60_000;

const later: Host['later'] = (ms, task) => {
  const timer = setTimeout(task, ms);
  // A timer must not keep the process running.
  timer.unref();
  return () => clearTimeout(timer);
};

export interface LocalTenantOptions {
  readonly db: LocalDatabase;
  readonly log: Log;
  /** Used for calls that add no data once the disk is full; undefined when no space is set aside. */
  readonly reserve?: FullDiskOptions['reserve'];
  /** The connections of the user's own file. */
  readonly connections?: LocalConnections | undefined;
  /** Replacements for tests. */
  readonly host?: Partial<Pick<Host, 'clock' | 'monotonic' | 'later' | 'catalogue' | 'limits'>>;
}

/**
 * The tenant of one SQLite file, shared by all processes that have the file open.
 *
 * Guarantees: each entry (a call, a sweep, an administrative change) is one transaction with the write lock of the
 * file. It reloads the tenant's memory first if another process has committed, so every process sees the same limits,
 * revisions and tokens. If an entry throws, neither the file nor the memory has changed. Waiting calls and open streams
 * learn of another process's writes within 100 ms.
 * A file that stays locked for 0.9 seconds and a full disk fail the call as `unavailable`, with a message that says which;
 * so does a damaged file. Each writes one log line. Reads are answered on a full disk, and deletions as long as there is a reserve.
 * Streams of killed processes are recognized by the process id in their session id; a reused process id can hide one
 * until its session expires.
 */
export class LocalTenant {
  readonly tokenId: TokenId;
  readonly compartment: Compartment;
  readonly connections: ConnectionAccess;
  readonly #db: LocalDatabase;
  readonly #log: Log;
  readonly #fullDisk: FullDisk;
  readonly #clock: () => number;
  /** The version of the file that is loaded into memory. */
  #loadedVersion: number;
  /** The version of the file that waiting calls and streams were notified of. */
  #announcedVersion: number;
  #isInTransaction = false;
  #poll: NodeJS.Timeout | undefined;
  #stopSweeping = () => {};
  /** When the next sweep runs, by the clock of the process; undefined until `start`. */
  #sweepsAt: number | undefined;

  /**
   * Creates the tenant if the file has none.
   * @throws DataError when the schema cannot be brought up to date
   */
  constructor({ db, log, reserve, connections = NO_CONNECTIONS, host }: LocalTenantOptions) {
    this.connections = connections.access;
    this.#db = db;
    this.#log = log;
    this.#fullDisk = new FullDisk({ db, reserve, freePages: () => this.#freePages() });
    this.#clock = host?.clock ?? (() => Date.now());
    this.#loadedVersion = db.dataVersion();
    this.#announcedVersion = this.#loadedVersion;
    this.compartment = new Compartment({
      db,
      clock: this.#clock,
      monotonic: () => performance.now(),
      later,
      log,
      migrations: readMigrations(),
      catalogue,
      limits: DEFAULT_LIMITS,
      storageQuotaBytes: DEFAULT_STORAGE_QUOTA_BYTES,
      sweepers,
      keptConnections: connections.find,
      listeners: [],
      openElsewhere: () => this.#openElsewhere(),
      exclusively: (body) => this.exclusively(body),
      wakeWithin: (ms) => this.#sweepWithin(ms),
      ...host,
    });
    // In one transaction, so that two processes on a new file create one tenant and one token.
    this.tokenId = this.exclusively(() => this.#ensureTenantAndToken());
  }

  #ensureTenantAndToken(): TokenId {
    const id = parseTenantId(TENANT);
    if (id === undefined) throw new Error(`${TENANT} is not a valid tenant id`);
    const created = this.compartment.administration.create(id);
    if (!created.ok && created.error.reason !== 'conflict') throw new DataError(created.error.message);
    const now = this.#clock();
    const known = requireValue(this.compartment.administration.tokens()).find(
      ({ label, revokedAt, expiresAt }) => label === TOKEN_LABEL && revokedAt === null && now < expiresAt,
    );
    const token = { label: TOKEN_LABEL, scopes: LOCAL_SCOPES, ttlMs: TOKEN_TTL_MS };
    if (known === undefined) return requireValue(this.compartment.administration.issueToken(token)).id;
    if (LOCAL_SCOPES.every((scope) => known.scopes.includes(scope))) return known.id;
    // An older release issued the token without the scopes of families that it did not have.
    return requireValue(
      this.compartment.administration.changeScopes(known.id, { add: LOCAL_SCOPES, remove: [] }),
    ).id;
  }

  /**
   * Runs `body` as one entry. @throws what `body` throws, or the error of a file that cannot be written; nothing has
   * changed then
   */
  exclusively<T>(body: () => T): T {
    if (this.#isInTransaction) return body();
    this.#db.begin();
    this.#isInTransaction = true;
    try {
      this.#reloadIfChanged();
      const before = this.#db.changes();
      const result = body();
      const hasWritten = this.#db.changes() !== before;
      this.#commit(hasWritten);
      return result;
    } catch (cause) {
      this.#db.rollback();
      this.compartment.reload();
      throw cause;
    } finally {
      this.#isInTransaction = false;
    }
  }

  /** Commits, with the records of reads. A read is answered even if its record cannot be stored. */
  #commit(hasWritten: boolean): void {
    try {
      this.compartment.flush();
      this.#db.commit();
    } catch (cause) {
      if (hasWritten) throw cause;
      this.#db.rollback();
      this.compartment.reload();
      this.#logUnavailable(cause);
    }
  }

  #reloadIfChanged(): void {
    const version = this.#db.dataVersion();
    if (version === this.#loadedVersion) return;
    this.compartment.reload();
    this.#loadedVersion = version;
  }

  /** Runs a call. If the file cannot be written, the call fails as `unavailable` and nothing has changed. */
  async call(request: CallRequest): Promise<CallOutcome> {
    const run = async () => this.compartment.call(request);
    try {
      return this.#explained(await run(), request);
    } catch (cause) {
      try {
        return await this.#fullDisk.runAgain(cause, addsData(request), run);
      } catch (last) {
        return this.#failed(last, request);
      }
    }
  }

  /** Says of a tenant that cannot be loaded what is wrong with its file, where that is known. */
  #explained(outcome: CallOutcome, { caller }: CallRequest): CallOutcome {
    if (outcome.kind !== 'refused' || outcome.refusal.reason !== 'unavailable') return outcome;
    const reason = foreignReason(this.#db);
    if (reason === undefined) return outcome;
    const message = `The data file cannot be used: ${reason}.`;
    const about = { code: 'unavailable', retryable: false, trace_id: caller.trace.traceId } as const;
    return { kind: 'error', error: { ...about, message } };
  }

  #failed(cause: unknown, { caller }: CallRequest): CallOutcome {
    this.#logUnavailable(cause);
    if (!(cause instanceof StorageFailure)) return { kind: 'refused', refusal: { reason: 'unavailable' } };
    const about = { code: 'unavailable', retryable: true, trace_id: caller.trace.traceId } as const;
    return { kind: 'error', error: { ...about, ...FAILURES[cause.reason] } };
  }

  /** Makes pages of the file free for use. @returns whether it could */
  #freePages(): boolean {
    try {
      return this.exclusively(() => this.compartment.freePages());
    } catch (cause) {
      this.#logUnavailable(cause);
      return false;
    }
  }

  /** Records the outcome of a remote tool, which runs outside the tenant's transactions. */
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): void {
    this.#runLogged(() => this.compartment.completeRemoteCall(request, completion));
  }

  /** Starts the checks for other processes' writes, and the sweeps of expired data. */
  start(): void {
    this.#poll = setInterval(() => this.announceForeignWrites(), POLL_MS);
    this.#poll.unref();
    this.#scheduleSweep(FIRST_SWEEP_MS);
  }

  /** Wakes waiting calls and notifies streams of this process if another process has written. */
  announceForeignWrites(): void {
    this.#runLogged(() => {
      const version = this.#db.dataVersion();
      if (version === this.#announcedVersion) return;
      this.compartment.announceAll();
      this.#announcedVersion = version;
    });
  }

  #scheduleSweep(ms: number): void {
    this.#stopSweeping();
    this.#sweepsAt = performance.now() + ms;
    this.#stopSweeping = later(ms, () => {
      let next = SWEEP_AFTER_FAILURE_MS;
      this.#runLogged(() => {
        const progress = this.compartment.sweep();
        next = this.compartment.nextSweepMs(progress === 'more' ? 'more' : 'done');
      });
      this.#scheduleSweep(next);
    });
  }

  #sweepWithin(ms: number): void {
    if (this.#sweepsAt !== undefined && this.#sweepsAt > performance.now() + ms) this.#scheduleSweep(ms);
  }

  #runLogged(act: () => void): void {
    try {
      act();
    } catch (cause) {
      this.#logUnavailable(cause);
    }
  }

  #logUnavailable(cause: unknown): void {
    this.#log({
      level: 'error',
      event: 'request.refused',
      tenant: TENANT,
      code: 'unavailable',
      cause: describeCause(cause, undefined, {}),
    });
  }

  /** Logs an error with which the protocol server itself has answered a request. */
  logProtocolError({ arrival, cause }: ProtocolFailure): void {
    this.#log({
      level: 'warn',
      event: 'request.refused',
      tenant: TENANT,
      code: cause === undefined ? 'protocol' : 'internal',
      cause,
      ...traceFields(arrival.trace),
      request_id: arrival.id,
    });
  }

  /**
   * An id for a session of this process. It starts with the process id, so that others can check whether the process
   * runs.
   */
  newSessionId(): SessionId {
    return `${process.pid}-${randomHex(12)}` as SessionId;
  }

  /** Sessions with an open stream in another running process. The streams of a killed process are closed. */
  #openElsewhere(): string[] {
    return this.#db
      .exec<{ id: string }>('SELECT id FROM sessions WHERE attached = 1')
      .map(({ id }) => id)
      .filter((id) => isOtherRunningProcess(Number.parseInt(id, 10)));
  }

  close(): void {
    clearInterval(this.#poll);
    this.#sweepsAt = undefined;
    this.#stopSweeping();
    this.#db.close();
  }
}

/** What the caller is told of a file that cannot be written. */
const FAILURES = {
  full: {
    message:
      'The disk that holds the data file is full, so nothing was written. Free space on the disk or delete entries, then repeat the call.',
  },
  locked: {
    message: 'Another process has locked the data file, so nothing was written. Repeat the call shortly.',
    retry_after_ms: 1000,
  },
} as const;

/** Whether a call may only run where there is room for its data. */
function addsData({ tool: name, args }: CallRequest): boolean {
  const tool = catalogue.find(name);
  return tool === undefined || isRemoteTool(tool) || growthOf(tool, Object(args)) !== 'none';
}

function requireValue<T>(operation: Operation<T>): T {
  if (operation.ok) return operation.value;
  throw new DataError(operation.error.message);
}
