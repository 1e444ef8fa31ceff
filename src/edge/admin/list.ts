import { Hono } from 'hono';
import * as z from 'zod';
import type { AppEnv } from '../http/isolate.ts';
import { type Ctx, checked, isoTime, reached } from './refusals.ts';

/** The list of tenants, which the Registry has. It is for reading alone: what a tenant may do is known to the tenant. */

const MAX_PAGE = 500;

const query = z.strictObject({
  limit: z.coerce
    .number({ error: `must be a whole number from 1 to ${MAX_PAGE}` })
    .int()
    .min(1)
    .max(MAX_PAGE)
    .default(100),
  cursor: z.string().max(63).default(''),
  prefix: z
    .string()
    .regex(/^[a-z0-9-]{0,63}$/, { error: 'must be the first characters of a tenant id: a-z, 0-9 and -' })
    .default(''),
  status: z.enum(['active', 'suspended'], { error: 'must be active or suspended' }).optional(),
});

const LIST_UNAVAILABLE =
  'The list of tenants cannot be read; tenants and their tokens can still be managed by id. GET /health?deep says what is broken.';

const registryOf = (c: Ctx) => c.env.REGISTRY.getByName('registry');

export const list = new Hono<AppEnv>();

list.get('/tenants', async (c) => {
  const { limit, cursor, prefix, status } = checked(query, c.req.query());
  const asked = async () => registryOf(c).list({ limit: limit + 1, after: cursor, prefix, status });
  const rows = await reached(c, asked(), LIST_UNAVAILABLE);
  const shown = rows.slice(0, limit);
  const tenants = shown.map((row) => ({
    id: row.id,
    status: row.status,
    created_at: isoTime(row.created_at),
  }));
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return c.json({ tenants, ...(last === undefined ? {} : { next_cursor: last.id }) });
});

list.post('/registry/reset', async (c) => {
  const asked = async () => registryOf(c).reset();
  await reached(c, asked(), 'The list of tenants cannot be emptied. Repeat the request.');
  return c.json({ status: 'reset' });
});
