import { fail, type Result } from '../result.ts';
import type { ToolError } from '../tools/errors.ts';
import { countSessions } from '../transport-tools/session-store.ts';
import type { PeriodUse } from './calls/call-quota.ts';
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
  /** The bytes that count against the quota. */
  readonly storageBytes: number;
  readonly storageQuotaBytes: number;
  /** Whether the quota is the tenant's own, not the deployment's. */
  readonly hasOwnQuota: boolean;
  /** The calls of this day and month. */
  readonly calls: readonly PeriodUse[];
  /** The sessions of clients, and the streams that are open now. */
  readonly sessions: number;
  readonly streams: number;
}

export function tenantInfo(
  host: Host,
  profile: Profile,
  { storageBytes, streams, calls }: Pick<TenantInfo, 'storageBytes' | 'streams' | 'calls'>,
): TenantInfo {
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
    storageBytes,
    storageQuotaBytes: profile.storageQuotaBytes ?? host.storageQuotaBytes,
    hasOwnQuota: profile.storageQuotaBytes !== undefined,
    calls,
    sessions: countSessions(host.db),
    streams,
  };
}

/** Why an operator's action was not done. */
export interface OperationProblem {
  readonly reason: 'not_found' | 'forbidden' | 'conflict' | 'full' | 'invalid' | 'unavailable';
  readonly message: string;
  /** The argument that is wrong. */
  readonly field?: string | undefined;
}

/** The outcome of an operator's action, as it is sent over RPC. */
export type Operation<T> = Result<T, OperationProblem>;

/** An operation that a reader of the tenant's data has refused. */
export const refused = ({ code, message, detail }: ToolError) =>
  fail<OperationProblem>({
    reason: code === 'unknown_handle' ? 'not_found' : 'invalid',
    message,
    field: detail.field,
  });

const problem = (reason: OperationProblem['reason'], message: string) => fail({ reason, message });

export const notFound = (message: string) => problem('not_found', message);
export const forbidden = (message: string) => problem('forbidden', message);
export const conflict = (message: string) => problem('conflict', message);
export const full = (message: string) => problem('full', message);
export const invalid = (message: string) => problem('invalid', message);

export const NO_SUCH_TENANT = notFound('There is no such tenant.');
export const NO_SUCH_TOKEN = notFound('The tenant has no such token.');
export const TENANT_EXISTS = conflict('The tenant exists already.');
export const unavailable = (message: string) => problem('unavailable', message);
export const UNAVAILABLE = unavailable(
  'The storage of the tenant cannot be loaded. The log has the cause; if it cannot be repaired, delete the tenant and create it again.',
);
