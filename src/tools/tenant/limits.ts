import * as z from 'zod';
import { count } from '../fields.ts';
import { defineTool } from '../tool.ts';

export const tenantLimits = defineTool({
  name: 'tenant_limits',
  title: 'Show limits',
  description:
    'Shows the calls left and their refill, the storage used and allowed, and the scopes and expiry of your token. Free.',
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
    calls: z
      .array(
        z.strictObject({
          period: z.enum(['day', 'month']),
          remaining: count(),
          quota: count(),
          resets_at: z.iso.datetime(),
        }),
      )
      .optional(),
    storage: z.strictObject({ bytes: count(), quota_bytes: count() }),
    token: z.strictObject({ scopes: z.array(z.string()), expires_at: z.iso.datetime() }),
  }),
  log: {},
  run(_args, context) {
    const { limits, calls, ...allowance } = context.allowance();
    return {
      // A full bucket has nothing to say, and most are full.
      limits: limits.filter(({ resets_in_ms }) => resets_in_ms > 0),
      ...(calls.length > 0 && { calls }),
      ...allowance,
    };
  },
});
