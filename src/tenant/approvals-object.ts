import type { ApprovalAdministration } from './approval-administration.ts';
import type { DecisionRequest } from './approvals/decision-record.ts';
import { ConnectionsObject } from './connections-object.ts';
import type {
  ApprovalList,
  Decider,
  Decision,
  HeldCallDetail,
  PolicyChange,
  PolicyView,
} from './contract/approval.ts';
import type { Operation } from './operation.ts';

type Parts = ConstructorParameters<typeof ConnectionsObject>[2] & {
  readonly approvals: () => ApprovalAdministration;
};

/** The part of the tenant's Durable Object that keeps the calls which a person must approve. See `ApprovalAdministration`. */
export class ApprovalsObject extends ConnectionsObject {
  readonly #approvals: () => ApprovalAdministration;

  constructor(ctx: DurableObjectState, env: Env, { approvals, ...parts }: Parts) {
    super(ctx, env, parts);
    this.#approvals = approvals;
  }

  policy(): Operation<PolicyView> {
    return this.#approvals().policy();
  }

  changePolicy(change: PolicyChange): Operation<PolicyView> {
    return this.#approvals().changePolicy(change);
  }

  approvals(): Operation<ApprovalList> {
    return this.#approvals().list();
  }

  approval(id: string): Operation<HeldCallDetail> {
    return this.#approvals().show(id);
  }

  decideApproval(
    decider: Decider,
    id: string,
    decision: Decision,
    request: DecisionRequest,
  ): Operation<HeldCallDetail> {
    return this.#approvals().decide(decider, id, decision, request);
  }
}
