import { type Result, succeed } from '../result.ts';
import { redactForLog } from '../telemetry/redact.ts';
import { APPROVALS_SCOPE } from '../tools/families.ts';
import { isRemoteTool } from '../tools/remote-tool.ts';
import { approvalTopic } from '../tools/tenant/approval.ts';
import type { Administered } from './administration.ts';
import { type DecisionRequest, decidedBy, decisionRecord } from './approvals/decision-record.ts';
import { type HeldRow, stateAt, viewOf } from './approvals/held-row.ts';
import { masked } from './approvals/masked.ts';
import { canNeedApproval, changedPolicy, policyView } from './approvals/policy.ts';
import { approvalLine } from './calls/approval-log.ts';
import type {
  ApprovalList,
  Decider,
  Decision,
  HeldCallDetail,
  HeldResult,
  PolicyChange,
  PolicyView,
} from './contract/approval.ts';
import type { LoadedTenant } from './loaded-tenant.ts';
import {
  conflict,
  forbidden,
  full,
  invalid,
  NO_SUCH_TENANT,
  notFound,
  type Operation,
  UNAVAILABLE,
} from './operation.ts';
import { writeProfile } from './storage/profile.ts';

const NO_SUCH_CALL = notFound('The tenant has no such held call. It is forgotten a day after it ended.');
const NOT_IN_PERSON = forbidden(
  'Only a person decides: the operator, or a member who has signed in to the console.',
);
const NOT_ALLOWED = forbidden(
  `To decide, a member needs the scope ${APPROVALS_SCOPE}. Ask the operator for it.`,
);
const MAX_NAME_CHARS = 64;

/** Which calls of a tenant a person must approve, and the calls that wait for that. */
export class ApprovalAdministration {
  readonly #tenant: Administered;

  constructor(tenant: Administered) {
    this.#tenant = tenant;
  }

  policy(): Operation<PolicyView> {
    return this.#operate(({ profile }) =>
      succeed(policyView(profile.policy, this.#tenant.host.catalogue.tools)),
    );
  }

  /** Holds for the very next call. */
  changePolicy(change: PolicyChange): Operation<PolicyView> {
    return this.#operate(({ profile, records, heldCalls }) => {
      const { db, catalogue } = this.#tenant.host;
      const tool = 'tool' in change ? change.tool : undefined;
      const isKnown = tool === undefined || catalogue.tools.some(({ name }) => name === tool);
      if (!isKnown) return invalid(`tool: there is no tool named ${tool}.`);
      if (tool !== undefined && !canNeedApproval({ name: tool }))
        return invalid(`tool: ${tool} never needs approval, because agents redeem held calls with its help.`);
      records.flush();
      const policy = changedPolicy(profile.policy, change, catalogue.tools);
      const view = policyView(policy, catalogue.tools);
      db.transaction(() => {
        writeProfile(db, { ...profile, policy });
        heldCalls.standing.keepOf(view.needed);
      });
      this.#tenant.forget();
      return succeed(view);
    });
  }

  /** The newest first. */
  list(): Operation<ApprovalList> {
    return this.#operate((loaded, now) => {
      const { heldCalls } = loaded;
      const calls = heldCalls.list().map((row) => viewOf(row, labelOf(loaded, row.token_id), now));
      const standing = heldCalls.standing.list(now).map((row) => ({
        id: row.id,
        tokenId: row.token_id,
        tokenLabel: labelOf(loaded, row.token_id),
        tool: row.tool,
        givenAt: row.given_at,
        expiresAt: row.expires_at,
        givenBy: row.given_by,
      }));
      return succeed({ calls, standing });
    });
  }

  /** One held call in full, with what it would do now. */
  show(id: string): Operation<HeldCallDetail> {
    return this.#operate((loaded, now) => {
      const row = loaded.heldCalls.find(id);
      return row === undefined ? NO_SUCH_CALL : succeed(this.#detail(loaded, row, now));
    });
  }

  /** Approves or refuses a held call. A refusal also takes back what was approved and not redeemed, and what stands. */
  decide(
    decider: Decider,
    id: string,
    decision: Decision,
    request: DecisionRequest,
  ): Operation<HeldCallDetail> {
    return this.#operate((loaded, now) => {
      const { heldCalls, profile } = loaded;
      const before = heldCalls.find(id);
      if (before === undefined) return NO_SUCH_CALL;
      const named = nameOf(decider, loaded, before, now);
      if (!named.ok) return named;
      const by = named.value;
      const decided = this.#decide(loaded, before, decision, { decider, by, request }, now);
      if (!decided.ok) return decided;
      this.#tenant.waiters.touch([approvalTopic(id)]);
      this.#tenant.host.log(
        approvalLine('approval.decided', profile.id, { ...decided.value, decided_by: by }),
      );
      return succeed(this.#detail(loaded, decided.value, now));
    });
  }

  /** Stores a decision together with its record. */
  #decide(
    { heldCalls, records, pipeline }: LoadedTenant,
    before: HeldRow,
    decision: Decision,
    who: { decider: Decider; by: string; request: DecisionRequest },
    now: number,
  ): Operation<HeldRow> {
    const { db } = this.#tenant.host;
    const { id } = before;
    let saved: () => void = () => undefined;
    const outcome = db.transaction((): Operation<HeldRow> => {
      const { standing } = heldCalls;
      if (decision.approve && decision.standing && standing.isFull(now))
        return full(
          'As many approvals stand as can. Refuse one that is not needed any more, or approve once.',
        );
      const row = heldCalls.decide(id, decision, who.by, now);
      const isEnded = !decision.approve && standing.end(id);
      if (row === undefined && !isEnded)
        return conflict(`The call is ${stateAt(before, now)}, so it cannot be decided any more.`);
      if (decision.approve && decision.standing) standing.give(before, who.by, now);
      const record = decisionRecord(before, decision, who, pipeline.rev, now);
      saved = records.save(record);
      return succeed(row ?? before);
    });
    saved();
    return outcome;
  }

  #detail(loaded: LoadedTenant, row: HeldRow, now: number): HeldCallDetail {
    const tool = this.#tenant.host.catalogue.find(row.tool);
    const state = stateAt(row, now);
    const isOpen = state === 'pending' || state === 'approved';
    const result = row.result === null ? undefined : (masked(JSON.parse(row.result)) as HeldResult);
    return {
      ...viewOf(row, labelOf(loaded, row.token_id), now),
      title: tool?.title,
      description: tool?.description,
      destructive: tool?.annotations.destructiveHint,
      stands: loaded.heldCalls.standing.list(now).some(({ id }) => id === row.id),
      isRemote: tool !== undefined && isRemoteTool(tool),
      args: masked(JSON.parse(row.args)),
      dryRun: isOpen ? loaded.pipeline.dryRun(row) : undefined,
      result,
    };
  }

  #operate<T>(act: (loaded: LoadedTenant, now: number) => Operation<T>): Operation<T> {
    const { host } = this.#tenant;
    return host.exclusively(() => {
      const loaded: Result<LoadedTenant, { reason: string }> = this.#tenant.requireLoaded();
      if (loaded.ok) return act(loaded.value, host.clock());
      return loaded.error.reason === 'unavailable' ? UNAVAILABLE : NO_SUCH_TENANT;
    });
  }
}

const labelOf = ({ tokens }: LoadedTenant, token: string) => {
  const label = tokens.find(token)?.label;
  return label === undefined || label === '' ? undefined : redactForLog(label, MAX_NAME_CHARS);
};

/**
 * Who decides, in words. Only a person does: the operator, or a member in their own session of the console. A token that was
 * issued or granted is no person, whatever its scopes are.
 */
function nameOf(decider: Decider, { tokens }: LoadedTenant, held: HeldRow, now: number): Operation<string> {
  if (decider.kind === 'operator') {
    const { as } = decider;
    return succeed(as === undefined ? 'operator' : `operator (${redactForLog(as, MAX_NAME_CHARS)})`);
  }
  const token = tokens.active(decider.grant, now);
  const { person } = token ?? {};
  if (token === undefined || person === undefined || token.id === held.token_id) return NOT_IN_PERSON;
  if (!token.scopes.includes(APPROVALS_SCOPE)) return NOT_ALLOWED;
  return succeed(`${decidedBy(person.member)}${redactForLog(person.name, MAX_NAME_CHARS)})`);
}
