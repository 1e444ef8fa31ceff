import { Hono } from 'hono';
import { recordsUsage, type UsageEntry, type UsedEntry } from '../../tenant/records/reading/usage.ts';
import type { AppEnv } from '../http/isolate.ts';
import { resultOf, tenantOf } from './refusals.ts';

/** What one tenant has used: by day and month, token, tool or client. */
export const usage = new Hono<AppEnv>();

/** Tools and clients are counted from all records, a part at a time, so that the tenant answers calls in between. */
usage.get('/tenants/:id/usage', async (c) => {
  const { id, tenant } = tenantOf(c);
  const all = new Map<string, UsageEntry>();
  let cursor = c.req.query('cursor');
  for (;;) {
    // RPC sends no object without a prototype, which the query is.
    const args = { ...c.req.query(), ...(cursor !== undefined && { cursor }) };
    const page = recordsUsage.output.parse(JSON.parse(await resultOf(c, tenant.ask('usage', args))));
    for (const entry of page.usage) addTo(all, entry);
    cursor = page.next_cursor;
    if (cursor !== undefined) continue;
    const { by, since, until } = page;
    const entries = [...all.values()];
    const isByTime = by === 'day' || by === 'month';
    const shown = isByTime ? entries : entries.sort((a, b) => b.calls + b.refused - a.calls - a.refused);
    return c.json({ id, by, since, until, usage: shown, total: entries.reduce(sumOf, NOTHING) });
  }
});

function addTo(all: Map<string, UsageEntry>, entry: UsageEntry): void {
  const { day, month, token_id, tool, client } = entry;
  const name = day ?? month ?? token_id ?? tool ?? client ?? '';
  const known = all.get(name);
  all.set(name, known === undefined ? entry : { ...entry, ...sumOf(known, entry) });
}

const NOTHING: UsedEntry = {
  calls: 0,
  failed: 0,
  refused: 0,
  charged: 0,
  work: 0,
  bytes_in: 0,
  bytes_out: 0,
  saved_usd: 0,
};

const sumOf = (a: UsedEntry, b: UsedEntry): UsedEntry => ({
  calls: a.calls + b.calls,
  failed: a.failed + b.failed,
  refused: a.refused + b.refused,
  charged: a.charged + b.charged,
  work: a.work + b.work,
  bytes_in: a.bytes_in + b.bytes_in,
  bytes_out: a.bytes_out + b.bytes_out,
  saved_usd: a.saved_usd + b.saved_usd,
});
