import * as z from 'zod';
import { SCOPES } from '../families.ts';
import { count } from '../fields.ts';
import { defineTool } from '../tool.ts';

export const tenantLimits = defineTool({
  name: 'tenant_limits',
  title: 'Show limits',
  description:
    'Shows what may still be used: the token buckets of the tenant and of each tool (tokens left, capacity, refill per ' +
    'second, time until full), the storage used and allowed, and the scopes and expiry of the token. Free of charge.',
  scope: 'any',
  cost: 0,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({}),
  output: z.strictObject({
    limits: z.array(
      z.strictObject({
        scope: z.enum(['tenant', 'tool']),
        tool: z.string().optional(),
        remaining: count(),
        capacity: count(),
        refill_per_s: z.number(),
        resets_in_ms: count(),
      }),
    ),
    storage: z.strictObject({ bytes: count(), quota_bytes: count() }),
    token: z.strictObject({ scopes: z.array(z.enum(SCOPES)), expires_at: z.iso.datetime() }),
  }),
  log: {},
  run: (_args, context) => context.allowance(),
});
