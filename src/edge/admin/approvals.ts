import { Hono } from 'hono';
import * as z from 'zod';
import {
  type ApprovalList,
  type HeldCallDetail,
  MAX_REASON_CHARS,
  type PolicyView,
} from '../../tenant/contract/approval.ts';
import { approvalJson, approvalsJson, policyJson } from '../../tenant/contract/approval-json.ts';
import type { AppEnv } from '../http/isolate.ts';
import { actingAs } from './operator-calls.ts';
import { bodyOf, type Ctx, resultOf, tenantOf } from './refusals.ts';

/** Which calls of one tenant a person must approve, and the calls that wait for that. */

const policyChange = z.union(
  [
    z.strictObject({ tool: z.string().max(64), approval: z.boolean().nullable() }),
    z.strictObject({ destructive: z.boolean() }),
  ],
  { error: 'must be {"tool": NAME, "approval": true, false or null} or {"destructive": true or false}' },
);

const decisionBody = z
  .strictObject({
    decision: z.enum(['approve', 'refuse']),
    standing: z.boolean().default(false),
    reason: z.string().min(1).max(MAX_REASON_CHARS).optional(),
  })
  .refine(({ decision, standing }) => decision === 'approve' || !standing, {
    path: ['standing'],
    error: 'must be left out of a refusal',
  });

export const approvals = new Hono<AppEnv>();

approvals.get('/tenants/:id/policy', async (c) =>
  c.json(policyJson(await resultOf<PolicyView>(c, tenantOf(c).tenant.policy()))),
);

approvals.patch('/tenants/:id/policy', async (c) => {
  const { tenant } = tenantOf(c);
  const change = await bodyOf(c, policyChange);
  return c.json(policyJson(await resultOf<PolicyView>(c, tenant.changePolicy(change))));
});

approvals.get('/tenants/:id/approvals', async (c) =>
  c.json(approvalsJson(await resultOf<ApprovalList>(c, tenantOf(c).tenant.approvals()))),
);

approvals.get('/tenants/:id/approvals/:approval', async (c) => {
  const { tenant } = tenantOf(c);
  return c.json(approvalJson(await resultOf<HeldCallDetail>(c, tenant.approval(c.req.param('approval')))));
});

approvals.post('/tenants/:id/approvals/:approval', async (c) => {
  const { tenant } = tenantOf(c);
  const { decision, standing, reason } = await bodyOf(c, decisionBody);
  const decided = tenant.decideApproval(
    { kind: 'operator', as: actingAs(c) },
    c.req.param('approval'),
    { approve: decision === 'approve', standing, reason },
    requestOf(c),
  );
  return c.json(approvalJson(await resultOf<HeldCallDetail>(c, decided)));
});

function requestOf(c: Ctx) {
  const { id, trace, receivedAt } = c.var.arrival;
  return { requestId: id, trace, receivedAt };
}
