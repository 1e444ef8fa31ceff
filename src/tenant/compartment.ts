import { fail, type Result, succeed } from '../result.ts';
import { describeCause } from '../telemetry/redact.ts';
import { randomHex } from '../telemetry/trace.ts';
import { SCOPES, type Scope } from '../tools/tool.ts';
import { closedSessions, deleteSessionsOfToken } from '../transport-tools/session-store.ts';
import { unloadedLine } from './calls/call-log.ts';
import { changedLimits, limitsProblem } from './calls/limits.ts';
import type { Retry, Waiting } from './calls/pipeline.ts';
import { RemoteCallSlots } from './calls/remote-call-slots.ts';
import type {
  Admission,
  CallHandler,
  CallOutcome,
  CallRequest,
  ClientMessage,
  Refusal,
  RemoteCompletion,
  SessionId,
  StreamFailure,
  TenantId,
  TokenId,
} from './contract/call.ts';
import type { LimitChange } from './contract/limit-settings.ts';
import type { Host } from './host.ts';
import { type LoadedTenant, loadTenant } from './loaded-tenant.ts';
import { NOT_FOUND, type Operation, type TenantInfo, tenantInfo, UNAVAILABLE } from './operation.ts';
import { hasSchema, migrate } from './storage/migrate.ts';
import { insertProfile, type Profile, type TenantStatus, writeProfile } from './storage/profile.ts';
import type { ScopeChange, Token } from './storage/tokens.ts';
import { Listeners } from './streams/listeners.ts';
import type { Listener, StreamPurpose, StreamState } from './streams/stream.ts';
import type { StreamRequest } from './streams/stream-protocol.ts';
import { Waiters } from './streams/waiters.ts';
import { sweepStep } from './sweep.ts';

/** Attempts of one waiting call: a busy topic must not occupy the tenant with it. */
const MAX_ATTEMPTS = 50;

/** A stream that the tenant has admitted. */
export interface AdmittedStream {
  readonly state: StreamState;
  readonly scopes: readonly Scope[];
}

/**
 * One tenant, independent of the platform: its database, limits and tokens, and the only way to its tools. It refuses
 * everything and writes nothing until `create` is called.
 *
 * Guarantees: a call is refused, or fails without an effect, or is answered after its effect is committed; waiting calls
 * and streams are notified only after the commit.
 * Failure: a schema that cannot be migrated makes every request `unavailable`; no method throws an expected failure.
 */
export class Compartment implements CallHandler {
  readonly #host: Host;
  readonly #waiters: Waiters;
  readonly #listeners: Listeners;
  readonly #remoteCalls = new RemoteCallSlots();
  #loaded: LoadedTenant | undefined;
  /** Topics that committed calls have touched and that are not announced yet. */
  #touched: Set<string> | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#waiters = new Waiters(host.later);
    this.#listeners = new Listeners(host.db, host.listeners);
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
      if (loaded.ok) loaded.value.pipeline.completeRemoteCall(request, completion);
    });
  }

  cancel(_tokenId: TokenId, cancelKey: string): void {
    this.#waiters.cancel(cancelKey);
    this.#listeners.cancel(cancelKey);
  }

  /** Runs a waiting call again when its topic is touched or its retry time comes, and a last time when `wait_s` is over. */
  async #waited(request: CallRequest, first: Waiting): Promise<CallOutcome> {
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
        const next = this.#attempt(request, { mayWait: mayWait && !isOver && attempts < MAX_ATTEMPTS });
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
    if (this.#loaded !== undefined) this.#listeners.notifyAll(this.#loaded.pipeline.rev);
  }

  /** Wakes every waiting call and notifies every stream, after another process has written to the database. */
  announceAll(): void {
    const head = this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      return loaded.ok ? loaded.value.pipeline.rev : undefined;
    });
    this.#waiters.touchAll();
    if (head !== undefined) this.#listeners.notifyAll(head);
  }

  /**
   * Admits a stream. The call in `opening`, if there is one, must be answered first; its failure is logged as a call.
   * @returns the state to keep with the stream's socket, for `attach`
   */
  openStream({ tokenId, session, purpose, opening }: StreamRequest): Result<AdmittedStream, StreamFailure> {
    const opened = opening === undefined ? undefined : this.#attempt(opening);
    if (opened?.kind === 'waiting') throw new Error('a stream was opened by a call that waits');
    if (opened?.kind === 'deferred') throw new Error('a stream was opened by a remote tool');
    if (opened !== undefined && opened.kind !== 'answer') return fail(opened);
    const registered = this.registerStream(tokenId, session, purpose);
    return registered.ok ? registered : fail({ kind: 'refused', refusal: registered.error });
  }

  /** Admits a stream of an open session. */
  registerStream(
    tokenId: TokenId,
    session: SessionId,
    purpose: StreamPurpose,
  ): Result<AdmittedStream, Refusal> {
    return this.#host.exclusively(() => {
      const loaded = this.#requireLoaded();
      if (!loaded.ok) return loaded;
      const { pipeline } = loaded.value;
      const admission = pipeline.admit(tokenId, session);
      if (!admission.ok) return admission;
      const { scopes } = admission.value;
      const mayRead = scopes.includes('blackboard:read');
      const state = this.#listeners.initialState({ tokenId, session, purpose }, mayRead, pipeline.rev);
      return succeed({ state, scopes });
    });
  }

  /** Adds an admitted stream and sends what its session has missed. */
  attach(listener: Listener): void {
    this.#listeners.attach(listener, this.#loaded?.pipeline.rev ?? 0);
  }

  /** Removes a closed stream. A session that exists for this stream alone ends with it if the client closed it. */
  detach(listener: Listener, byClient: boolean): void {
    // The close of a stream may be the first event after the object was loaded.
    if (this.#requireLoaded().ok) this.#listeners.detach(listener, byClient, this.#host.clock());
  }

  /**
   * Passes messages that a client has POSTed to the connections that wait for them.
   * @returns whether every message had a receiver; a cancellation needs none
   */
  deliver(
    tokenId: TokenId,
    session: SessionId,
    messages: readonly ClientMessage[],
  ): Result<boolean, Refusal> {
    const admission = this.admit(tokenId, session);
    if (!admission.ok) return admission;
    const delivered = messages.map((message) => {
      if (message.kind !== 'cancel') return this.#listeners.deliver(session, message);
      this.cancel(tokenId, message.cancelKey);
      return true;
    });
    return succeed(delivered.every(Boolean));
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

  /** Changes one of the tenant's limits; refuses a burst that is smaller than the cost of some call. */
  changeLimits(change: LimitChange): Operation<TenantInfo> {
    return this.#operate(({ profile }) => {
      const { limits, catalogue } = this.#host;
      const { tool, unset } = change;
      if (unset === true && tool !== undefined && tool !== '*' && catalogue.find(tool) === undefined) {
        return { ok: false, problem: 'invalid', message: `tool: there is no tool named ${tool}.` };
      }
      // Limits of a tool that is no longer in the catalogue are dropped.
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

  /** Adds scopes to a token, for instance those of a family that is newer than the token. */
  addTokenScopes(id: string, scopes: readonly Scope[]): Operation<Token> {
    return this.#operate(({ tokens }) => tokenFound(tokens.addScopes(id, scopes)));
  }

  revokeToken(id: string): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const token = tokens.revoke(id, this.#host.clock());
      this.#waiters.touchAll();
      this.#listeners.endToken(id);
      deleteSessionsOfToken(this.#host.db, id);
      return tokenFound(token);
    });
  }

  /**
   * Changes the scopes of an active token, from the next call on. Streams and, if a scope was removed, sessions of the
   * token end, because they were opened under the old scopes; clients open them again.
   */
  changeScopes(id: string, { add, remove }: ScopeChange): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const before = tokens.list().find((token) => token.id === id);
      if (before === undefined) {
        return { ok: false, problem: 'not_found', message: 'The tenant has no such token.' };
      }
      const scopes = SCOPES.filter(
        (scope) => add.includes(scope) || (before.scopes.includes(scope) && !remove.includes(scope)),
      );
      if (scopes.length === 0) {
        const message = 'remove: a token needs at least one scope. Revoke the token instead.';
        return { ok: false, problem: 'invalid', message };
      }
      const token = tokens.setScopes(id, scopes, this.#host.clock());
      if (token === undefined) {
        const message = 'The token is revoked or expired. Issue a new one with the scopes that are needed.';
        return { ok: false, problem: 'conflict', message };
      }
      this.#waiters.touchAll();
      this.#listeners.endToken(id);
      if (remove.length > 0) deleteSessionsOfToken(this.#host.db, id);
      return { ok: true, value: token };
    });
  }

  /**
   * Deletes expired rows, a bounded step of each kind. No answer depends on it: every read ignores expired rows.
   * @returns whether there is more to delete, or `absent` when there is no tenant
   */
  sweep(): 'more' | 'done' | 'absent' {
    const loaded = this.#requireLoaded();
    if (loaded.ok) return sweepStep(this.#host, loaded.value.profile.id);
    return loaded.error.reason === 'unavailable' ? 'done' : 'absent';
  }

  /** Saves the charges and records of reads that are still in memory. */
  flush(): void {
    this.#loaded?.writeBehind.flush();
  }

  /** Drops the state in memory, which no longer agrees with the storage; the next call reads it again. */
  reload(): void {
    this.#loaded?.writeBehind.stop();
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
    this.#listeners.endAll('gone');
  }

  #change(change: (profile: Profile) => Profile): Operation<TenantInfo> {
    return this.#operate((loaded) => {
      loaded.writeBehind.flush();
      writeProfile(this.#host.db, change(loaded.profile));
      this.forget();
      return this.describe();
    });
  }

  #operate<T>(act: (loaded: LoadedTenant) => Operation<T>): Operation<T> {
    const loaded = this.#requireLoaded();
    if (loaded.ok) return act(loaded.value);
    return loaded.error.reason === 'unavailable' ? UNAVAILABLE : NOT_FOUND;
  }

  /** The loaded tenant. A tenant that was never created is refused like any token that is not valid. */
  #requireLoaded(): Result<LoadedTenant, { reason: 'invalid_token' | 'unavailable' }> {
    if (this.#loaded !== undefined) return succeed(this.#loaded);
    try {
      if (!hasSchema(this.#host.db)) return fail({ reason: 'invalid_token' });
      return succeed(this.#load());
    } catch (cause) {
      this.#reportMigration(cause);
      return fail({ reason: 'unavailable' });
    }
  }

  #reportMigration(cause: unknown): void {
    const described = describeCause(cause, undefined, {});
    this.#host.log({ level: 'error', event: 'tenant.migration_failed', cause: described });
  }

  #load(): LoadedTenant {
    this.#loaded ??= loadTenant(this.#host, {
      remoteCalls: this.#remoteCalls,
      attached: this.#listeners.sessions(),
      mayWait: () => !this.#waiters.full,
      committed: (topics) => {
        this.#touched = new Set([...(this.#touched ?? []), ...topics]);
      },
    });
    return this.#loaded;
  }
}

function tokenFound(token: Token | undefined): Operation<Token> {
  if (token !== undefined) return { ok: true, value: token };
  return { ok: false, problem: 'not_found', message: 'The tenant has no such token.' };
}
