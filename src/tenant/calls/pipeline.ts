import { sizeOfJson } from '../../json/size.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { describeCause } from '../../telemetry/redact.ts';
import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { RECORDS_SCOPE } from '../../tools/families.ts';
import { type AnyTool, isRemoteTool, type RemoteTool } from '../../tools/remote-tool.ts';
import { NotYet, type Tool } from '../../tools/tool.ts';
import { coveredBy } from '../../transport-tools/covered-by.ts';
import { findSession, recordSessionUse, type SessionRow } from '../../transport-tools/session-store.ts';
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
import { callLine, droppedLine } from './call-log.ts';
import {
  type AnswerFacts,
  type CallFacts,
  factsOf,
  NO_ANSWER,
  partOf,
  recordOf,
  refusedRequest,
  UNKNOWN_TOOL,
  withClientName,
} from './call-record.ts';
import { type Ended, ending, failed, type Retry, type Waiting } from './ending.ts';
import { Expiries } from './expiries.ts';
import { runIdempotent } from './idempotency.ts';
import { type NotCharged, notCharged, toJson, tooManyWaiting, waitOf } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { MAX_REMOTE_CALLS } from './remote-call-slots.ts';
import { growthOf } from './storage-quota.ts';
import { toolContext } from './tool-context.ts';
import { withholdStored } from './withhold.ts';
import { priceOf, WorkMeter } from './work.ts';

/** Expired entries that a call records at most before it runs. The sweep records the others. */
const EXPIRIES_IN_CALL = 64;
/** A client that refreshes in answer to a refusal repeats the call at once. */
export const JUST_REFRESHED_MS = 10_000;

const wasJustRefreshed = ({ refreshedAt }: Token, now: number) =>
  refreshedAt !== undefined && now - refreshedAt < JUST_REFRESHED_MS;

interface Attempt {
  readonly request: CallRequest;
  readonly session: SessionRow | 'unknown' | undefined;
  readonly tool: AnyTool | undefined;
  readonly now: number;
  readonly argsSize: number;
  readonly retry: Retry | undefined;
}

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
  recordExpiries(limit: number): number {
    const recorded = this.#expiries.record(this.#rev, this.#parts.clock(), limit);
    if (recorded === undefined) return 0;
    this.#rev = recorded.rev;
    this.#parts.committed(recorded.touched);
    return recorded.count;
  }

  admit(tokenId: TokenId, sessionId: SessionId | undefined): Result<Admission, Refusal> {
    const now = this.#parts.clock();
    const session = this.#sessionOf({ tokenId, session: sessionId }, now);
    const admitted = this.#admit(tokenId, session, undefined, now);
    if (!admitted.ok) {
      const refused = refusedRequest({ tokenId, session: sessionId }, admitted.error.reason, this.#rev, now);
      this.#parts.records.addRefusal(refused);
      return admitted;
    }
    const info =
      typeof session === 'object'
        ? { client: session.client, logLevel: session.log_level ?? undefined }
        : undefined;
    const { scopes, expiresAt, isGrant, tools, person } = admitted.value;
    const justRefreshed = wasJustRefreshed(admitted.value, now);
    return succeed({ scopes, expiresAt, isGrant, justRefreshed, tools, person, session: info });
  }

  /** Whether a token may call a tool now. Nothing is charged or recorded. */
  allows(tokenId: TokenId, tool: string): Result<unknown, Refusal> {
    return this.#admit(tokenId, undefined, this.#parts.catalogue.find(tool), this.#parts.clock());
  }

  /**
   * Runs one call.
   * @param retry given for a call that has waited: it is admitted again and charged nothing
   * @returns how it ended, or what it waits for; in that case nothing was changed
   */
  call(asked: CallRequest, retry?: Retry): CallOutcome | Waiting {
    const now = this.#parts.clock();
    const tool = this.#parts.catalogue.find(asked.tool);
    const session = this.#sessionOf(asked, now);
    const request = typeof session === 'object' ? withClientName(asked, session) : asked;
    const argsSize = sizeOfJson(request.args);
    const ended = this.#pass({ request, session, tool, now, argsSize, retry });
    if (ended.kind === 'waiting') return ended;
    const record = this.#end(request, tool, ended, retry);
    const { outcome } = ended;
    return outcome.kind === 'answer' && asked.isTraced === true
      ? { ...outcome, part: partOf(record) }
      : outcome;
  }

  /** Frees the slot of a remote tool, records and logs its call. */
  completeRemoteCall(request: CallRequest, { slot, uses, error, thrown }: RemoteCompletion): void {
    const tool = this.#parts.catalogue.find(request.tool);
    this.#parts.remoteCalls.release(slot);
    this.#parts.connections.settle(slot, uses, this.#parts.clock());
    if (tool === undefined) return;
    const outcome: CallOutcome =
      error === undefined ? { kind: 'answer', json: '' } : { kind: 'error', error };
    this.#end(request, tool, { kind: 'ended', outcome, ...(thrown && { thrown }) });
  }

  /** Records a call, unless that was done together with its effect, and logs it. */
  #end(request: CallRequest, tool: AnyTool | undefined, ended: Ended, retry?: Retry): CallRecord {
    const { records, log, profile, clock } = this.#parts;
    const { outcome } = ended;
    const facts = this.#facts({ waitMs: retry?.waitedMs ?? 0, work: retry?.work ?? 0, ...ended.facts });
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

  /** What was learned of a call, with the defaults of one that has changed nothing. */
  #facts(known: Partial<CallFacts>): CallFacts {
    return { ...NO_ANSWER, scope: null, waitMs: 0, work: 0, revFrom: this.#rev, revTo: this.#rev, ...known };
  }

  #pass(attempt: Attempt): Ended | Waiting {
    const { request, session, tool, now, argsSize, retry } = attempt;
    const admitted = this.#admit(request.tokenId, session, tool, now);
    if (!admitted.ok) return ending({ kind: 'refused', refusal: admitted.error });
    const price = priceOf(tool ?? UNKNOWN_TOOL, argsSize);
    if (retry === undefined) {
      const shortage = this.#charge(tool ?? UNKNOWN_TOOL, price, request.tokenId, now);
      if (shortage !== undefined) return ending(notCharged(request, shortage), { scope: shortage.scope });
    }
    const work = retry?.work ?? price;
    if (tool === undefined) return ending({ kind: 'unknown_tool' }, { work });
    if (isRemoteTool(tool)) return this.#defer({ ...attempt, tool }, work);
    return this.#bounded({ ...attempt, tool }, admitted.value, work);
  }

  /** Validates a call of a remote tool and returns it to the caller to be run, unless too many are running. */
  #defer({ request, tool, now }: Attempt & { tool: RemoteTool }, work: number): Ended {
    try {
      const args = parseArguments(tool, request.args);
      const { id: tenant } = this.#parts.profile;
      const slot = this.#parts.remoteCalls.reserve(this.#parts.monotonic());
      if (slot !== undefined) {
        const connections = this.#parts.connections.grant(tool, slot, now);
        return ending({ kind: 'deferred', args, slot, tenant, now, connections }, { work });
      }
      const message = 'Too many long calls are running. Try again shortly.';
      throw new ToolError('unavailable', message, { limit: MAX_REMOTE_CALLS });
    } catch (cause) {
      return failed(cause, request, tool, work);
    }
  }

  /** Charges the price that is known before the call runs, and counts the call. A free call is neither. */
  #charge(
    { name }: Pick<AnyTool, 'name'>,
    cost: number,
    token: TokenId,
    now: number,
  ): NotCharged | undefined {
    if (cost === 0) return undefined;
    const { limiter, callQuota, monotonic } = this.#parts;
    const usedUp = callQuota.usedUp(now);
    if (usedUp !== undefined) return usedUp;
    const charged = limiter.charge({ name, cost }, token, monotonic());
    if (!charged.ok) return charged.error;
    callQuota.count(now);
    return undefined;
  }

  /** Charges the work that the call turned out to do. A free tool stays free. @returns the tokens */
  #chargeWork(tool: Tool, meter: WorkMeter, answerSize: number): number {
    const tokens = tool.cost === 0 ? 0 : meter.settle(answerSize);
    if (tokens > 0) this.#parts.limiter.chargeExtra(tool, tokens, this.#parts.monotonic());
    return tokens;
  }

  /** The session that a call names; `unknown` when it does not exist or belongs to another token. */
  #sessionOf({ tokenId, session: id }: Pick<CallRequest, 'tokenId' | 'session'>, now: number) {
    if (id === undefined) return undefined;
    return findSession(this.#parts.db, id, tokenId, now) ?? 'unknown';
  }

  /** The tool that a token must be allowed for a call of this one; undefined when every token may make it. */
  #allowedAs(tool: AnyTool): string | undefined {
    if (this.#parts.catalogue.tools.some(({ name }) => name === tool.name)) return tool.name;
    return coveredBy(tool);
  }

  #admit(
    tokenId: TokenId,
    session: SessionRow | 'unknown' | undefined,
    tool: AnyTool | undefined,
    now: number,
  ): Result<Token, Refusal> {
    const scope = tool?.scope ?? 'any';
    const token = this.#parts.tokens.active(tokenId, now);
    if (token === undefined) return fail({ reason: 'invalid_token' });
    if (this.#parts.profile.status === 'suspended') return fail({ reason: 'suspended' });
    if (scope !== 'any' && !token.scopes.includes(scope)) {
      const { scopes: held, isGrant } = token;
      const justRefreshed = wasJustRefreshed(token, now);
      return fail({ reason: 'insufficient_scope', scope, held, isGrant, justRefreshed });
    }
    const needed = tool === undefined || token.tools === undefined ? undefined : this.#allowedAs(tool);
    if (needed !== undefined && token.tools?.includes(needed) === false)
      return fail({ reason: 'tool_not_allowed', tool: needed });
    if (session === 'unknown') return fail({ reason: 'unknown_session' });
    if (session !== undefined) recordSessionUse(this.#parts.db, session, now);
    return succeed(token);
  }

  /** The error boundary: anything thrown inside undoes the transaction and becomes an error of the closed list. */
  #bounded(attempt: Attempt & { tool: Tool }, token: Token, charged: number): Ended | Waiting {
    const { request, tool, now, retry } = attempt;
    const meter = new WorkMeter(attempt.argsSize);
    let waitMs = 0;
    this.recordExpiries(EXPIRIES_IN_CALL);
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

  #transact(
    { request, tool, now, retry }: Attempt & { tool: Tool },
    args: Record<string, unknown>,
    { token, mayWait, meter, charged }: { token: Token; mayWait: boolean; meter: WorkMeter; charged: number },
  ): Ended {
    const { db, records, limiter, monotonic } = this.#parts;
    const state = { rev: this.#rev, touched: new Set<string>() };
    const sql = meter.measured(db);
    const context = toolContext(this.#parts, {
      state,
      sql,
      token,
      now,
      requireWritable: (chars) => meter.requireWritable(chars),
      mayWait,
      waited: retry !== undefined,
      transport: request.caller.transport,
    });
    const answer = (): Ended & { readonly record: CallRecord } => {
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
      const outcome: CallOutcome = { kind: 'answer', json: withholdStored(json, tool, token.scopes) };
      const facts = this.#facts({ ...said, work, waitMs: retry?.waitedMs ?? 0, revTo: state.rev });
      return { kind: 'ended', outcome, record: recordOf(request, tool, outcome, facts, now) };
    };
    if (tool.annotations.readOnlyHint) {
      const read = db.transaction(answer);
      records.add(read.record);
      return read;
    }
    const [written, saved] = db.transaction(() => {
      const done = answer();
      const buckets = limiter.save({ wall: now, monotonic: monotonic() });
      return [done, records.save(done.record, { rev: state.rev, buckets })] as const;
    });
    this.#rev = state.rev;
    saved();
    this.#expiries.changed();
    this.#parts.committed(state.touched);
    return written;
  }
}
