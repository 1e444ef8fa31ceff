import { DurableObject } from 'cloudflare:workers';
import { parseConfig } from '../config.ts';
import type { Result } from '../result.ts';
import { coalescingLog } from '../telemetry/coalesce.ts';
import { createLog } from '../telemetry/log.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import type { Scope, Sweeper } from '../tools/tool.ts';
import type { Compacted } from './compact.ts';
import { Compartment } from './compartment.ts';
import type {
  Admission,
  CallHandler,
  CallOutcome,
  CallRequest,
  ClientMessage,
  Refusal,
  RemoteCompletion,
  SessionId,
  TenantId,
  TokenId,
} from './contract/call.ts';
import type { LimitChange } from './contract/limit-settings.ts';
import { forwardOnly } from './contract/timer.ts';
import type { Operation, TenantInfo } from './operation.ts';
import { durableDatabase } from './storage/durable-database.ts';
import { MIGRATIONS } from './storage/migrations.ts';
import type { TenantStatus } from './storage/profile.ts';
import type { ScopeChange, Token } from './storage/tokens.ts';
import type { StorageUsage } from './storage/usage.ts';
import { listenerOf, openListeners } from './streams/durable-listener.ts';
import { decodeStreamRequest, NORMAL_CLOSURE, SCOPES_HEADER } from './streams/stream-protocol.ts';

const SWEEP_EVERY_MS = 3_600_000;
/** When a sweep found more than one step of work. */
const SWEEP_AGAIN_MS = 5000;

/** What the tenants of a deployment serve. */
export interface TenantTools {
  readonly catalogue: Catalogue;
  /** One for each part of the storage in which rows expire. */
  readonly sweepers: readonly Sweeper[];
}

/**
 * The Durable Object that hosts one tenant's compartment. Its methods return refusals as values, because an error that is
 * thrown over RPC loses its class.
 */
export class TenantObject extends DurableObject<Env> implements CallHandler {
  readonly #compartment: Compartment;

  constructor(ctx: DurableObjectState, env: Env, served: TenantTools) {
    super(ctx, env);
    const config = parseConfig({ ...env });
    this.#compartment = new Compartment({
      db: durableDatabase(ctx.storage),
      clock: () => Date.now(),
      // Workers have no clock of their own for durations.
      monotonic: forwardOnly(() => Date.now()),
      later: (ms, task) => {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      },
      log: coalescingLog(
        createLog({ level: config.logLevel, format: config.logFormat }),
        () => Date.now(),
        (ms, task) => setTimeout(task, ms),
      ),
      migrations: MIGRATIONS,
      catalogue: served.catalogue,
      limits: config.limits,
      storageQuotaBytes: config.storageQuotaBytes,
      sweepers: served.sweepers,
      listeners: openListeners(ctx),
      wakeWithin: (ms) => void this.#wakeWithin(ms),
      // A Durable Object is the only writer of its database.
      exclusively: (body) => body(),
    });
  }

  admit(tokenId: TokenId, session: SessionId | undefined): Result<Admission, Refusal> {
    return this.#compartment.admit(tokenId, session);
  }

  call(request: CallRequest): CallOutcome | Promise<CallOutcome> {
    return this.#compartment.call(request);
  }

  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): void {
    this.#compartment.completeRemoteCall(request, completion);
  }

  cancel(tokenId: TokenId, cancelKey: string): void {
    this.#compartment.cancel(tokenId, cancelKey);
  }

  deliver(
    tokenId: TokenId,
    session: SessionId,
    messages: readonly ClientMessage[],
  ): Result<boolean, Refusal> {
    return this.#compartment.deliver(tokenId, session, messages);
  }

  /** Opens a stream: a WebSocket on which the tenant sends and the edge receives. Refused streams are JSON with status 403. */
  override fetch(request: Request): Response {
    const opened = this.#compartment.openStream(decodeStreamRequest(request));
    if (!opened.ok) return Response.json(opened.error, { status: 403 });
    const [client, server] = Object.values(new WebSocketPair());
    if (client === undefined || server === undefined) throw new Error('a WebSocketPair has two ends');
    const { state, scopes } = opened.value;
    server.serializeAttachment(state);
    this.ctx.acceptWebSocket(server);
    this.#compartment.attach(listenerOf(server));
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { [SCOPES_HEADER]: scopes.join(' ') },
    });
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#compartment.detach(listenerOf(socket), code === NORMAL_CLOSURE);
    socket.close();
  }

  override webSocketError(socket: WebSocket): void {
    this.#compartment.detach(listenerOf(socket), false);
  }

  async create(id: TenantId): Promise<Operation<TenantInfo>> {
    const created = this.#compartment.administration.create(id);
    // Also for an existing tenant: an interrupted creation may have left it without an alarm.
    if (created.ok || created.error.reason === 'conflict') await this.#sweepIn(SWEEP_EVERY_MS);
    return created.ok ? this.describe() : created;
  }

  describe(): Operation<TenantInfo> {
    return this.#compartment.administration.describe();
  }

  setStatus(status: TenantStatus): Operation<TenantInfo> {
    return this.#compartment.administration.setStatus(status);
  }

  changeLimits(change: LimitChange): Operation<TenantInfo> {
    return this.#compartment.administration.changeLimits(change);
  }

  setStorageQuota(bytes: number | null): Operation<TenantInfo> {
    return this.#compartment.administration.setStorageQuota(bytes);
  }

  storage(): Operation<StorageUsage> {
    return this.#compartment.administration.storage();
  }

  compact(): Operation<Compacted> {
    return this.#compartment.administration.compact();
  }

  issueToken(options: { label: string; scopes: Scope[]; ttlMs: number }): Operation<Token> {
    return this.#compartment.administration.issueToken(options);
  }

  tokens(): Operation<Token[]> {
    return this.#compartment.administration.tokens();
  }

  revokeToken(id: string): Operation<Token> {
    return this.#compartment.administration.revokeToken(id);
  }

  changeScopes(id: string, change: ScopeChange): Operation<Token> {
    return this.#compartment.administration.changeScopes(id, change);
  }

  /** Runs a sweep. The platform stores the alarm, and retries when this throws. */
  override async alarm(): Promise<void> {
    const swept = this.#compartment.sweep();
    if (swept !== 'absent') await this.#sweepIn(swept === 'more' ? SWEEP_AGAIN_MS : SWEEP_EVERY_MS);
  }

  /** Brings the alarm of the next sweep forward: whatever loads the object lets its streams continue. */
  async #wakeWithin(ms: number): Promise<void> {
    const alarm = await this.ctx.storage.getAlarm();
    // A tenant that was erased has none.
    if (alarm !== null && alarm > Date.now() + ms) await this.#sweepIn(ms);
  }

  async #sweepIn(ms: number): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + ms);
  }

  /** Erases the tenant's storage, including its alarm. */
  async erase(): Promise<void> {
    this.#compartment.forget();
    await this.ctx.storage.deleteAll();
    // A request that arrived meanwhile may have loaded the tenant from the old storage.
    this.#compartment.erased();
  }
}
