import { Hono } from 'hono';
import * as z from 'zod';
import { ATTEMPT_MS, inTime } from '../http/attempt.ts';
import type { AppEnv } from '../http/isolate.ts';
import { sealerOf } from '../oauth/seal.ts';
import { actingAs, listAction } from './operator-calls.ts';
import { pageQuery } from './paging.ts';
import { AdminRefusal, type Ctx, checked, isoTime, reached } from './refusals.ts';

/** The list of tenants, which the Registry has. It is for reading alone: what a tenant may do is known to the tenant. */

const MAX_PAGE = 500;

const query = z.strictObject({
  ...pageQuery(MAX_PAGE, 100),
  prefix: z
    .string()
    .regex(/^[a-z0-9-]{0,63}$/, { error: 'must be the first characters of a tenant id: a-z, 0-9 and -' })
    .default(''),
  status: z.enum(['active', 'suspended'], { error: 'must be active or suspended' }).optional(),
});

const LIST_UNAVAILABLE =
  'The list of tenants cannot be read; tenants and their tokens can still be managed by id. GET /health?deep says what is broken.';

/** Where a page begins, and the filters of its list. */
const position = z.object({ after: z.string(), prefix: z.string(), status: z.string() });

/** @throws AdminRefusal when the cursor is not of a list with these filters */
function positionOf(c: Ctx, { cursor, prefix, status }: z.output<typeof query>): string {
  if (cursor === '') return '';
  const opened = sealerOf(c.var.isolate.config).open('page', cursor, position);
  if (opened?.prefix === prefix && opened.status === (status ?? '')) return opened.after;
  const remedy = 'Repeat prefix and status unchanged, or leave cursor out to start again.';
  throw new AdminRefusal(400, 'invalid_input', `cursor: it is not of this list. ${remedy}`, 'cursor');
}

const registryOf = (c: Ctx) => c.env.REGISTRY.getByName('registry');

export const list = new Hono<AppEnv>();

list.get('/tenants', async (c) => {
  const asked = checked(query, c.req.query());
  const { limit, prefix, status } = asked;
  const after = positionOf(c, asked);
  const listed = async () => registryOf(c).list({ limit: limit + 1, after, prefix, status });
  const rows = await reached(c, inTime(listed, ATTEMPT_MS), LIST_UNAVAILABLE);
  const shown = rows.slice(0, limit);
  const tenants = shown.map((row) => ({
    id: row.id,
    status: row.status,
    created_at: isoTime(row.created_at),
  }));
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const { config } = c.var.isolate;
  const next = last && { after: last.id, prefix, status: status ?? '' };
  return c.json({ tenants, next_cursor: next && sealerOf(config).seal('page', next) });
});

list.post('/registry/reset', async (c) => {
  const asked = async () => registryOf(c).reset();
  await reached(c, asked(), 'The list of tenants cannot be emptied. Repeat the request.');
  await listAction(c, {
    tenant: '',
    action: 'POST registry reset',
    as: actingAs(c),
    code: undefined,
    changed: [],
  });
  return c.json({ status: 'reset' });
});
