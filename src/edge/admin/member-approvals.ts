import { Hono } from 'hono';
import type { ApprovalList, HeldCallDetail } from '../../tenant/contract/approval.ts';
import { approvalJson, approvalsJson } from '../../tenant/contract/approval-json.ts';
import { APPROVALS_SCOPE } from '../../tools/families.ts';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';
import { admitFor, Refused } from './member.ts';
import { AdminRefusal, type Ctx, resultOf } from './refusals.ts';

/** Held calls under `/v1`, to be read by tokens with `approvals:write`. No token decides one. */

/** The tenant of the token. @throws Refused */
async function tenantOf(c: Ctx) {
  const { tenant: id, tokenId } = (await admitFor(c, APPROVALS_SCOPE, 'approvals')).principal;
  c.var.isolate.log({
    level: 'info',
    event: 'admin.request',
    tenant: id,
    token_id: tokenId,
    ...requestFields(c),
  });
  return c.env.TENANTS.getByName(id);
}

export const memberApprovals = new Hono<AppEnv>();
memberApprovals.use('/approvals/*', async (c, next) => {
  await next();
  // A request that is refused early leaves its body unread, and the platform logs an error for that.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
});
memberApprovals.onError((error, c) => {
  if (error instanceof Refused) return error.response;
  if (error instanceof AdminRefusal) return problem(error.refusal, c.var.arrival.trace.traceId);
  throw error;
});

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
