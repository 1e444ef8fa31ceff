import { type Log, traceFields } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import { randomHex } from '../telemetry/trace.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import type { Sweeper } from '../tools/sweepers.ts';
import type { Scope } from '../tools/tool.ts';
import type { Admission, CallOutcome, CallRequest, Door, TenantId, TokenId } from './call.ts';
import type { Database } from './database.ts';
import { sweepIdempotency } from './idempotency.ts';
import { changedLimits, type LimitChange, Limiter, type Limits, limitsProblem } from './limits.ts';
import { hasSchema, type Migration, migrate } from './migrate.ts';
import { NOT_FOUND, type Operation, type TenantInfo, UNAVAILABLE } from './operation.ts';
import { type Again, Pipeline, type Waiting } from './pipeline.ts';
import { insertProfile, type Profile, readProfile, type TenantStatus, writeProfile } from './profile.ts';
import { Records, readLedger } from './records.ts';
import { type Token, TokenList } from './tokens.ts';
import { Waiters } from './waiters.ts';
import { type Later, WriteBehind } from './write-behind.ts';

/** How often a call that waits is tried: a busy topic must not keep the object busy with it. */
const MAX_TRIES = 50;
/** Rows that one step of a sweep reclaims: a few milliseconds of work. */
const SWEEP_STEP = 200;

/** What a host gives a compartment. */
export interface Host {
  readonly db: Database;
  readonly clock: () => number;
  readonly later: Later;
  readonly log: Log;
  readonly migrations: readonly Migration[];
  readonly catalogue: Catalogue;
  readonly limits: Limits;
  readonly storageQuotaBytes: number;
  readonly sweepers: readonly Sweeper[];
}

interface Open {
  readonly profile: Profile;
  readonly tokens: TokenList;
  readonly pipeline: Pipeline;
  readonly writeBehind: WriteBehind;
}

/**
 * One tenant, without a platform: its database, its limits, its tokens and the door to its tools. Until `create` it
 * is empty, refuses everything and writes nothing.
 */
export class Compartment implements Door {
  readonly #host: Host;
  readonly #waiters: Waiters;
  #open: Open | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#waiters = new Waiters(host.later);
  }

  admit(tokenId: TokenId): Admission {
    const open = this.#entered();
    return open.ok ? open.tenant.pipeline.admit(tokenId) : { ok: false, refusal: open.refusal };
  }

  call(request: CallRequest): CallOutcome | Promise<CallOutcome> {
    const first = this.#attempt(request);
    return 'topic' in first ? this.#waited(request, first) : first;
  }

  /** Tries a call again whenever its topic is touched or it asked to be, and a last time when its time is up. */
  async #waited(request: CallRequest, first: Waiting): Promise<CallOutcome> {
    const { clock } = this.#host;
    let waiting = first;
    for (let tries = 1; ; tries++) {
      const wakeAt = Math.min(first.until, waiting.retryAt ?? first.until);
      await this.#waiters.wait(waiting.topic, wakeAt - clock());
      const next = this.#attempt(request, { mayWait: clock() < first.until && tries < MAX_TRIES });
      if (!('topic' in next)) return next;
      waiting = next;
    }
  }

  #attempt(request: CallRequest, again?: Again): CallOutcome | Waiting {
    const open = this.#entered();
    if (open.ok) return open.tenant.pipeline.call(request, again);
    const { caller } = request;
    this.#host.log({
      level: 'warn',
      event: 'request.refused',
      code: open.refusal.reason,
      duration_ms: Math.max(0, this.#host.clock() - caller.receivedAt),
      ...traceFields(caller.trace),
      request_id: caller.requestId,
      token_id: request.tokenId,
    });
    return { kind: 'refused', refusal: open.refusal };
  }

  create(id: TenantId): Operation<TenantInfo> {
    const { db, migrations, clock } = this.#host;
    if (hasSchema(db)) return { ok: false, problem: 'conflict', message: 'The tenant exists already.' };
    try {
      db.transaction(() => {
        migrate(db, migrations);
        insertProfile(db, { id, sealKey: randomHex(32) }, clock());
      });
    } catch (cause) {
      this.#reportMigration(cause);
      return UNAVAILABLE;
    }
    return this.describe();
  }

  describe(): Operation<TenantInfo> {
    return this.#operate(({ profile }) => ({
      ok: true,
      value: {
        id: profile.id,
        status: profile.status,
        createdAt: profile.createdAt,
        overrides: profile.overrides,
        effective: {
          tenant: profile.overrides.tenant ?? this.#host.limits.tenant,
          tool: profile.overrides.tool ?? this.#host.limits.tool,
        },
        storageBytes: this.#host.db.sizeBytes(),
        storageQuotaBytes: this.#host.storageQuotaBytes,
      },
    }));
  }

  setStatus(status: TenantStatus): Operation<TenantInfo> {
    return this.#change((profile) => ({ ...profile, status }));
  }

  /** Changes one of the tenant's limits; refuses a burst that a call could never be paid from. */
  changeLimits(change: LimitChange): Operation<TenantInfo> {
    return this.#operate(({ profile }) => {
      const { limits, catalogue } = this.#host;
      // A tool that has left the catalogue takes its limits along.
      const kept = Object.entries(profile.overrides.tools).filter(([name]) => catalogue.find(name));
      const known = { ...profile.overrides, tools: Object.fromEntries(kept) };
      const overrides = changedLimits(limits, known, change);
      const problem = limitsProblem(limits, overrides, catalogue.all);
      if (problem === undefined) return this.#change((current) => ({ ...current, overrides }));
      return { ok: false, problem: 'invalid', message: `The limits do not fit: ${problem}.` };
    });
  }

  issueToken(options: { label: string; scopes: readonly Scope[]; ttlMs: number }): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const token = tokens.issue(options, this.#host.clock());
      if (token !== undefined) return { ok: true, value: token };
      return {
        ok: false,
        problem: 'full',
        message: 'The tenant has as many live tokens as it can have; revoke one.',
      };
    });
  }

  tokens(): Operation<Token[]> {
    return this.#operate(({ tokens }) => ({ ok: true, value: tokens.list() }));
  }

  revokeToken(id: string): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const token = tokens.revoke(id, this.#host.clock());
      this.#waiters.touchAll();
      if (token !== undefined) return { ok: true, value: token };
      return { ok: false, problem: 'not_found', message: 'The tenant has no such token.' };
    });
  }

  /**
   * Gives back the space of what has expired, a bounded step each of what can expire. No answer depends on it: whatever
   * has expired is absent to every read.
   * @returns whether there is more to do, or `absent` when there is no tenant
   */
  sweep(): 'more' | 'done' | 'absent' {
    const entered = this.#entered();
    if (!entered.ok) return entered.refusal.reason === 'unavailable' ? 'done' : 'absent';
    const { db, clock, log, sweepers } = this.#host;
    const reclaimed = [sweepIdempotency, ...sweepers].map((sweeper) => {
      try {
        return db.transaction(() => sweeper(db, clock(), SWEEP_STEP));
      } catch (cause) {
        log({ level: 'error', event: 'tenant.sweep_failed', cause: describeCause(cause, undefined, {}) });
        return 0;
      }
    });
    const rows = reclaimed.reduce((sum, count) => sum + count, 0);
    if (rows > 0) log({ level: 'info', event: 'tenant.swept', tenant: entered.tenant.profile.id, rows });
    return reclaimed.some((count) => count >= SWEEP_STEP) ? 'more' : 'done';
  }

  /** Saves what reads left to be saved. */
  flush(): void {
    this.#open?.writeBehind.flush();
  }

  /** Forgets all that is in memory: the storage was erased. */
  forget(): void {
    this.#open?.writeBehind.stop();
    this.#open = undefined;
    // Whoever waits is admitted anew, and is told if that is over.
    this.#waiters.touchAll();
  }

  #change(change: (profile: Profile) => Profile): Operation<TenantInfo> {
    return this.#operate((open) => {
      open.writeBehind.flush();
      writeProfile(this.#host.db, change(open.profile));
      this.forget();
      return this.describe();
    });
  }

  #operate<T>(act: (open: Open) => Operation<T>): Operation<T> {
    const entered = this.#entered();
    if (entered.ok) return act(entered.tenant);
    return entered.refusal.reason === 'unavailable' ? UNAVAILABLE : NOT_FOUND;
  }

  /** The opened tenant, or why no one gets in: not created looks like any other token that is not good. */
  #entered():
    | { ok: true; tenant: Open }
    | { ok: false; refusal: { reason: 'invalid_token' | 'unavailable' } } {
    if (this.#open !== undefined) return { ok: true, tenant: this.#open };
    try {
      if (!hasSchema(this.#host.db)) return { ok: false, refusal: { reason: 'invalid_token' } };
      return { ok: true, tenant: this.#load() };
    } catch (cause) {
      this.#reportMigration(cause);
      return { ok: false, refusal: { reason: 'unavailable' } };
    }
  }

  #reportMigration(cause: unknown): void {
    const described = describeCause(cause, undefined, {});
    this.#host.log({ level: 'error', event: 'tenant.migration_failed', cause: described });
  }

  #load(): Open {
    if (this.#open !== undefined) return this.#open;
    const { db, clock, log, later, catalogue, limits, storageQuotaBytes } = this.#host;
    migrate(db, this.#host.migrations);
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
      mayWait: () => !this.#waiters.full,
      committed: (topics) => this.#waiters.touch(topics),
    });
    this.#open = { profile, tokens, pipeline, writeBehind };
    return this.#open;
  }
}
