import { type Result, succeed } from '../result.ts';
import { randomHex } from '../telemetry/trace.ts';
import { ALL_SCOPES } from '../tools/tool.ts';
import { deleteSessionsOfToken } from '../transport-tools/session-store.ts';
import { changedLimits, limitsProblem } from './calls/limits.ts';
import { type Compacted, compactStorage } from './compact.ts';
import type { TenantId } from './contract/call.ts';
import type { CallQuotaChange, LimitChange } from './contract/limit-settings.ts';
import type { Host } from './host.ts';
import type { LoadedTenant } from './loaded-tenant.ts';
import {
  conflict,
  full,
  invalid,
  NO_SUCH_TENANT,
  NO_SUCH_TOKEN,
  type Operation,
  TENANT_EXISTS,
  type TenantInfo,
  tenantInfo,
  UNAVAILABLE,
} from './operation.ts';
import type { TenantListing } from './storage/listing.ts';
import { hasSchema, migrate } from './storage/migrate.ts';
import { insertProfile, type Profile, type TenantStatus, writeProfile } from './storage/profile.ts';
import type { Narrowing, NewToken, ScopeChange, Token } from './storage/tokens.ts';
import { type StorageUsage, storageUsage } from './storage/usage.ts';
import type { Listeners } from './streams/listeners.ts';
import type { Waiters } from './streams/waiters.ts';

const GRANT_SCOPES =
  'This is what a member has granted to a client. Revoke it; when the client connects again, the member chooses the scopes.';

const ENDED = 'The token is revoked or expired. Issue a new one with the scopes that are needed.';

/** What the administration shares with the compartment that it belongs to. */
export interface Administered {
  readonly host: Host;
  readonly listeners: Listeners;
  readonly waiters: Waiters;
  requireLoaded(): Result<LoadedTenant, { reason: 'invalid_token' | 'unavailable' }>;
  reportMigration(cause: unknown): void;
  /** Drops the state in memory and wakes every waiting call. */
  forget(): void;
}

/**
 * The operator's actions on one tenant. Each takes effect for the very next call; calls that wait are admitted again,
 * and streams that are no longer allowed end at once.
 */
export class Administration {
  readonly #tenant: Administered;

  constructor(tenant: Administered) {
    this.#tenant = tenant;
  }

  /**
   * Makes the tenant in an empty database.
   * @param generation see `TenantListing`; a host without a list of tenants has no need of it
   */
  create(id: TenantId, generation = 0): Operation<TenantInfo> {
    const { db, migrations, clock } = this.#tenant.host;
    if (hasSchema(db)) return TENANT_EXISTS;
    try {
      db.transaction(() => {
        migrate(db, migrations);
        insertProfile(db, { id, sealKey: randomHex(32), generation }, clock());
      });
    } catch (cause) {
      this.#tenant.reportMigration(cause);
      return UNAVAILABLE;
    }
    return this.describe();
  }

  describe(): Operation<TenantInfo> {
    const { host, listeners } = this.#tenant;
    return this.#operate(({ profile, quota, callQuota }) => {
      const calls = callQuota.status(host.clock());
      const now = { storageBytes: quota.used(), streams: listeners.count, calls };
      return succeed(tenantInfo(host, profile, now));
    });
  }

  /** What the operator's list of tenants shows. */
  listing(): Operation<TenantListing> {
    return this.#operate(({ profile: { id, status, createdAt, generation }, members }) =>
      succeed({ id, status, createdAt, generation, identities: members.identities() }),
    );
  }

  /** Takes a newer generation, because the list has given the present one up. */
  setGeneration(generation: number): Operation<TenantInfo> {
    return this.#change((profile) => ({ ...profile, generation }));
  }

  setStatus(status: TenantStatus): Operation<TenantInfo> {
    if (status === 'suspended') this.#tenant.listeners.endAll('suspended');
    const loaded = this.#tenant.requireLoaded();
    // Members sign in anew when the tenant is resumed.
    if (status === 'suspended' && loaded.ok) loaded.value.grants.endSessions(this.#tenant.host.clock());
    return this.#change((profile) => ({ ...profile, status }));
  }

  /** Changes one of the tenant's limits; refuses a burst that is smaller than the cost of some call. */
  changeLimits(change: LimitChange): Operation<TenantInfo> {
    return this.#operate(({ profile }) => {
      const { limits, catalogue } = this.#tenant.host;
      const { tool, unset } = change;
      if (unset === true && tool !== undefined && tool !== '*' && catalogue.find(tool) === undefined)
        return invalid(`tool: there is no tool named ${tool}.`);
      // Limits of a tool that is no longer in the catalogue are dropped.
      const kept = Object.entries(profile.overrides.tools).filter(([name]) => catalogue.find(name));
      const known = { ...profile.overrides, tools: Object.fromEntries(kept) };
      const overrides = changedLimits(limits, known, change);
      const problem = limitsProblem(limits, overrides, catalogue.all);
      if (problem !== undefined) return invalid(`The limits do not fit: ${problem}.`);
      return this.#change((current) => ({ ...current, overrides }));
    });
  }

  /** Sets the tenant's own storage quota, or removes it, so that the one of the deployment applies. */
  setStorageQuota(bytes: number | null): Operation<TenantInfo> {
    return this.#change((profile) => ({ ...profile, storageQuotaBytes: bytes ?? undefined }));
  }

  /** Sets quotas of calls, or removes them. */
  changeCallQuotas(change: CallQuotaChange): Operation<TenantInfo> {
    return this.#change((profile) => {
      const { day = profile.callQuotas.day, month = profile.callQuotas.month } = change;
      return { ...profile, callQuotas: { day: day ?? undefined, month: month ?? undefined } };
    });
  }

  /** What takes the room of the tenant's storage. */
  storage(): Operation<StorageUsage> {
    return this.#operate(() => succeed(storageUsage(this.#tenant.host.db)));
  }

  /** Deletes expired rows and the history of the blackboard, a bounded number of steps. */
  compact(): Operation<Compacted> {
    return this.#operate(({ pipeline, records }) => {
      records.flush();
      return succeed(compactStorage(this.#tenant.host, (limit) => pipeline.recordExpiries(limit)));
    });
  }

  issueToken(options: NewToken): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const { tools: published } = this.#tenant.host.catalogue;
      const unknown = options.tools?.find((name) => !published.some((tool) => tool.name === name));
      if (unknown !== undefined) return invalid(`tools: there is no tool named ${unknown}.`);
      const token = tokens.issue(options, this.#tenant.host.clock());
      if (token !== undefined) return succeed(token);
      return full('The tenant has as many active tokens as it can have. Revoke one.');
    });
  }

  tokens(): Operation<Token[]> {
    return this.#operate(({ tokens }) => succeed(tokens.list()));
  }

  /** Revokes a token, or ends a grant. */
  revokeToken(id: string): Operation<Token> {
    return this.#operate(({ tokens, grants }) => {
      const now = this.#tenant.host.clock();
      const token = tokens.revoke(id, now) ?? grants.revoke(id, now);
      if (token === undefined) return NO_SUCH_TOKEN;
      this.#endUse(id);
      return succeed(token);
    });
  }

  /** Takes scopes from an active token, or holds it to fewer tools. What it has open ends, as under `changeScopes`. */
  narrowToken(id: string, { remove, tools }: Narrowing): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const before = tokens.find(id);
      if (before === undefined) return NO_SUCH_TOKEN;
      if (before.isGrant) return conflict(GRANT_SCOPES);
      const { host } = this.#tenant;
      const scopes = before.scopes.filter((scope) => !remove.includes(scope));
      if (scopes.length === 0)
        return invalid('remove: a token needs at least one scope. Revoke the token instead.');
      const held = before.tools ?? host.catalogue.tools.map(({ name }) => name);
      const other = tools?.find((name) => !held.includes(name));
      if (other !== undefined) return invalid(`tools: the token may not use ${other}.`);
      if (tools?.length === 0)
        return invalid('tools: a token needs at least one tool. Revoke the token instead.');
      const isLess = scopes.length < before.scopes.length || (tools?.length ?? held.length) < held.length;
      if (!isLess) return invalid('Nothing was taken from the token. Remove a scope, or a tool.');
      const now = host.clock();
      host.db.transaction(() => {
        tokens.setScopes(id, scopes, now);
        if (tools !== undefined) tokens.setTools(id, tools, now);
      });
      const token = tokens.active(before.id, now);
      if (token === undefined) return conflict(ENDED);
      this.#endUse(id);
      return succeed(token);
    });
  }

  /** Ends what a token has open: calls that wait are admitted again, streams and sessions end. */
  #endUse(id: string): void {
    this.#tenant.waiters.touchAll();
    this.#tenant.listeners.endToken(id);
    deleteSessionsOfToken(this.#tenant.host.db, id);
  }

  /**
   * Changes the scopes of an active token. Streams and, if a scope was removed, sessions of the token end, because they
   * were opened under the old scopes; clients open them again.
   */
  changeScopes(id: string, { add, remove }: ScopeChange): Operation<Token> {
    return this.#operate(({ tokens }) => {
      const before = tokens.find(id);
      if (before === undefined) return NO_SUCH_TOKEN;
      if (before.isGrant) return conflict(GRANT_SCOPES);
      const scopes = ALL_SCOPES.filter(
        (scope) => add.includes(scope) || (before.scopes.includes(scope) && !remove.includes(scope)),
      );
      if (scopes.length === 0)
        return invalid('remove: a token needs at least one scope. Revoke the token instead.');
      const token = tokens.setScopes(id, scopes, this.#tenant.host.clock());
      if (token === undefined) return conflict(ENDED);
      this.#tenant.waiters.touchAll();
      this.#tenant.listeners.endToken(id);
      if (remove.length > 0) deleteSessionsOfToken(this.#tenant.host.db, id);
      return succeed(token);
    });
  }

  #change(change: (profile: Profile) => Profile): Operation<TenantInfo> {
    return this.#operate((loaded) => {
      loaded.records.flush();
      writeProfile(this.#tenant.host.db, change(loaded.profile));
      this.#tenant.forget();
      return this.describe();
    });
  }

  #operate<T>(act: (loaded: LoadedTenant) => Operation<T>): Operation<T> {
    const loaded = this.#tenant.requireLoaded();
    if (loaded.ok) return act(loaded.value);
    return loaded.error.reason === 'unavailable' ? UNAVAILABLE : NO_SUCH_TENANT;
  }
}
