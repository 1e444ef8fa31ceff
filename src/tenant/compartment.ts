import { describeCause } from '../telemetry/redact.ts';
import { randomHex } from '../telemetry/trace.ts';
import type { Scope } from '../tools/tool.ts';
import { closedSessions, endSessionsOf } from '../transport-tools/session-store.ts';
import { shutLine } from './calls/call-log.ts';
import { changedLimits, limitsProblem } from './calls/limits.ts';
import type { Again, Waiting } from './calls/pipeline.ts';
import { RemoteCallSlots } from './calls/remote-call-slots.ts';
import type {
  Admission,
  CallOutcome,
  CallRequest,
  Delivery,
  Door,
  Refusal,
  SessionId,
  Settlement,
  TenantId,
  TokenId,
} from './contract/call.ts';
import type { LimitChange } from './contract/limit-settings.ts';
import type { Host } from './host.ts';
import { type Open, open } from './loaded-tenant.ts';
import { NOT_FOUND, type Operation, type TenantInfo, tenantInfo, UNAVAILABLE } from './operation.ts';
import { hasSchema, migrate } from './storage/migrate.ts';
import { insertProfile, type Profile, type TenantStatus, writeProfile } from './storage/profile.ts';
import type { Token } from './storage/tokens.ts';
import { type Attachment, type Listener, Listeners, type StreamPurpose } from './streams/listeners.ts';
import { Waiters } from './streams/waiters.ts';
import { sweepStep } from './sweep.ts';

/** How often a call that waits is tried: a busy topic must not keep the object busy with it. */
const MAX_TRIES = 50;

export type Enlisted = { ok: true; attachment: Attachment } | { ok: false; refusal: Refusal };

/**
 * One tenant, without a platform: its database, its limits, its tokens and the door to its tools. Until `create` it
 * is empty, refuses everything and writes nothing.
 */
export class Compartment implements Door {
  readonly #host: Host;
  readonly #waiters: Waiters;
  readonly #listeners: Listeners;
  readonly #remoteCalls = new RemoteCallSlots();
  #open: Open | undefined;
  /** What was touched by calls that have committed and is not announced yet. */
  #touched: Set<string> | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#waiters = new Waiters(host.later);
    this.#listeners = new Listeners(host.db, host.listeners);
  }

  admit(tokenId: TokenId, session: SessionId | undefined): Admission {
    return this.#host.exclusively(() => {
      const open = this.#entered();
      return open.ok ? open.tenant.pipeline.admit(tokenId, session) : { ok: false, refusal: open.refusal };
    });
  }

  call(request: CallRequest): CallOutcome | Promise<CallOutcome> {
    const first = this.#attempt(request);
    return 'topic' in first ? this.#waited(request, first) : first;
  }

  settle(request: CallRequest, settlement: Settlement): void {
    this.#host.exclusively(() => {
      const open = this.#entered();
      if (open.ok) open.tenant.pipeline.settle(request, settlement);
    });
  }

  cancel(_tokenId: TokenId, cancelKey: string): void {
    this.#waiters.cancel(cancelKey);
    this.#listeners.cancel(cancelKey);
  }

  /** Tries a call again whenever its topic is touched or it asked to be, and a last time when its time is up. */
  async #waited(request: CallRequest, first: Waiting): Promise<CallOutcome> {
    const { clock } = this.#host;
    let waiting = first;
    for (let tries = 1; ; tries++) {
      const wakeAt = Math.min(first.until, waiting.retryAt ?? first.until);
      const goOn = await this.#waiters.wait(waiting.topic, wakeAt - clock(), request.cancelKey);
      const next = this.#attempt(request, { mayWait: goOn && clock() < first.until && tries < MAX_TRIES });
      if (!('topic' in next)) return next;
      waiting = next;
    }
  }

  #attempt(request: CallRequest, again?: Again): CallOutcome | Waiting {
    const ended = this.#host.exclusively(() => {
      const open = this.#entered();
      if (open.ok) return open.tenant.pipeline.call(request, again);
      this.#host.log(shutLine(request, open.refusal, this.#host.clock()));
      return { kind: 'refused' as const, refusal: open.refusal };
    });
    this.#announce();
    return ended;
  }

  /** Wakes those who wait, and tells those who listen, once what they are told of is kept. */
  #announce(): void {
    const touched = this.#touched;
    if (touched === undefined) return;
    this.#touched = undefined;
    this.#waiters.touch(touched);
    for (const session of closedSessions(touched)) this.#listeners.endSession(session);
    if (this.#open !== undefined) this.#listeners.tellAll(this.#open.pipeline.rev);
  }

  /** Does the same for what another process has written. */
  announceAll(): void {
    const head = this.#host.exclusively(() => {
      const entered = this.#entered();
      return entered.ok ? entered.tenant.pipeline.rev : undefined;
    });
    this.#waiters.touchAll();
    if (head !== undefined) this.#listeners.tellAll(head);
  }

  /**
   * Admits a stream of a session.
   * @returns what its host has to keep with it, to be given back to `attach`
   */
  registerStream(tokenId: TokenId, session: SessionId, purpose: StreamPurpose): Enlisted {
    return this.#host.exclusively(() => {
      const entered = this.#entered();
      if (!entered.ok) return entered;
      const { pipeline } = entered.tenant;
      const admission = pipeline.admit(tokenId, session);
      if (!admission.ok) return admission;
      const mayHear = admission.scopes.includes('blackboard:read');
      return {
        ok: true,
        attachment: this.#listeners.registerStream({ tokenId, session, purpose }, mayHear, pipeline.rev),
      };
    });
  }

  /** Adds a stream that was admitted, and tells it what it has missed. */
  attach(listener: Listener): void {
    this.#listeners.attach(listener, this.#open?.pipeline.rev ?? 0);
  }

  /** Removes a stream that has ended; what was opened for this stream alone ends with it, if its client ended it. */
  detach(listener: Listener, byClient: boolean): void {
    // What ends a stream may be what wakes the tenant.
    if (this.#entered().ok) this.#listeners.detach(listener, byClient, this.#host.clock());
  }

  /** Hands a message of a client's to its stream, or to the request of it that waits for replies under `key`. */
  deliver(tokenId: TokenId, session: SessionId, key: string | undefined, message: unknown): Delivery {
    const admission = this.admit(tokenId, session);
    if (!admission.ok) return { ok: false, refusal: admission.refusal };
    return { ok: true, delivered: this.#listeners.deliver(session, key, message) };
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
      value: tenantInfo(this.#host, profile, this.#listeners.count),
    }));
  }

  setStatus(status: TenantStatus): Operation<TenantInfo> {
    if (status === 'suspended') this.#listeners.endAll('suspended');
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
      this.#listeners.endToken(id);
      endSessionsOf(this.#host.db, id);
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
    if (entered.ok) return sweepStep(this.#host, entered.tenant.profile.id);
    return entered.refusal.reason === 'unavailable' ? 'done' : 'absent';
  }

  /** Saves what reads left to be saved. */
  flush(): void {
    this.#open?.writeBehind.flush();
  }

  /** Forgets what is in memory, and reads it again when it is needed: the storage is ahead of it, or behind. */
  reload(): void {
    this.#open?.writeBehind.stop();
    this.#open = undefined;
    this.#touched = undefined;
  }

  /** Forgets all that is in memory: the storage was erased. */
  forget(): void {
    this.reload();
    // Whoever waits is admitted anew, and is told if that is over.
    this.#waiters.touchAll();
  }

  /** Forgets all, and ends every stream: the tenant is gone. */
  erased(): void {
    this.forget();
    this.#listeners.endAll('gone');
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
    this.#open ??= open(this.#host, {
      remoteCalls: this.#remoteCalls,
      attached: this.#listeners.sessions(),
      mayWait: () => !this.#waiters.full,
      committed: (topics) => {
        this.#touched = new Set([...(this.#touched ?? []), ...topics]);
      },
    });
    return this.#open;
  }
}
