import { Hono } from 'hono';
import type { Checked, Verified } from '../../tenant/records/verify.ts';
import type { AppEnv } from '../http/isolate.ts';
import { isoTime, resultOf, tenantOf } from './refusals.ts';

/** What the agents of one tenant did. */
export const records = new Hono<AppEnv>();

/** Checks all records, a step at a time, so that the tenant answers calls in between. */
records.get('/tenants/:id/verify', async (c) => {
  const { id, tenant } = tenantOf(c);
  let after: Checked | undefined;
  let anchor: Verified['anchor'];
  for (;;) {
    const step = await resultOf(c, tenant.verify(after));
    anchor = step.anchor ?? anchor;
    after = step.next;
    if (after !== undefined) continue;
    const { broken, first, last, unchained } = step;
    return c.json({
      id,
      verdict: broken === undefined ? 'intact' : 'broken',
      broken: broken && { record: broken.id, what: broken.what.replace(' ', '_') },
      first_record: first,
      last_record: last,
      records_without_hash: unchained,
      anchored: anchor && { record: anchor.id, at: isoTime(anchor.at) },
    });
  }
});
