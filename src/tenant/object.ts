import { parseConfig } from '../config.ts';
import { type Result, succeed } from '../result.ts';
import { coalescingLog } from '../telemetry/coalesce.ts';
import { createLog } from '../telemetry/log.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import type { Sweeper } from '../tools/tool.ts';
import { ApprovalsObject } from './approvals-object.ts';
import { BucketExports, type Exported } from './bucket-exports.ts';
import type { RecordsBucket } from './bucket-upload.ts';
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
import type { CallQuotaChange, LimitChange } from './contract/limit-settings.ts';
import { forwardOnly, type Later } from './contract/timer.ts';
import type { TokenChangeRequest, TokenChangeResult } from './contract/token-change.ts';
import { GroupCommit } from './group-commit.ts';
import { Lifecycle } from './lifecycle.ts';
import type { Operation, OperationProblem, TenantInfo } from './operation.ts';
import { headSignerOf } from './records/head-signer.ts';
import { durableDatabase } from './storage/durable-database.ts';
import type { TenantList } from './storage/listing.ts';
import { MIGRATIONS } from './storage/migrations.ts';
import type { TenantStatus } from './storage/profile.ts';
import type { NewToken, ScopeChange, Token } from './storage/tokens.ts';
import type { StorageUsage } from './storage/usage.ts';
import { listenerOf, openListeners } from './streams/durable-listener.ts';
import { ADMITTED_HEADER, decodeStreamRequest, NORMAL_CLOSURE } from './streams/stream-protocol.ts';

const SWEEP_EVERY_MS = 3_600_000;
/** When the alarm goes off again while there are records to export. */
const EXPORT_AGAIN_MS = 1000;
/** When the list of tenants could not be told of a change. */
const REPORT_AGAIN_MS = 60_000;

/** What the tenants of a deployment serve. */
export interface TenantTools {
  readonly catalogue: Catalogue;
  /** One for each part of the storage in which rows expire. */
  readonly sweepers: readonly Sweeper[];
}

/** What an operator may bind; see `wrangler.toml`. */
interface OptionalBindings {
  readonly RECORDS?: RecordsBucket;
}

/** The list of tenants. A stub is made for each message, because one that has failed once may fail for ever. */
function listOf(env: Env): TenantList {
  const registry = () => env.REGISTRY.getByName('registry');
  return {
    nextGeneration: async (now) => registry().nextGeneration(now),
    register: async (listing, now) => registry().register(listing, now),
    remove: async (id, generation, now) => registry().remove(id, generation, now),
  };
}

/**
 * Reading a stream lets the platform deliver other requests first. A timer would take a millisecond, and `storage.sync()`
 * waits until the commits before it are on disk.
 */
const nextTurn = () => new Response('').arrayBuffer();

const metersOf = (env: Env) => env.METERS.getByName('meters');

/**
 * The Durable Object that hosts one tenant's compartment. Its methods return refusals as values, because an error that is
 * thrown over RPC loses its class.
 */
export class TenantObject extends ApprovalsObject implements CallHandler {
  readonly #compartment: Compartment;
  readonly #lifecycle: Lifecycle;
  readonly #exports: BucketExports;
  readonly #calls: GroupCommit;

  constructor(ctx: DurableObjectState, env: Env & OptionalBindings, served: TenantTools) {
    super(ctx, env, {
      signIn: () => this.#compartment.signIn,
      report: () => this.#lifecycle.report(),
      reading: () => this.#compartment.reading,
      connections: () => this.#compartment.connections,
      approvals: () => this.#compartment.approvals,
    });
    const config = parseConfig({ ...env });
    const clock = () => Date.now();
    // Workers have no clock of their own for durations.
    const monotonic = forwardOnly(clock);
    const later: Later = (ms, task) => {
      const timer = setTimeout(task, ms);
      return () => clearTimeout(timer);
    };
    const log = coalescingLog(
      createLog({ level: config.logLevel, format: config.logFormat }),
      clock,
      (ms, task) => setTimeout(task, ms),
    );
    const wakeWithin = (ms: number) => void this.#wakeWithin(ms);
    const reading = () => this.#compartment.reading;
    this.#exports = new BucketExports({ bucket: env.RECORDS, reading, log, wakeWithin });
    this.#compartment = new Compartment({
      db: durableDatabase(ctx.storage),
      clock,
      monotonic,
      later,
      log,
      migrations: MIGRATIONS,
      catalogue: served.catalogue,
      limits: config.limits,
      storageQuotaBytes: config.storageQuotaBytes,
      sweepers: served.sweepers,
      headSigner: headSignerOf(config.tokenKeys),
      report: async (report) => metersOf(env).addTenant(report),
      listeners: openListeners(ctx),
      wakeWithin,
      recorded: (last) => this.#exports.recorded(last),
      // A Durable Object is the only writer of its database.
      exclusively: (body) => body(),
    });
    this.#calls = new GroupCommit({ monotonic, nextTurn, work: () => this.#compartment.work });
    this.#lifecycle = new Lifecycle({
      clock,
      later,
      log,
      list: listOf(env),
      administration: this.#compartment.administration,
      isEmpty: () => this.#isEmpty(),
      erase: () => this.#eraseStorage(),
      ensureAlarm: (urgent) => this.#ensureAlarm(urgent),
    });
  }

  admit(tokenId: TokenId, session: SessionId | undefined): Result<Admission, Refusal> {
    return this.#compartment.admit(tokenId, session);
  }

  call(request: CallRequest): Promise<CallOutcome> {
    return this.#calls.add(() => this.#compartment.call(request));
  }

  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): void {
    this.#compartment.completeRemoteCall(request, completion);
  }

  /** After the calls that arrived before it: the call that it stops may be one of them. */
  cancel(tokenId: TokenId, cancelKey: string): Promise<void> {
    return this.#calls.add(() => this.#compartment.cancel(tokenId, cancelKey));
  }

  deliver(
    tokenId: TokenId,
    session: SessionId,
    messages: readonly ClientMessage[],
  ): Result<boolean, Refusal> {
    return this.#compartment.streams.deliver(tokenId, session, messages);
  }

  /** Opens a stream: a WebSocket on which the tenant sends and the edge receives. Refused streams are JSON with status 403. */
  override fetch(request: Request): Response {
    const opened = this.#compartment.streams.open(decodeStreamRequest(request));
    if (!opened.ok) return Response.json(opened.error, { status: 403 });
    const [client, server] = Object.values(new WebSocketPair());
    if (client === undefined || server === undefined) throw new Error('a WebSocketPair has two ends');
    const { state, ...admitted } = opened.value;
    server.serializeAttachment(state);
    this.ctx.acceptWebSocket(server);
    this.#compartment.streams.attach(listenerOf(server));
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { [ADMITTED_HEADER]: JSON.stringify(admitted) },
    });
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#compartment.streams.detach(listenerOf(socket), code === NORMAL_CLOSURE);
    socket.close();
  }

  override webSocketError(socket: WebSocket): void {
    this.#compartment.streams.detach(listenerOf(socket), false);
  }

  async create(id: TenantId): Promise<Operation<TenantInfo>> {
    const created = await this.#lifecycle.create(id);
    if (created.ok) this.#compartment.reportNow();
    return created;
  }

  /** The tenant, which is also listed again if the list of tenants has lost it. */
  async describe(): Promise<Operation<TenantInfo>> {
    const described = this.#compartment.administration.describe();
    if (described.ok) await this.#lifecycle.report();
    return described;
  }

  /** Whether the tenant's storage can be loaded. */
  check(): 'ok' | OperationProblem['reason'] {
    const described = this.#compartment.administration.describe();
    return described.ok ? 'ok' : described.error.reason;
  }

  /** Holds from this moment on, whether or not the list of tenants can be told. */
  async setStatus(status: TenantStatus): Promise<Operation<TenantInfo>> {
    const changed = this.#compartment.administration.setStatus(status);
    if (changed.ok) {
      this.#compartment.reportNow();
      await this.#lifecycle.report();
    }
    return changed;
  }

  changeLimits(change: LimitChange): Operation<TenantInfo> {
    return this.#compartment.administration.changeLimits(change);
  }

  setStorageQuota(bytes: number | null): Operation<TenantInfo> {
    return this.#compartment.administration.setStorageQuota(bytes);
  }

  changeCallQuotas(change: CallQuotaChange): Operation<TenantInfo> {
    return this.#compartment.administration.changeCallQuotas(change);
  }

  storage(): Operation<StorageUsage> {
    return this.#compartment.administration.storage();
  }

  compact(): Operation<Compacted> {
    return this.#compartment.administration.compact();
  }

  issueToken(options: NewToken): Operation<Token> {
    return this.#compartment.administration.issueToken(options);
  }

  tokens(): Operation<Token[]> {
    return this.#compartment.administration.tokens();
  }

  revokeToken(id: string): Operation<Token> {
    return this.#compartment.administration.revokeToken(id);
  }

  changeToken(request: TokenChangeRequest): TokenChangeResult {
    return this.#compartment.tokenChanges.change(request);
  }

  changeScopes(id: string, change: ScopeChange): Operation<Token> {
    return this.#compartment.administration.changeScopes(id, change);
  }

  /** Runs a sweep and reports the tenant to the list. The platform stores the alarm, and retries when this throws. */
  override async alarm(): Promise<void> {
    const swept = this.#compartment.sweep();
    if (swept === 'absent') return;
    await this.#alarmIn(this.#compartment.nextSweepMs(swept));
    await this.#lifecycle.reportIfDue();
    if (await this.#exports.runIfDue()) await this.#wakeWithin(EXPORT_AGAIN_MS);
  }

  /** Writes the next records that the bucket does not have. */
  exportToBucket(): Promise<Operation<Exported>> {
    return this.#exports.run();
  }

  /** Brings the alarm of the next sweep forward: whatever loads the object lets its streams continue. */
  async #wakeWithin(ms: number): Promise<void> {
    const alarm = await this.ctx.storage.getAlarm();
    // A tenant that was erased has none.
    if (alarm !== null && alarm > Date.now() + ms) await this.#alarmIn(ms);
  }

  /** Erases the tenant's storage, including its alarm, and what was exported of it; and removes it from the list. */
  async erase(id: TenantId): Promise<Operation<{ id: TenantId }>> {
    const erased = await this.#lifecycle.erase(id);
    // Nothing depends on it: what the metrics know of the tenant is its name and sums.
    if (erased.ok) void (async () => metersOf(this.env).forget(id))().catch(() => {});
    if (!erased.ok && erased.error.reason !== 'not_found') return erased;
    // A repeated deletion finds the objects that the first one could not delete.
    const exports = await this.#exports.erase(id);
    if (!exports.ok) return exports;
    return exports.value > 0 ? succeed({ id }) : erased;
  }

  async #alarmIn(ms: number): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + ms);
  }

  async #ensureAlarm(urgent: boolean): Promise<void> {
    const wanted = urgent ? REPORT_AGAIN_MS : SWEEP_EVERY_MS;
    const alarm = await this.ctx.storage.getAlarm();
    if (alarm === null || alarm > Date.now() + wanted) await this.#alarmIn(wanted);
  }

  async #isEmpty(): Promise<boolean> {
    try {
      const stored = this.ctx.storage.sql.exec(
        "SELECT 1 FROM sqlite_master WHERE name NOT GLOB '_cf_*' LIMIT 1",
      );
      return stored.toArray().length === 0 && (await this.ctx.storage.getAlarm()) === null;
    } catch {
      // A file that cannot be read is a file.
      return false;
    }
  }

  async #eraseStorage(): Promise<void> {
    this.#compartment.forget();
    await this.ctx.storage.deleteAll();
    // A request that arrived meanwhile may have loaded the tenant from the old storage.
    this.#compartment.erased();
  }
}
