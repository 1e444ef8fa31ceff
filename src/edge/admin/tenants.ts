import { Hono } from 'hono';
import * as z from 'zod';
import {
  bucketLimitSchema,
  type LimitChange,
  storageQuotaSchema,
} from '../../tenant/contract/limit-settings.ts';
import type { TenantInfo } from '../../tenant/operation.ts';
import type { AppEnv } from '../http/isolate.ts';
import { bodyOf, type Ctx, idOf, isoTime, resultOf, tenantOf } from './refusals.ts';

/** One tenant: creation, status, limits, deletion. All of it is done by the tenant itself. */

const changesRates = ({ rate, burst, unset }: LimitChange) =>
  rate !== undefined || burst !== undefined || unset === true;

const newTenant = z.strictObject({ id: z.string() });
const limitChange = z
  .strictObject({
    tool: z.string().min(1).max(64).optional(),
    rate: bucketLimitSchema.shape.rate.optional(),
    burst: bucketLimitSchema.shape.burst.optional(),
    storage: storageQuotaSchema.nullable().optional(),
    unset: z.literal(true).optional(),
  })
  .refine((change) => changesRates(change) || change.storage !== undefined, {
    error: 'rate, burst, storage or unset is required',
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
    clients: { sessions: info.sessions, open_streams: info.streams },
  };
}

export const tenants = new Hono<AppEnv>();

tenants.post('/tenants', async (c) => {
  const id = idOf((await bodyOf(c, newTenant)).id);
  const info = await resultOf(c, c.env.TENANTS.getByName(id).create(id));
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
  const { storage, ...change } = await bodyOf(c, limitChange);
  const changed = changesRates(change) ? await resultOf(c, tenant.changeLimits(change)) : undefined;
  const info = storage === undefined ? changed : await resultOf(c, tenant.setStorageQuota(storage));
  return c.json(tenantJson(info ?? (await resultOf(c, tenant.describe()))));
});
