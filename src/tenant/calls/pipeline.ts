import { sizeOfJson } from '../../json/size.ts';
import { type Result, succeed } from '../../result.ts';
import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { type AnyTool, isRemoteTool, type RemoteTool } from '../../tools/remote-tool.ts';
import type { HeldRow } from '../approvals/held-row.ts';
import type { DryRun } from '../contract/approval.ts';
import type {
  Admission,
  CallOutcome,
  CallRequest,
  Refusal,
  RemoteCompletion,
  SessionId,
  TokenId,
} from '../contract/call.ts';
import type { CallRecord } from '../records/record.ts';
import { StorageFailure } from '../storage/database.ts';
import type { Token } from '../storage/tokens.ts';
import { AdmissionControl, wasJustRefreshed } from './admission-control.ts';
import { ApprovalGate, notHere } from './approval-gate.ts';
import { approvalLine } from './approval-log.ts';
import type { Approval, Attempt } from './attempt.ts';
import { callLine, droppedLine } from './call-log.ts';
import { partOf, recordOf, refusedRequest, UNKNOWN_TOOL, withClientName } from './call-record.ts';
import { dryRun } from './dry-run.ts';
import { type Ended, ending, failed, type Retry, type Waiting } from './ending.ts';
import { LocalRuns } from './local-runs.ts';
import { notCharged, pendingApproval } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { MAX_REMOTE_CALLS } from './remote-call-slots.ts';
import { priceOf } from './work.ts';

/**
 * The only way to run a tool of a tenant: admit, charge, validate, run, record, log.
 *
 * Guarantees: a refused call is charged nothing and changes nothing. The effect, the charge and the record of a writing
 * call are committed in one transaction; those of any other are written at most 0.5 s later. Whatever a tool throws
 * undoes its transaction and becomes an error of the closed list; an unexpected error reaches the caller only as an id
 * that finds it in the log. Each call writes one log line.
 * Failure: only the database can make `call` throw, and the transaction is then undone.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #local: LocalRuns;
  readonly #approvals: ApprovalGate;
  readonly #admission: AdmissionControl;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#admission = new AdmissionControl(parts);
    this.#local = new LocalRuns(parts);
    this.#approvals = new ApprovalGate(parts);
  }

  /** The last revision that was committed. */
  get rev(): number {
    return this.#local.rev;
  }

  /** When the next entry expires whose expiry is an event, in milliseconds since the epoch. */
  get nextExpiry(): number | undefined {
    return this.#local.nextExpiry;
  }

  /** Records what has expired, at most `limit` entries of each kind. @returns how many it has recorded */
  recordExpiries(limit: number): number {
    return this.#local.recordExpiries(limit);
  }

  admit(tokenId: TokenId, sessionId: SessionId | undefined): Result<Admission, Refusal> {
    const now = this.#parts.clock();
    const session = this.#admission.sessionOf({ tokenId, session: sessionId }, now);
    const admitted = this.#admission.admit(tokenId, session, undefined, now);
    if (!admitted.ok) {
      const refused = refusedRequest({ tokenId, session: sessionId }, admitted.error.reason, this.rev, now);
      this.#parts.records.addRefusal(refused);
      return admitted;
    }
    const info =
      typeof session === 'object'
        ? { client: session.client, logLevel: session.log_level ?? undefined }
        : undefined;
    const { scopes, expiresAt, isGrant, tools, person } = admitted.value;
    const justRefreshed = wasJustRefreshed(admitted.value, now);
    const { holdsCalls } = this.#approvals;
    const newest = { rev: this.rev, record: this.#parts.records.lastId };
    return succeed({
      scopes,
      expiresAt,
      isGrant,
      justRefreshed,
      tools,
      person,
      holdsCalls,
      session: info,
      newest,
    });
  }

  /** Whether a token may call a tool now. Nothing is charged or recorded. */
  allows(tokenId: TokenId, tool: string): Result<unknown, Refusal> {
    return this.#admission.admit(tokenId, undefined, this.#parts.catalogue.find(tool), this.#parts.clock());
  }

  /**
   * Runs one call.
   * @param retry given for a call that has waited: it is admitted again and charged nothing
   * @returns how it ended, or what it waits for; in that case nothing was changed
   */
  call(asked: CallRequest, retry?: Retry): CallOutcome | Waiting {
    const now = this.#parts.clock();
    const tool = this.#parts.catalogue.find(asked.tool);
    const session = this.#admission.sessionOf(asked, now);
    const request = typeof session === 'object' ? withClientName(asked, session) : asked;
    const argsSize = sizeOfJson(request.args);
    const ended = this.#pass({ request, session, tool, now, argsSize, retry });
    if (ended.kind === 'waiting') return ended;
    const { ran = { request, tool } } = ended;
    const record = this.#end(ran.request, ran.tool, ended, retry);
    const { outcome } = ended;
    return outcome.kind === 'answer' && asked.isTraced === true
      ? { ...outcome, part: partOf(record) }
      : outcome;
  }

  /** Frees the slot of a remote tool, records and logs its call. */
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): void {
    const { slot, uses, error, thrown, answered } = completion;
    const tool = this.#parts.catalogue.find(request.tool);
    const now = this.#parts.clock();
    this.#parts.remoteCalls.release(slot);
    this.#parts.connections.settle(slot, uses, now);
    if (tool === undefined) return;
    const { redeems: approval } = request;
    const decidedBy =
      approval === undefined ? undefined : this.#approvals.complete(approval, completion, now);
    const outcome: CallOutcome =
      error === undefined ? { kind: 'answer', json: '' } : { kind: 'error', error };
    const facts = { approval, decidedBy, status: answered?.status ?? null, bytesOut: answered?.bytes };
    this.#end(request, tool, { kind: 'ended', outcome, facts, ...(thrown && { thrown }) });
  }

  /** Records a call, unless that was done together with its effect, and logs it. */
  #end(request: CallRequest, tool: AnyTool | undefined, ended: Ended, retry?: Retry): CallRecord {
    const { records, log, profile, clock } = this.#parts;
    const { outcome } = ended;
    const facts = this.#local.facts({ waitMs: retry?.waitedMs ?? 0, work: retry?.work ?? 0, ...ended.facts });
    const record = ended.record ?? recordOf(request, tool, outcome, facts, clock());
    const isRefusal = outcome.kind === 'refused' || outcome.kind === 'unknown_tool' || facts.scope !== null;
    if (isRefusal) records.addRefusal(record);
    else if (ended.record === undefined) records.add(record);
    // A remote tool is logged when it has ended.
    if (outcome.kind === 'deferred') return record;
    try {
      log(callLine(profile.id, request, record, ended.thrown));
      const dropped = tool === undefined ? undefined : droppedLine(profile.id, request, tool);
      if (dropped !== undefined) log(dropped);
    } catch {
      // A lost log line must not fail the call.
    }
    return record;
  }

  #pass(attempt: Attempt): Ended | Waiting {
    const { request, session, tool, now, argsSize, retry } = attempt;
    const admitted = this.#admission.admit(request.tokenId, session, tool, now);
    if (!admitted.ok) return ending({ kind: 'refused', refusal: admitted.error });
    const price = priceOf(tool ?? UNKNOWN_TOOL, argsSize);
    if (retry === undefined) {
      const shortage = this.#admission.charge(tool ?? UNKNOWN_TOOL, price, request.tokenId, now);
      if (shortage !== undefined) return ending(notCharged(request, shortage), { scope: shortage.scope });
    }
    const work = retry?.work ?? price;
    if (tool === undefined) return ending({ kind: 'unknown_tool' }, { work });
    const approval = this.#approvals.redeemable(request, now);
    if (approval?.held !== undefined) return this.#redeem(attempt, approval, approval.held, work);
    const ended = this.#approvals.ended(request);
    const mayRead = ended && this.#admission.admit(request.tokenId, session, ended, now);
    if (mayRead?.ok === false) return ending({ kind: 'refused', refusal: mayRead.error }, { work });
    return this.#runOrHold({ ...attempt, tool }, admitted.value, work);
  }

  /** Runs a call, or holds it until a person approves it. */
  #runOrHold(attempt: Attempt & { tool: AnyTool }, token: Token, work: number): Ended | Waiting {
    const { request, tool, now } = attempt;
    try {
      if (!this.#approvals.isNeeded(tool, request, token)) return this.#run(attempt, token, work);
      const args = parseArguments(tool, request.args);
      const given = this.#approvals.given(request, tool, args, now);
      if (given === undefined) return this.#hold(attempt, args, work);
      return given === 'repeat'
        ? this.#run(attempt, token, work)
        : withApproval(this.#run({ ...attempt, approval: given }, token, work), given);
    } catch (cause) {
      if (cause instanceof StorageFailure) throw cause;
      return failed(cause, request, tool, work);
    }
  }

  /** Holds a call, in one transaction with its charge and its record. */
  #hold(
    { request, tool, now }: Attempt & { tool: AnyTool },
    args: Record<string, unknown>,
    work: number,
  ): Ended {
    const { db, records, log, profile } = this.#parts;
    const [held, outcome, record, saved] = db.transaction(() => {
      const held = this.#approvals.hold(request, tool, args, now);
      const outcome = pendingApproval(request, held.row);
      const facts = this.#local.facts({ work, approval: held.row.id });
      const record = recordOf(request, tool, outcome, facts, now);
      return [held, outcome, record, records.save(record)] as const;
    });
    saved();
    if (held.isNew) log(approvalLine('approval.held', profile.id, held.row));
    return { kind: 'ended', outcome, record };
  }

  /** What a held call would do if it ran now; undefined where that cannot be tried. */
  dryRun(held: HeldRow): DryRun | undefined {
    const now = this.#parts.clock();
    const tool = this.#parts.catalogue.find(held.tool);
    if (tool === undefined || isRemoteTool(tool)) return undefined;
    const admitted = this.#admission.admit(held.token_id, undefined, tool, now);
    return dryRun(this.#parts, { tool, rev: this.rev, held, now, admitted });
  }

  #run(attempt: Attempt & { tool: AnyTool }, token: Token, work: number): Ended | Waiting {
    const { tool } = attempt;
    return isRemoteTool(tool)
      ? this.#defer({ ...attempt, tool }, work)
      : this.#local.run({ ...attempt, tool }, token, work);
  }

  /**
   * Runs a held call that was approved. It is checked again as if it were made now: by the limits too, or else calls that
   * were held one by one would reach the tool all at once.
   */
  #redeem(attempt: Attempt, approval: Approval, held: HeldRow, work: number): Ended {
    const { now, retry } = attempt;
    const { db, heldCalls, catalogue, limiter, monotonic, log, profile } = this.#parts;
    const args: unknown = JSON.parse(held.args);
    const request = { ...attempt.request, tool: held.tool, args };
    const tool = catalogue.find(held.tool);
    const ran = { request, tool };
    const admitted = this.#admission.admit(request.tokenId, attempt.session, tool, now);
    if (!admitted.ok) return { ...ending({ kind: 'refused', refusal: admitted.error }), ran };
    if (tool === undefined) return { ...ending({ kind: 'unknown_tool' }, { work }), ran };
    const problem = notHere(tool, request);
    if (problem !== undefined) return { ...failed(problem, request, tool, work), ran };
    const argsSize = sizeOfJson(args);
    const price = priceOf(tool, argsSize);
    const charged = limiter.charge({ name: tool.name, cost: price }, request.tokenId, monotonic());
    if (!charged.ok)
      return { ...ending(notCharged(request, charged.error), { scope: charged.error.scope }), ran };
    const once = { mayWait: false, waitedMs: retry?.waitedMs ?? 0, work: work + price };
    const ended = this.#run(
      { ...attempt, request, tool, argsSize, approval, retry: once },
      admitted.value,
      work + price,
    );
    if (ended.kind === 'waiting') throw new Error('a held call waits');
    const { outcome } = ended;
    // One that may succeed later stays approved.
    const isOver = outcome.kind === 'error' && !outcome.error.retryable;
    if (isOver)
      db.transaction(() =>
        heldCalls.finish(held, JSON.stringify({ error: outcome.error }), approval.by, now),
      );
    if (isOver || outcome.kind !== 'error')
      log(approvalLine('approval.redeemed', profile.id, { ...held, decided_by: approval.by }));
    return { ...withApproval(ended, approval), ran };
  }

  /** Validates a call of a remote tool and returns it to the caller to be run, unless too many are running. */
  #defer({ request, tool, now, approval }: Attempt & { tool: RemoteTool }, work: number): Ended {
    const { profile, remoteCalls, connections, monotonic } = this.#parts;
    try {
      const args = parseArguments(tool, request.args);
      const slot = remoteCalls.reserve(monotonic());
      if (slot === undefined) throw tooManyRemoteCalls();
      const granted = connections.grant(tool, slot, now);
      const call = { kind: 'deferred', args, slot, tenant: profile.id, now, connections: granted } as const;
      if (approval?.held === undefined) return ending(call, { work });
      this.#approvals.begin(approval, slot, now);
      const redeems = { id: approval.id, tool: tool.name, args: request.args };
      return ending({ ...call, redeems }, { work });
    } catch (cause) {
      if (cause instanceof StorageFailure) throw cause;
      return failed(cause, request, tool, work);
    }
  }
}

const tooManyRemoteCalls = () =>
  new ToolError('unavailable', 'Too many long calls are running. Try again shortly.', {
    limit: MAX_REMOTE_CALLS,
  });

/** The end of a call with the yes under which it ran, for its record. */
function withApproval<E extends Ended | Waiting>(ended: E, { id, by }: Approval): E {
  return ended.kind === 'waiting'
    ? ended
    : { ...ended, facts: { ...ended.facts, approval: id, decidedBy: by } };
}
