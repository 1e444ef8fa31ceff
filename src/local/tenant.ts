import { catalogue, sweepers } from '../catalogue.ts';
import { DEFAULT_LIMITS, DEFAULT_STORAGE_QUOTA_BYTES } from '../config.ts';
import type { Log } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import { randomHex } from '../telemetry/trace.ts';
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
import { SCOPES } from '../tools/tool.ts';
import type { LocalDatabase } from './database.ts';
import { DataError } from './directory.ts';
import { readMigrations } from './migrations.ts';

const TENANT = 'local';
/** The one token of a data file: whoever may read the file may call. */
const TOKEN_LABEL = 'stdio';
const TOKEN_TTL_MS = 100 * 365 * 86_400_000;
/** How long it takes at most until one process notices what another one wrote. */
const POLL_MS = 100;
/** Once the first calls are answered. */
const FIRST_SWEEP_MS = 1000;
const SWEEP_AGAIN_MS = 5000;
const SWEEP_EVERY_MS = 3_600_000;

const later: Host['later'] = (ms, task) => {
  const timer = setTimeout(task, ms);
  // What is put off never keeps the process from ending.
  timer.unref();
  return () => clearTimeout(timer);
};

export interface LocalTenantOptions {
  readonly db: LocalDatabase;
  readonly log: Log;
  /** What differs from the real thing. */
  readonly host?: Partial<Pick<Host, 'clock' | 'monotonic' | 'later' | 'catalogue' | 'limits'>>;
}

/**
 * The tenant of one data file, in this process; other processes may have the same file open. Each entry is one
 * transaction that keeps the others out, and that first reads anew what is in memory if another one has written.
 */
export class LocalTenant {
  readonly tokenId: TokenId;
  readonly compartment: Compartment;
  readonly #db: LocalDatabase;
  readonly #log: Log;
  readonly #clock: () => number;
  /** The version of the file that memory agrees with, and the one that was announced to whoever waits or listens. */
  #read: number;
  #announced: number;
  #entered = false;
  #poll: NodeJS.Timeout | undefined;
  #stopSweeping = () => {};

  /**
   * Makes the tenant of a file that has none.
   * @throws DataError when the schema cannot be brought up to date
   */
  constructor({ db, log, host }: LocalTenantOptions) {
    this.#db = db;
    this.#log = log;
    this.#clock = host?.clock ?? (() => Date.now());
    this.#read = db.dataVersion();
    this.#announced = this.#read;
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
      listeners: [],
      openElsewhere: () => this.#openElsewhere(),
      exclusively: (body) => this.exclusively(body),
      ...host,
    });
    // In one step, so that two processes on a new file make one tenant and one token.
    this.tokenId = this.exclusively(() => this.#settled());
  }

  #settled(): TokenId {
    const id = parseTenantId(TENANT);
    if (id === undefined) throw new Error('the id of the local tenant is none');
    const created = this.compartment.create(id);
    if (!created.ok && created.problem !== 'conflict') throw new DataError(created.message);
    const now = this.#clock();
    const known = answerOf(this.compartment.tokens()).find(
      ({ label, revokedAt, expiresAt }) => label === TOKEN_LABEL && revokedAt === null && now < expiresAt,
    );
    const token = { label: TOKEN_LABEL, scopes: SCOPES, ttlMs: TOKEN_TTL_MS };
    return (known ?? answerOf(this.compartment.issueToken(token))).id;
  }

  /** Runs one entry. @throws when the file cannot be written, and then neither it nor memory has changed */
  exclusively<T>(body: () => T): T {
    if (this.#entered) return body();
    this.#db.begin();
    this.#entered = true;
    try {
      this.#catchUp();
      const result = body();
      this.compartment.flush();
      this.#db.commit();
      return result;
    } catch (cause) {
      this.#db.rollback();
      this.compartment.reload();
      throw cause;
    } finally {
      this.#entered = false;
    }
  }

  #catchUp(): void {
    const version = this.#db.dataVersion();
    if (version === this.#read) return;
    this.compartment.reload();
    this.#read = version;
  }

  /** Passes a call through the door; what the file does not take is `unavailable`, and nothing was changed. */
  async call(request: CallRequest): Promise<CallOutcome> {
    try {
      return await this.compartment.call(request);
    } catch (cause) {
      this.#report(cause);
      return { kind: 'refused', refusal: { reason: 'unavailable' } };
    }
  }

  /** Reports the end of a tool that ran outside the tenant. */
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): void {
    this.#attempt(() => this.compartment.completeRemoteCall(request, completion));
  }

  /** Begins to look for what others write, and to give back the space of what has expired. */
  start(): void {
    this.#poll = setInterval(() => this.noticeOthers(), POLL_MS);
    this.#poll.unref();
    this.#sweepIn(FIRST_SWEEP_MS);
  }

  /** Tells whoever waits or listens here of what another process has written. */
  noticeOthers(): void {
    this.#attempt(() => {
      const version = this.#db.dataVersion();
      if (version === this.#announced) return;
      this.compartment.announceAll();
      this.#announced = version;
    });
  }

  #sweepIn(ms: number): void {
    this.#stopSweeping = later(ms, () => {
      let swept = 'done';
      this.#attempt(() => {
        swept = this.exclusively(() => this.compartment.sweep());
      });
      this.#sweepIn(swept === 'more' ? SWEEP_AGAIN_MS : SWEEP_EVERY_MS);
    });
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (cause) {
      this.#report(cause);
    }
  }

  #report(cause: unknown): void {
    this.#log({
      level: 'error',
      event: 'request.refused',
      tenant: TENANT,
      code: 'unavailable',
      cause: describeCause(cause, undefined, {}),
    });
  }

  /** An id for a session of this process. It names the process, so that others can tell whether it still runs. */
  newSessionId(): SessionId {
    return `${process.pid}-${randomHex(12)}` as SessionId;
  }

  /** The sessions that hold a stream in another process that runs; of one that was killed, the stream is gone. */
  #openElsewhere(): string[] {
    return this.#db
      .exec<{ id: string }>('SELECT id FROM sessions WHERE attached = 1')
      .map(({ id }) => id)
      .filter((id) => isAnother(Number.parseInt(id, 10)));
  }

  close(): void {
    clearInterval(this.#poll);
    this.#stopSweeping();
    this.#db.close();
  }
}

function isAnother(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // One that may not be signalled runs.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

function answerOf<T>(operation: Operation<T>): T {
  if (operation.ok) return operation.value;
  throw new DataError(operation.message);
}
