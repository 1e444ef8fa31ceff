import { Hono } from 'hono';
import type { AppEnv } from '../http/isolate.ts';
import { resultOf, tenantOf } from './refusals.ts';

/** What takes the room of one tenant's storage, and deleting what it can do without. */
export const storage = new Hono<AppEnv>();

storage.get('/tenants/:id/storage', async (c) => {
  const { id, tenant } = tenantOf(c);
  const { counted, total, free, indexes, data, bookkeeping } = await resultOf(c, tenant.storage());
  const { storageQuotaBytes, hasOwnQuota } = await resultOf(c, tenant.describe());
  return c.json({
    id,
    storage: { bytes: counted, quota_bytes: storageQuotaBytes, own_quota: hasOwnQuota },
    database_bytes: total,
    free_bytes: free,
    data: { ...data, indexes: { bytes: indexes } },
    bookkeeping,
  });
});

storage.post('/tenants/:id/compact', async (c) => {
  const { id, tenant } = tenantOf(c);
  const { events, expired, freedBytes, more } = await resultOf(c, tenant.compact());
  return c.json({ id, dropped: { history: events, expired }, freed_bytes: freedBytes, more });
});
