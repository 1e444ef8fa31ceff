import { DurableObject } from 'cloudflare:workers';
import { parseConfig } from '../config.ts';
import { createLog } from '../telemetry/log.ts';
import { catalogue } from '../tools/catalogue.ts';
import { sweepers } from '../tools/sweepers.ts';
import type { Scope } from '../tools/tool.ts';
import type { Admission, CallOutcome, CallRequest, Door, TenantId, TokenId } from './call.ts';
import { Compartment } from './compartment.ts';
import { durableDatabase } from './durable-database.ts';
import type { LimitChange } from './limits.ts';
import { MIGRATIONS } from './migrations.ts';
import type { Operation, TenantInfo } from './operation.ts';
import type { TenantStatus } from './profile.ts';
import type { Token } from './tokens.ts';

const SWEEP_EVERY_MS = 3_600_000;
/** When a sweep found more than one step of work. */
const SWEEP_AGAIN_MS = 5000;

/**
 * The Durable Object host of a compartment, one for each tenant. Its methods return unions and throw nothing of the
 * domain, because errors lose their class on the way to the edge.
 */
export class Tenant extends DurableObject<Env> implements Door {
  readonly #compartment: Compartment;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = parseConfig({ ...env });
    this.#compartment = new Compartment({
      db: durableDatabase(ctx.storage),
      clock: () => Date.now(),
      later: (ms, task) => {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      },
      log: createLog({ level: config.logLevel, format: config.logFormat }),
      migrations: MIGRATIONS,
      catalogue,
      limits: config.limits,
      storageQuotaBytes: config.storageQuotaBytes,
      sweepers,
    });
  }

  admit(tokenId: TokenId): Admission {
    return this.#compartment.admit(tokenId);
  }

  call(request: CallRequest): CallOutcome | Promise<CallOutcome> {
    return this.#compartment.call(request);
  }

  async create(id: TenantId): Promise<Operation<TenantInfo>> {
    const created = this.#compartment.create(id);
    // Also when it existed: a creation that stopped in between may have left it without an alarm.
    if (created.ok || created.problem === 'conflict') await this.#sweepIn(SWEEP_EVERY_MS);
    return created.ok ? this.describe() : created;
  }

  describe(): Operation<TenantInfo> {
    return this.#compartment.describe();
  }

  setStatus(status: TenantStatus): Operation<TenantInfo> {
    return this.#compartment.setStatus(status);
  }

  changeLimits(change: LimitChange): Operation<TenantInfo> {
    return this.#compartment.changeLimits(change);
  }

  issueToken(options: { label: string; scopes: Scope[]; ttlMs: number }): Operation<Token> {
    return this.#compartment.issueToken(options);
  }

  tokens(): Operation<Token[]> {
    return this.#compartment.tokens();
  }

  revokeToken(id: string): Operation<Token> {
    return this.#compartment.revokeToken(id);
  }

  /** The durable schedule of sweeps: the platform keeps the alarm, and tries again when this throws. */
  override async alarm(): Promise<void> {
    const swept = this.#compartment.sweep();
    if (swept !== 'absent') await this.#sweepIn(swept === 'more' ? SWEEP_AGAIN_MS : SWEEP_EVERY_MS);
  }

  async #sweepIn(ms: number): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + ms);
  }

  /** Erases all of the tenant's storage, its alarm too. */
  async erase(): Promise<void> {
    this.#compartment.forget();
    await this.ctx.storage.deleteAll();
    // A request that came in between may have opened the compartment on the old schema.
    this.#compartment.forget();
  }
}
