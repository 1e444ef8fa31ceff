import { Hono } from 'hono';
import * as z from 'zod';
import { DAY_MS, dayOf } from '../../tenant/contract/period.ts';
import { USAGE_GROUPS, type UsageGroup, type UsageOf } from '../../tenant/records/usage.ts';
import type { AppEnv } from '../http/isolate.ts';
import { momentSchema } from './moments.ts';
import { AdminRefusal, type Ctx, checked, isoTime, resultOf, tenantOf } from './refusals.ts';

/** What one tenant has used: by day and month, token, tool or client. */

const DEFAULT_DAYS = 30;
const MICRO_USD = 1e6;

const query = (now: number) =>
  z.strictObject({
    by: z.enum(USAGE_GROUPS, { error: `must be one of ${USAGE_GROUPS.join(', ')}` }).default('day'),
    since: momentSchema(now).optional(),
    until: momentSchema(now).optional(),
  });

interface Asked {
  readonly by: UsageGroup;
  readonly since: number;
  readonly until: number;
}

/** The range that is asked for. What is counted in whole days begins with the first of them. */
function askedOf(c: Ctx): Asked {
  const now = Date.now();
  const { by, since, until = now } = checked(query(now), c.req.query());
  const from = since ?? until - (by === 'month' ? 400 : DEFAULT_DAYS) * DAY_MS;
  if (from >= until) throw new AdminRefusal(400, 'invalid_input', 'since: must be before until.', 'since');
  const isExact = by === 'tool' || by === 'client';
  return { by, since: isExact ? from : dayOf(from) * DAY_MS, until };
}

const NAME_OF = { day: 'day', month: 'month', tool: 'tool', token: 'token_id', client: 'client' } as const;

function usageJson({ used }: Pick<UsageOf, 'used'>) {
  const { saved_micro_usd, ...counts } = used;
  return { ...counts, saved_usd: saved_micro_usd / MICRO_USD };
}

function totalOf(all: readonly UsageOf[]) {
  const total = {
    calls: 0,
    failed: 0,
    refused: 0,
    charged: 0,
    work: 0,
    bytes_in: 0,
    bytes_out: 0,
    saved_micro_usd: 0,
  };
  for (const { used } of all) {
    total.calls += used.calls;
    total.failed += used.failed;
    total.refused += used.refused;
    total.charged += used.charged;
    total.work += used.work;
    total.bytes_in += used.bytes_in;
    total.bytes_out += used.bytes_out;
    total.saved_micro_usd += used.saved_micro_usd;
  }
  return usageJson({ used: total });
}

export const usage = new Hono<AppEnv>();

usage.get('/tenants/:id/usage', async (c) => {
  const { id, tenant } = tenantOf(c);
  const { by, since, until } = askedOf(c);
  const all = await resultOf(c, tenant.usage(by, { since, until }));
  const labels = new Map<string, string>();
  if (by === 'token') {
    for (const token of await resultOf(c, tenant.tokens())) labels.set(token.id, token.label);
  }
  return c.json({
    id,
    by,
    since: isoTime(since),
    until: isoTime(until),
    usage: all.map((one) => ({
      [NAME_OF[by]]: one.name,
      ...(by === 'token' && { label: labels.get(one.name ?? '') ?? null }),
      ...usageJson(one),
    })),
    total: totalOf(all),
  });
});
