import { type ApprovalPolicy, approvalPolicySchema } from '../contract/approval.ts';
import { parseTenantId, type TenantId } from '../contract/call.ts';
import { type CallQuotas, type LimitOverrides, limitOverridesSchema } from '../contract/limit-settings.ts';
import type { Database } from './database.ts';

export type TenantStatus = 'active' | 'suspended';

/** The identity of a tenant, its status and its own limits. */
export interface Profile {
  readonly id: TenantId;
  readonly status: TenantStatus;
  readonly createdAt: number;
  /** Which creation of the tenant it is; see `TenantListing`. 0: it was created before there were generations. */
  readonly generation: number;
  readonly overrides: LimitOverrides;
  /** The tenant's own storage quota; undefined: that of the deployment. */
  readonly storageQuotaBytes: number | undefined;
  readonly callQuotas: CallQuotas;
  /** Which calls a person must approve. */
  readonly policy: ApprovalPolicy;
  /** The key of `seal`, which only this tenant has. */
  readonly sealKey: string;
}

type TenantRow = {
  id: string;
  status: string;
  created_at: number;
  limits: string;
  seal_key: string;
  storage_quota: number | null;
  generation: number;
  calls_per_day: number | null;
  calls_per_month: number | null;
  policy: string;
};

export function insertProfile(
  db: Database,
  tenant: Pick<Profile, 'id' | 'sealKey' | 'generation'>,
  now: number,
): void {
  db.exec(
    `INSERT INTO tenant (one, id, status, created_at, limits, seal_key, generation)
     VALUES (1, ?, 'active', ?, '{}', ?, ?)`,
    tenant.id,
    now,
    tenant.sealKey,
    tenant.generation,
  );
}

export function readProfile(db: Database): Profile {
  const [row] = db.exec<TenantRow>('SELECT * FROM tenant');
  const id = parseTenantId(row?.id ?? '');
  if (row === undefined || id === undefined) throw new Error('the database has a schema but no tenant');
  return {
    id,
    status: row.status === 'suspended' ? 'suspended' : 'active',
    createdAt: row.created_at,
    generation: row.generation,
    sealKey: row.seal_key,
    overrides: limitOverridesSchema.parse(JSON.parse(row.limits)),
    storageQuotaBytes: row.storage_quota ?? undefined,
    callQuotas: { day: row.calls_per_day ?? undefined, month: row.calls_per_month ?? undefined },
    policy: approvalPolicySchema.parse(JSON.parse(row.policy)),
  };
}

export function writeProfile(db: Database, profile: Profile): void {
  db.exec(
    'UPDATE tenant SET status = ?, limits = ?, storage_quota = ?, generation = ?, calls_per_day = ?, calls_per_month = ?, policy = ?',
    profile.status,
    JSON.stringify(profile.overrides),
    profile.storageQuotaBytes ?? null,
    profile.generation,
    profile.callQuotas.day ?? null,
    profile.callQuotas.month ?? null,
    JSON.stringify(profile.policy),
  );
}
