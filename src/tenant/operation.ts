import { countSessions } from '../transport-tools/session-store.ts';
import type { TenantId } from './contract/call.ts';
import type { LimitOverrides, Limits } from './contract/limit-settings.ts';
import type { Host } from './host.ts';
import type { Profile, TenantStatus } from './storage/profile.ts';

/** What the operator's API shows of a tenant. */
export interface TenantInfo {
  readonly id: TenantId;
  readonly status: TenantStatus;
  readonly createdAt: number;
  readonly overrides: LimitOverrides;
  readonly effective: Limits;
  readonly storageBytes: number;
  readonly storageQuotaBytes: number;
  /** The sessions of clients, and the streams that are open now. */
  readonly sessions: number;
  readonly streams: number;
}

export function tenantInfo(host: Host, profile: Profile, streams: number): TenantInfo {
  const { id, status, createdAt, overrides } = profile;
  return {
    id,
    status,
    createdAt,
    overrides,
    effective: {
      tenant: overrides.tenant ?? host.limits.tenant,
      tool: overrides.tool ?? host.limits.tool,
    },
    storageBytes: host.db.sizeBytes(),
    storageQuotaBytes: host.storageQuotaBytes,
    sessions: countSessions(host.db),
    streams,
  };
}

/** The outcome of an operator's action, as it is sent over RPC. */
export type Operation<T> =
  | { ok: true; value: T }
  | { ok: false; problem: 'not_found' | 'conflict' | 'full' | 'invalid' | 'unavailable'; message: string };

export const NOT_FOUND = { ok: false, problem: 'not_found', message: 'There is no such tenant.' } as const;
export const UNAVAILABLE = {
  ok: false,
  problem: 'unavailable',
  message: 'The schema of the tenant could not be migrated. The log names the migration.',
} as const;
