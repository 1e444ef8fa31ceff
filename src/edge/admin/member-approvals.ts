import type { ApprovalList, HeldCallDetail } from '../../tenant/contract/approval.ts';
import { approvalJson, approvalsJson } from '../../tenant/contract/approval-json.ts';
import { APPROVALS_SCOPE } from '../../tools/families.ts';
import { admitFor, memberRoutes } from './member.ts';
import { AdminRefusal, type Ctx, resultOf } from './refusals.ts';

/** Held calls under `/v1`, to be read by tokens with `approvals:write`. No token decides one. */

/** The tenant of the token. @throws Refused */
async function tenantOf(c: Ctx) {
  const { principal } = await admitFor(c, APPROVALS_SCOPE, 'approvals');
  return c.env.TENANTS.getByName(principal.tenant);
}

export const memberApprovals = memberRoutes('/approvals');

memberApprovals.get('/approvals', async (c) => {
  const tenant = await tenantOf(c);
  return c.json(approvalsJson(await resultOf<ApprovalList>(c, tenant.approvals())));
});

memberApprovals.get('/approvals/:approval', async (c) => {
  const tenant = await tenantOf(c);
  return c.json(approvalJson(await resultOf<HeldCallDetail>(c, tenant.approval(c.req.param('approval')))));
});

memberApprovals.post('/approvals/:approval', async (c) => {
  await tenantOf(c);
  const message =
    'A token does not decide, whatever its scopes are: only a person does. Decide on the page Approvals of the console, signed in as a member, or as the operator.';
  throw new AdminRefusal(403, 'forbidden', message);
});
