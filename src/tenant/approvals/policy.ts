import type { AnyTool } from '../../tools/remote-tool.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import { tenantLimits } from '../../tools/tenant/limits.ts';
import type { ApprovalPolicy, PolicyChange, PolicyView } from '../contract/approval.ts';

/** Tools without which no agent could redeem a held call, or learn how long to wait. */
const ALWAYS_FREE: readonly string[] = [tenantApproval.name, tenantLimits.name];

type Judged = Pick<AnyTool, 'name' | 'annotations'>;

export const canNeedApproval = ({ name }: Pick<AnyTool, 'name'>) => !ALWAYS_FREE.includes(name);

/** Whether a person must approve the calls of this tool. */
export function needsApproval({ tools, destructive }: ApprovalPolicy, tool: Judged): boolean {
  if (!canNeedApproval(tool)) return false;
  const own = Object.hasOwn(tools, tool.name) ? tools[tool.name] : undefined;
  return own ?? (destructive && tool.annotations.destructiveHint);
}

/** The policy after a change. Settings of tools that are gone are dropped. */
export function changedPolicy(
  { tools, destructive }: ApprovalPolicy,
  change: PolicyChange,
  published: readonly Judged[],
): ApprovalPolicy {
  const known = Object.entries(tools).filter(([name]) => published.some((tool) => tool.name === name));
  if (!('tool' in change)) return { tools: Object.fromEntries(known), destructive: change.destructive };
  const others = known.filter(([name]) => name !== change.tool);
  const own = change.approval === null ? [] : [[change.tool, change.approval] as const];
  return { tools: Object.fromEntries([...others, ...own]), destructive };
}

export const policyView = (policy: ApprovalPolicy, published: readonly Judged[]): PolicyView => ({
  policy,
  needed: published.filter((tool) => needsApproval(policy, tool)).map(({ name }) => name),
});
