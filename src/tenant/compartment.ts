import { fail, type Result, succeed } from '../result.ts';
import type { Gauges } from '../telemetry/metrics/report.ts';
import { describeCause } from '../telemetry/redact.ts';
import { closedSessions } from '../transport-tools/session-store.ts';
import { Administration } from './administration.ts';
import { ApprovalAdministration } from './approval-administration.ts';
import { unloadedLine } from './calls/call-log.ts';
import type { Retry, Waiting } from './calls/ending.ts';
import { RemoteCallSlots } from './calls/remote-call-slots.ts';
import { freePages } from './compact.ts';
import { ConnectionAdministration } from './connection-administration.ts';
import { ConnectionGates } from './connections/gates.ts';
import type {
  Admission,
  CallHandler,
  CallOutcome,
  CallRequest,
  Refusal,
  RemoteCompletion,
  SessionId,
  TokenId,
} from './contract/call.ts';
import { FlushTimer } from './flush-timer.ts';
import type { Host } from './host.ts';
import { type LoadedTenant, loadTenant } from './loaded-tenant.ts';
import { TenantMeter } from './meter.ts';
import { RecordReading } from './record-reading.ts';
import { RecordWatch } from './record-watch.ts';
import { RefusalCounter } from './records/refusals.ts';
import { SignIn } from './sign-in.ts';
import { hasSchema } from './storage/migrate.ts';
import { Listeners } from './streams/listeners.ts';
import { Waiters } from './streams/waiters.ts';
import { sweepStep } from './sweep.ts';
import { SweepTimes } from './sweep-times.ts';
import { TenantStreams } from './tenant-streams.ts';
import { TokenChanges } from './token-changes.ts';

/** Attempts of one waiting call: a busy topic must not occupy the tenant with it. */
const MAX_ATTEMPTS = 50;

/**
 * One tenant, independent of the platform: its database, limits and tokens, and the only way to its tools. It refuses
 * everything and writes nothing until `create` is called.
 *
 * Guarantees: a call is refused, or fails without an effect, or is answered after its effect is committed; waiting calls
 * and streams are notified only after the commit.
 * Failure: a schema that cannot be migrated makes every request `unavailable`; no method throws an expected failure.
 */
export class Compartment implements CallHandler {
  /** The operator's actions. */
  readonly administration: Administration;
  /** Members and their grants. */
  readonly signIn: SignIn;
  /** Changes of tokens by members, and by tokens that may. */
  readonly tokenChanges: TokenChanges;
  /** What the operator reads of the records. */
  readonly reading: RecordReading;
  /** The tenant's connections to its own systems. */
  readonly connections: ConnectionAdministration;
  /** Its streams of notifications. */
  readonly streams: TenantStreams;
  /** The calls that a person must approve. */
  readonly approvals: ApprovalAdministration;
  readonly #host: Host;
  readonly #waiters: Waiters;
  readonly #listeners: Listeners;
  readonly #remoteCalls = new RemoteCallSlots();
  readonly #gates = new ConnectionGates();
  readonly #refusals = new RefusalCounter();
  readonly #flushTimer: FlushTimer;
  readonly #watch: RecordWatch;
  readonly #meter: TenantMeter | undefined;
  readonly #sweeps: SweepTimes;
  #loaded: LoadedTenant | undefined;
  /** Topics that committed calls have touched and that are not announced yet. */
  #touched: Set<string> | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#waiters = new Waiters(host.later);
    this.#sweeps = new SweepTimes(host);
    this.#meter = host.report && new TenantMeter(host, host.report);
    const { db, later, wakeWithin, listeners } = host;
    const flush = () => void (this.#requireLoaded().ok && this.flush());
    this.#flushTimer = new FlushTimer(host, flush, (cause) =>
      this.#report('tenant.write_behind_failed', cause),
    );
    const report = (cause: unknown) => this.#report('tenant.notify_failed', cause);
    this.#listeners = new Listeners({ db, later, wakeWithin, report }, listeners);
    this.#watch = new RecordWatch(host, this.#listeners);
    const administered = {
      host,
      listeners: this.#listeners,
      waiters: this.#waiters,
      requireLoaded: () => this.#requireLoaded(),
      reportMigration: (cause: unknown) => this.#report('tenant.migration_failed', cause),
      forget: () => this.forget(),
    };
    this.administration = new Administration(administered);
    this.tokenChanges = new TokenChanges(administered, this.administration);
    this.signIn = new SignIn(administered);
    this.reading = new RecordReading(administered);
    this.approvals = new ApprovalAdministration(administered);
    this.streams = new TenantStreams({
      ...administered,
      admit: (tokenId, session) => this.admit(tokenId, session),
      call: (request) => this.#attempt(request),
      cancel: (cancelKey) => this.#cancel(cancelKey),
    });
    this.connections = new ConnectionAdministration(administered, this.#gates);
    // Streams that have survived a hibernation may not have been sent everything before it.
    if (listeners.length > 0) later(0, () => this.#resumeStreams());
  }

  /** The tokens that calls were charged since the storage was read. */
  get work(): number {
    return this.#loaded?.limiter.spent ?? 0;
  }

  admit(tokenId: TokenId, session: SessionId | undefined): Result<Admission, Refusal> {
    return this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      return loaded.ok ? loaded.value.pipeline.admit(tokenId, session) : loaded;
    });
  }

  call(request: CallRequest): CallOutcome | Promise<CallOutcome> {
    const first = this.#attempt(request);
    return first.kind === 'waiting' ? this.#waited(request, first) : first;
  }

  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): void {
    this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      if (!loaded.ok) return;
      const { tokens, pipeline } = loaded.value;
      // The call may be one of a tenant that was erased meanwhile; the one that was created after it records none of it.
      if (tokens.find(request.tokenId) === undefined) {
        this.#remoteCalls.release(completion.slot);
        this.#gates.release(completion.slot);
      } else pipeline.completeRemoteCall(request, completion);
    });
    // Whoever asks for the answer of a held call may wait for it.
    this.#announce();
  }

  cancel(_tokenId: TokenId, cancelKey: string): void {
    this.#cancel(cancelKey);
  }

  #cancel(cancelKey: string): void {
    this.#waiters.cancel(cancelKey);
    this.#listeners.cancel(cancelKey);
  }

  /** Runs a waiting call again when its topic is touched or its retry time comes, and a last time when `wait_s` is over. */
  async #waited(request: CallRequest, first: Waiting): Promise<CallOutcome> {
    const since = this.#host.monotonic();
    let isOver = false;
    // A timer rather than a reading of the clock, which may step back meanwhile.
    const stop = this.#host.later(first.waitMs, () => {
      isOver = true;
      this.#waiters.cancel(request.cancelKey);
    });
    try {
      let waiting = first;
      for (let attempts = 1; ; attempts++) {
        const ms = waiting.retryInMs ?? first.waitMs;
        const mayWait = await this.#waiters.wait(waiting.topic, ms, request.cancelKey);
        const next = this.#attempt(request, {
          mayWait: mayWait && !isOver && attempts < MAX_ATTEMPTS,
          waitedMs: Math.round(this.#host.monotonic() - since),
          work: waiting.work,
        });
        if (next.kind !== 'waiting') return next;
        waiting = next;
      }
    } finally {
      stop();
    }
  }

  #attempt(request: CallRequest, retry?: Retry): CallOutcome | Waiting {
    const ended = this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      if (loaded.ok) return loaded.value.pipeline.call(request, retry);
      this.#host.log(unloadedLine(request, loaded.error, this.#host.clock()));
      return { kind: 'refused' as const, refusal: loaded.error };
    });
    this.#announce();
    return ended;
  }

  /** After a commit: wakes the calls that wait for what it touched, and notifies the streams. */
  #announce(): void {
    const touched = this.#touched;
    if (touched === undefined) return;
    this.#touched = undefined;
    this.#waiters.touch(touched);
    for (const session of closedSessions(touched)) this.#listeners.endSession(session);
    if (this.#loaded === undefined) return;
    const { pipeline } = this.#loaded;
    this.#listeners.announce(pipeline.rev);
    this.#sweeps.wakeFor(pipeline.nextExpiry);
  }

  #resumeStreams(): void {
    const loaded = this.#requireLoaded();
    if (loaded.ok) this.#listeners.announce(loaded.value.pipeline.rev);
  }

  /** Wakes every waiting call and notifies every stream, after another process has written to the database. */
  announceAll(): void {
    const head = this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      return loaded.ok ? loaded.value.pipeline.rev : undefined;
    });
    this.#waiters.touchAll();
    if (head !== undefined) this.#listeners.announce(head);
  }

  /**
   * Records and deletes what has expired, a bounded step of each kind, and notifies those who watch. No answer about a
   * cell depends on it: every read ignores expired rows.
   * @returns whether there is more to do, or `absent` when there is no tenant
   */
  sweep(): 'more' | 'done' | 'absent' {
    const progress = this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      if (!loaded.ok) return loaded.error.reason === 'unavailable' ? 'done' : 'absent';
      const { pipeline, profile, records } = loaded.value;
      records.flush();
      return sweepStep(this.#host, profile.id, (limit) => pipeline.recordExpiries(limit));
    });
    this.#announce();
    this.#reportIfDue();
    return progress;
  }

  /** When to sweep again, in milliseconds. */
  nextSweepMs(progress: 'more' | 'done'): number {
    return this.#sweeps.nextMs(progress, this.#loaded?.pipeline.nextExpiry);
  }

  /** Drops old versions and records when the disk is full, so that pages are free. @returns whether there were any */
  freePages(): boolean {
    return this.#requireLoaded().ok && freePages(this.#host.db);
  }

  /** Saves the charges and records that are still in memory. */
  flush(): void {
    this.#loaded?.records.flush();
    this.#reportIfDue();
  }

  /** Reports what the tenant is like after a change by the operator, who looks for it at once. */
  reportNow(): void {
    const loaded = this.#requireLoaded();
    if (loaded.ok) this.#meter?.reportNow(loaded.value.profile.id, this.#gaugesOf(loaded.value)());
  }

  #reportIfDue(): void {
    if (this.#loaded !== undefined)
      this.#meter?.reportIfDue(this.#loaded.profile.id, this.#gaugesOf(this.#loaded));
  }

  #gaugesOf({ profile, quota, limiter }: LoadedTenant): () => Gauges {
    return () => ({
      status: profile.status,
      storageBytes: quota.used(),
      storageQuotaBytes: quota.bytes,
      limitRemainingRatio: limiter.fullness(this.#host.monotonic()),
      openStreams: this.#listeners.count,
      waiters: this.#waiters.count,
    });
  }

  /** Drops the state in memory, which no longer agrees with the storage; the next call reads it again. */
  reload(): void {
    this.#loaded?.records.stop();
    this.#loaded = undefined;
    this.#touched = undefined;
  }

  /** Drops the state in memory and wakes every waiting call. */
  forget(): void {
    this.reload();
    // A waiting call is admitted again, and is refused if its token or tenant is gone.
    this.#waiters.touchAll();
  }

  /** The storage was erased: drops the state in memory and ends every stream. */
  erased(): void {
    this.forget();
    this.#refusals.clear();
    this.#gates.clear();
    this.#listeners.endAll('gone');
  }

  /** The loaded tenant. A tenant that was never created is refused like any token that is not valid. */
  #requireLoaded(): Result<LoadedTenant, { reason: 'invalid_token' | 'unavailable' }> {
    if (this.#loaded !== undefined) return succeed(this.#loaded);
    try {
      if (!hasSchema(this.#host.db)) return fail({ reason: 'invalid_token' });
      return succeed(this.#load());
    } catch (cause) {
      this.#report('tenant.migration_failed', cause);
      return fail({ reason: 'unavailable' });
    }
  }

  #report(
    event: 'tenant.migration_failed' | 'tenant.notify_failed' | 'tenant.write_behind_failed',
    cause: unknown,
  ): void {
    this.#host.log({ level: 'error', event, cause: describeCause(cause, undefined, {}) });
  }

  #load(): LoadedTenant {
    this.#loaded ??= loadTenant(this.#host, {
      remoteCalls: this.#remoteCalls,
      gates: this.#gates,
      refusals: this.#refusals,
      flushWithin: (ms) => this.#flushTimer.set(this.#watch.flushMs(ms)),
      recorded: (last) => {
        this.#watch.recorded(last);
        this.#host.recorded?.(last);
      },
      dropped: (count) => this.#meter?.recordsDropped(count),
      attached: this.#listeners.sessions(),
      mayWait: () => !this.#waiters.full,
      committed: (topics) => {
        this.#touched = new Set([...(this.#touched ?? []), ...topics]);
      },
    });
    return this.#loaded;
  }
}
