import type { ApprovalList, HeldCallDetail, HeldCallView, PolicyView, StandingApproval } from './approval.ts';

/** Held calls and the policy, as the APIs and the command line show them. */

const iso = (ms: number) => new Date(ms).toISOString();

export const policyJson = ({ policy: { tools, destructive }, needed }: PolicyView) => ({
  tools,
  destructive,
  needs_approval: needed,
});

const callJson = (call: HeldCallView) => ({
  approval_id: call.id,
  state: call.state,
  tool: call.tool,
  token_id: call.tokenId,
  token_label: call.tokenLabel ?? null,
  client: call.client ?? null,
  trace_id: call.traceId,
  held_at: iso(call.heldAt),
  expires_at: iso(call.expiresAt),
  decided_at: call.decidedAt === undefined ? null : iso(call.decidedAt),
  decided_by: call.decidedBy ?? null,
  reason: call.reason ?? null,
});

const standingJson = (standing: StandingApproval) => ({
  approval_id: standing.id,
  tool: standing.tool,
  token_id: standing.tokenId,
  token_label: standing.tokenLabel ?? null,
  given_at: iso(standing.givenAt),
  expires_at: iso(standing.expiresAt),
  given_by: standing.givenBy,
});

export const approvalsJson = ({ calls, standing }: ApprovalList) => ({
  approvals: calls.map(callJson),
  standing: standing.map(standingJson),
});

export const approvalJson = (call: HeldCallDetail) => ({
  ...callJson(call),
  title: call.title ?? null,
  description: call.description ?? null,
  destructive: call.destructive ?? null,
  reaches_other_systems: call.isRemote,
  args: call.args,
  ...(call.dryRun === undefined ? {} : { dry_run: { ...call.dryRun.result, changes: call.dryRun.changes } }),
  ...call.result,
});
