import { Hono } from 'hono';
import * as z from 'zod';
import {
  bucketLimitSchema,
  callQuotaSchema,
  type LimitChange,
  storageQuotaSchema,
} from '../../tenant/contract/limit-settings.ts';
import type { TenantInfo } from '../../tenant/operation.ts';
import type { AppEnv } from '../http/isolate.ts';
import { actionOf, recordAction } from './operator-calls.ts';
import { bodyOf, type Ctx, idOf, isoTime, resultOf, tenantOf } from './refusals.ts';

/** One tenant: creation, status, limits, deletion. All of it is done by the tenant itself. */

interface CallsChange {
  readonly calls_per_day?: number | null | undefined;
  readonly calls_per_month?: number | null | undefined;
}

const changesRates = ({ rate, burst, unset }: LimitChange) =>
  rate !== undefined || burst !== undefined || unset === true;

const changesCalls = ({ calls_per_day, calls_per_month }: CallsChange) =>
  calls_per_day !== undefined || calls_per_month !== undefined;

const newTenant = z.strictObject({ id: z.string() });
const limitChange = z
  .strictObject({
    tool: z.string().min(1).max(64).optional(),
    rate: bucketLimitSchema.shape.rate.optional(),
    burst: bucketLimitSchema.shape.burst.optional(),
    storage: storageQuotaSchema.nullable().optional(),
    calls_per_day: callQuotaSchema.nullable().optional(),
    calls_per_month: callQuotaSchema.nullable().optional(),
    unset: z.literal(true).optional(),
  })
  .refine((change) => changesRates(change) || change.storage !== undefined || changesCalls(change), {
    error: 'rate, burst, storage, calls_per_day, calls_per_month or unset is required',
  })
  .refine((change) => change.tool === undefined || changesRates(change), {
    path: ['tool'],
    error: 'has only rate and burst of its own. Quotas belong to the whole tenant: leave tool out',
  })
  .refine((change) => change.unset === undefined || (change.rate ?? change.burst) === undefined, {
    path: ['unset'],
    error: 'cannot be combined with rate or burst. Send one or the other',
  });

function tenantJson(info: TenantInfo) {
  return {
    id: info.id,
    status: info.status,
    created_at: isoTime(info.createdAt),
    limits: { tenant: info.effective.tenant, tool: info.effective.tool, tools: info.overrides.tools },
    storage: { bytes: info.storageBytes, quota_bytes: info.storageQuotaBytes, own_quota: info.hasOwnQuota },
    calls: Object.fromEntries(
      info.calls.map(({ period, used, quota, resetsAt }) => [
        period,
        { used, quota: quota ?? null, resets_at: isoTime(resetsAt) },
      ]),
    ),
    clients: { sessions: info.sessions, open_streams: info.streams },
  };
}

export const tenants = new Hono<AppEnv>();

tenants.post('/tenants', async (c) => {
  const id = idOf((await bodyOf(c, newTenant)).id);
  const info = await resultOf(c, c.env.TENANTS.getByName(id).create(id));
  await recordAction(c, id, actionOf(c), { before: undefined, code: undefined });
  return c.json(tenantJson(info), 201);
});

tenants.get('/tenants/:id', async (c) => {
  const { tenant } = tenantOf(c);
  return c.json(tenantJson(await resultOf(c, tenant.describe())));
});

tenants.delete('/tenants/:id', async (c) => {
  const { id, tenant } = tenantOf(c);
  await resultOf(c, tenant.erase(id));
  return c.json({ id, status: 'deleted' });
});

async function setStatus(c: Ctx, status: TenantInfo['status']): Promise<Response> {
  const { tenant } = tenantOf(c);
  return c.json(tenantJson(await resultOf(c, tenant.setStatus(status))));
}

tenants.post('/tenants/:id/suspend', (c) => setStatus(c, 'suspended'));
tenants.post('/tenants/:id/resume', (c) => setStatus(c, 'active'));

tenants.patch('/tenants/:id/limits', async (c) => {
  const { tenant } = tenantOf(c);
  const { storage, calls_per_day: day, calls_per_month: month, ...change } = await bodyOf(c, limitChange);
  if (changesRates(change)) await resultOf(c, tenant.changeLimits(change));
  if (day !== undefined || month !== undefined) await resultOf(c, tenant.changeCallQuotas({ day, month }));
  if (storage !== undefined) await resultOf(c, tenant.setStorageQuota(storage));
  return c.json(tenantJson(await resultOf(c, tenant.describe())));
});
