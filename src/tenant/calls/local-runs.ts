import { describeCause } from '../../telemetry/redact.ts';
import { parseArguments } from '../../tools/arguments.ts';
import { RECORDS_SCOPE } from '../../tools/families.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { approvalTopic, redeemedAnswer, tenantApproval } from '../../tools/tenant/approval.ts';
import { NotYet, type Tool } from '../../tools/tool.ts';
import type { CallOutcome } from '../contract/call.ts';
import type { CallRecord } from '../records/record.ts';
import { StorageFailure } from '../storage/database.ts';
import type { Token } from '../storage/tokens.ts';
import type { Attempt } from './attempt.ts';
import { type AnswerFacts, type CallFacts, factsOf, factsWith, recordOf } from './call-record.ts';
import { type Ended, failed, type Waiting } from './ending.ts';
import { Expiries } from './expiries.ts';
import { runIdempotent } from './idempotency.ts';
import { toJson, tooManyWaiting, waitOf } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { growthOf } from './storage-quota.ts';
import { type RunState, toolContext } from './tool-context.ts';
import { withholdStored } from './withhold.ts';
import { WorkMeter } from './work.ts';

/** Expired entries that a call records at most before it runs. The sweep records the others. */
const EXPIRIES_IN_CALL = 64;

type LocalAttempt = Attempt & { readonly tool: Tool };

interface RunOptions {
  readonly token: Token;
  readonly mayWait: boolean;
  readonly meter: WorkMeter;
  /** What the call was charged before it runs. */
  readonly charged: number;
}

/**
 * Runs the tools on the tenant's own data, after the pipeline has admitted and charged a call.
 *
 * Guarantees: the effect, the charge and the record of a writing call are committed in one transaction, with the redemption
 * of a held call if it is one. Whatever a tool throws undoes that transaction.
 */
export class LocalRuns {
  readonly #parts: PipelineParts;
  readonly #expiries: Expiries;
  #rev: number;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#rev = parts.rev;
    this.#expiries = new Expiries(parts, (cause) =>
      parts.log({ level: 'error', event: 'tenant.sweep_failed', cause: describeCause(cause, undefined, {}) }),
    );
  }

  /** The last revision that was committed. */
  get rev(): number {
    return this.#rev;
  }

  /** When the next entry expires whose expiry is an event, in milliseconds since the epoch. */
  get nextExpiry(): number | undefined {
    return this.#expiries.next();
  }

  /** Records what has expired, at most `limit` entries of each kind. @returns how many it has recorded */
  recordExpiries(limit: number, now = this.#parts.clock()): number {
    const recorded = this.#expiries.record(this.#rev, now, limit);
    if (recorded === undefined) return 0;
    this.#rev = recorded.rev;
    this.#parts.committed(recorded.touched);
    return recorded.count;
  }

  /** What was learned of a call, with the defaults of one that has changed nothing. */
  facts(known: Partial<CallFacts>): CallFacts {
    return factsWith(this.#rev, known);
  }

  /** The error boundary: anything thrown inside undoes the transaction and becomes an error of the closed list. */
  run(attempt: LocalAttempt, token: Token, charged: number): Ended | Waiting {
    const { request, tool, now, retry } = attempt;
    const meter = new WorkMeter(attempt.argsSize);
    let waitMs = 0;
    this.recordExpiries(EXPIRIES_IN_CALL, now);
    // Who reads the records reads those of the last half second as well.
    if (tool.scope === RECORDS_SCOPE) this.#parts.records.flush();
    try {
      const args = parseArguments(tool, request.args);
      if (!tool.annotations.readOnlyHint) this.#parts.quota.requireRoom(growthOf(tool, args));
      waitMs = retry === undefined ? waitOf(args) : 0;
      const mayWait = retry?.mayWait ?? waitMs > 0;
      return this.#transact(attempt, args, { token, mayWait, meter, charged });
    } catch (cause) {
      // The host undoes the transaction and answers, because it knows what its storage needs.
      if (cause instanceof StorageFailure) throw cause;
      const work = charged + this.#chargeWork(tool, meter, 0);
      if (!(cause instanceof NotYet)) return failed(cause, request, tool, work);
      // Only now: a call that can be answered at once does not depend on how many others wait.
      if (retry === undefined && !this.#parts.mayWait()) return failed(tooManyWaiting(), request, tool, work);
      const retryInMs = cause.until === undefined ? undefined : Math.max(0, cause.until - now);
      return { kind: 'waiting', topic: cause.topic, retryInMs, waitMs, work };
    }
  }

  /** Charges the work that the call turned out to do. A free tool stays free. @returns the tokens */
  #chargeWork(tool: Tool, meter: WorkMeter, answerSize: number): number {
    const tokens = tool.cost === 0 ? 0 : meter.settle(answerSize);
    if (tokens > 0) this.#parts.limiter.chargeExtra(tool, tokens, this.#parts.monotonic());
    return tokens;
  }

  #transact(attempt: LocalAttempt, args: Record<string, unknown>, options: RunOptions): Ended {
    const { db, records } = this.#parts;
    const { tool, approval } = attempt;
    const state: RunState = { rev: this.#rev, touched: new Set<string>() };
    // A held call is redeemed in the transaction of its effect, so that also one that reads writes.
    if (tool.annotations.readOnlyHint && approval?.held === undefined) {
      const read = db.transaction(() => this.#answer(attempt, args, state, options));
      records.add(read.record);
      return read;
    }
    const [written, saved, nextExpiry] = db.transaction(() => {
      const done = this.#answer(attempt, args, state, options);
      const save = records.save(done.record);
      // Read here, because a query after the commit would begin a transaction of its own.
      return [done, save, state.keepsExpiries ? this.#expiries.next() : this.#expiries.read()] as const;
    });
    this.#rev = state.rev;
    saved();
    this.#expiries.changed(nextExpiry);
    this.#parts.committed(state.touched);
    return written;
  }

  /** Runs the tool, in the caller's transaction. */
  #answer(
    { request, tool, now, retry, approval }: LocalAttempt,
    args: Record<string, unknown>,
    state: RunState,
    { token, mayWait, meter, charged }: RunOptions,
  ): Ended & { readonly record: CallRecord } {
    const { db, heldCalls } = this.#parts;
    const context = toolContext(this.#parts, {
      state,
      sql: meter.measured(db),
      token,
      now,
      requireWritable: (chars) => meter.requireWritable(chars),
      requireReadable: (bytes) => meter.requireReadable(bytes),
      mayWait,
      // A held call has waited for a person, and not for what the tool returns `NotYet` for.
      waited: retry !== undefined && approval?.held === undefined,
      transport: request.caller.transport,
    });
    let said: AnswerFacts | undefined;
    const json = runIdempotent(db, { tool: tool.name, args, now }, () => {
      const answered = tool.run(args, context);
      // Thrown, so that the transaction is undone.
      if (answered instanceof NotYet)
        throw mayWait ? answered : new Error('a tool returned NotYet although it must answer');
      said = factsOf(tool, answered);
      return toJson(answered);
    });
    said ??= factsOf(tool, JSON.parse(json));
    const work = charged + this.#chargeWork(tool, meter, json.length);
    // The stored answer is whole: a token with other scopes may repeat the call.
    const shown =
      tool.name === tenantApproval.name
        ? this.#withholdRedeemed(json, args, token)
        : withholdStored(json, tool, token.scopes);
    const { held, by } = approval ?? {};
    if (held !== undefined) {
      heldCalls.finish(held, `{"answer":${shown}}`, by ?? '', now);
      state.touched.add(approvalTopic(held.id));
    }
    const outcome: CallOutcome = {
      kind: 'answer',
      json: held === undefined ? shown : redeemedAnswer(shown),
    };
    const facts = this.facts({
      ...said,
      work,
      waitMs: retry?.waitedMs ?? 0,
      revTo: state.rev,
      approval: approval?.id,
      decidedBy: by,
    });
    return { kind: 'ended', outcome, record: recordOf(request, tool, outcome, facts, now) };
  }

  /** The answer of a held call that is asked for again, by a token that may have lost the read scope since it ran. */
  #withholdRedeemed(json: string, { approval_id }: Record<string, unknown>, { scopes }: Token): string {
    const { catalogue, heldCalls } = this.#parts;
    const held = heldCalls.find(String(approval_id));
    const tool = held && catalogue.find(held.tool);
    const { answer, ...rest } = JSON.parse(json);
    if (answer === undefined || tool === undefined || isRemoteTool(tool)) return json;
    return toJson({ ...rest, answer: JSON.parse(withholdStored(toJson(answer), tool, scopes)) });
  }
}
