import { Hono } from 'hono';
import * as z from 'zod';
import type { ListedAction } from '../../registry/action-rows.ts';
import { ATTEMPT_MS, inTime } from '../http/attempt.ts';
import type { AppEnv } from '../http/isolate.ts';
import { sealerOf } from '../oauth/seal.ts';
import { pageQuery } from './paging.ts';
import { AdminRefusal, checked, isoTime, reached } from './refusals.ts';

/** What was done with the admin key, to all tenants and to the deployment: the newest 5,000 actions, which the registry has. */

const MAX_PAGE = 200;

const query = z.strictObject(pageQuery(MAX_PAGE, 50));

/** Where a page begins: the last action of the page before. */
const position = z.object({ action: z.int() });

const UNAVAILABLE =
  'The list of actions cannot be read; the records of each tenant have what was done to it. GET /health?deep says what is broken.';

const actionJson = ({ at, tenant, action, as, code, changed }: ListedAction) => ({
  at: isoTime(at),
  tenant: tenant === '' ? null : tenant,
  action,
  by: as ?? null,
  code: code ?? null,
  changed,
});

export const actions = new Hono<AppEnv>();

actions.get('/actions', async (c) => {
  const { limit, cursor } = checked(query, c.req.query());
  const sealer = sealerOf(c.var.isolate.config);
  const before = cursor === '' ? undefined : sealer.open('page', cursor, position)?.action;
  if (cursor !== '' && before === undefined) {
    const message = 'cursor: it is not of this list. Leave cursor out to start again.';
    throw new AdminRefusal(400, 'invalid_input', message, 'cursor');
  }
  const listed = async (): Promise<ListedAction[]> =>
    c.env.REGISTRY.getByName('registry').actions({ limit: limit + 1, before });
  const rows = await reached(c, inTime(listed, ATTEMPT_MS), UNAVAILABLE);
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return c.json({
    actions: shown.map(actionJson),
    next_cursor: last && sealer.seal('page', { action: last.id } satisfies z.infer<typeof position>),
  });
});
