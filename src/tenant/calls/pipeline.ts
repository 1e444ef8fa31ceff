import { sizeOfJson } from '../../json/size.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { describeCause } from '../../telemetry/redact.ts';
import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { type AnyTool, isRemoteTool } from '../../tools/remote-tool.ts';
import { NotYet, type Scope, type Tool } from '../../tools/tool.ts';
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
import { StorageFailure } from '../storage/database.ts';
import type { Token } from '../storage/tokens.ts';
import { callLine, droppedLine, type Ended, UNKNOWN_TOOL } from './call-log.ts';
import { Expiries } from './expiries.ts';
import { runIdempotent } from './idempotency.ts';
import type { Shortage } from './limiter.ts';
import { expected, internal, rateLimited, recordOf, toJson, tooManyWaiting, waitOf } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { MAX_REMOTE_CALLS } from './remote-call-slots.ts';
import { growthOf } from './storage-quota.ts';
import { toolContext } from './tool-context.ts';
import { withholdStored } from './withhold.ts';
import { tokensForArgs, WorkMeter } from './work.ts';

/** Expired entries that a call records at most before it runs. The sweep records the others. */
const EXPIRIES_IN_CALL = 64;

/** A call that waits, and what for; durations in milliseconds. */
export interface Waiting {
  readonly kind: 'waiting';
  readonly topic: string;
  /** When to run it again at the latest. It may then wait further. */
  readonly retryInMs: number | undefined;
  /** How long it may wait in all. */
  readonly waitMs: number;
}

/** A further run of a call that has waited; `mayWait` is whether it may wait once more. */
export interface Retry {
  readonly mayWait: boolean;
}

interface Attempt {
  readonly request: CallRequest;
  readonly session: SessionRow | 'unknown' | undefined;
  readonly tool: AnyTool | undefined;
  readonly now: number;
  readonly retry: Retry | undefined;
}

/**
 * The only way to run a tool of a tenant: admit, charge, validate, run, record, log.
 *
 * Guarantees: a refused call is charged nothing and changes nothing. The effect, the charge and the record of a writing
 * call are committed in one transaction; those of a reading call are written at most 0.5 s later. Whatever a tool throws
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
    const admitted = this.#admit(tokenId, session, 'any', now);
    if (!admitted.ok) return admitted;
    const info =
      typeof session === 'object'
        ? { client: session.client, logLevel: session.log_level ?? undefined }
        : undefined;
    const { scopes, expiresAt, isGrant } = admitted.value;
    return succeed({ scopes, expiresAt, isGrant, session: info });
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
    const ended = this.#pass({ request, session, tool, now, retry });
    if (ended.kind === 'waiting') return ended;
    // A remote tool is recorded and logged when it has ended.
    if (ended.outcome.kind !== 'deferred') this.#recordAndLog(request, tool, ended);
    return ended.outcome;
  }

  /** Frees the slot of a remote tool, records and logs its call. */
  completeRemoteCall(request: CallRequest, { slot, error, thrown }: RemoteCompletion): void {
    const tool = this.#parts.catalogue.find(request.tool);
    this.#parts.remoteCalls.release(slot);
    if (tool === undefined) return;
    const outcome: CallOutcome =
      error === undefined ? { kind: 'answer', json: '' } : { kind: 'error', error };
    if (error === undefined)
      this.#parts.writeBehind.add(recordOf(request, tool.name, outcome, this.#parts.clock()));
    this.#recordAndLog(request, tool, {
      kind: 'ended',
      outcome,
      recorded: error === undefined,
      ...(thrown && { thrown }),
    });
  }

  #recordAndLog(request: CallRequest, tool: AnyTool | undefined, ended: Ended): void {
    const { outcome, recorded } = ended;
    if (!recorded && outcome.kind === 'error' && outcome.error.code !== 'rate_limited') {
      const name = tool?.name ?? UNKNOWN_TOOL.name;
      this.#parts.writeBehind.add(recordOf(request, name, outcome, this.#parts.clock()));
    }
    this.#report(request, tool, ended);
  }

  #pass({ request, session, tool, now, retry }: Attempt): Ended | Waiting {
    const admitted = this.#admit(request.tokenId, session, tool?.scope ?? 'any', now);
    if (!admitted.ok) return unrecorded({ kind: 'refused', refusal: admitted.error });
    if (retry === undefined) {
      const shortage = this.#charge(request, tool);
      if (shortage !== undefined) return unrecorded(rateLimited(request, shortage));
    }
    if (tool === undefined) return unrecorded({ kind: 'unknown_tool' });
    if (isRemoteTool(tool)) return this.#defer(request, tool);
    return this.#bounded({ request, session, tool, now, retry }, admitted.value);
  }

  /** Validates a call of a remote tool and returns it to the caller to be run, unless too many are running. */
  #defer(request: CallRequest, tool: AnyTool): Ended {
    try {
      const args = parseArguments(tool, request.args);
      const slot = this.#parts.remoteCalls.reserve(this.#parts.monotonic());
      if (slot !== undefined) return unrecorded({ kind: 'deferred', args, slot });
      const message = 'Too many long calls are running. Try again shortly.';
      throw new ToolError('unavailable', message, { limit: MAX_REMOTE_CALLS });
    } catch (cause) {
      return failed(cause, request, tool);
    }
  }

  /** The price that is known before the call runs: its fixed part, and the size of its arguments. */
  #charge({ args, tokenId }: CallRequest, tool: AnyTool | undefined): Shortage | undefined {
    const { name, cost } = tool ?? UNKNOWN_TOOL;
    const price = cost === 0 ? 0 : cost + tokensForArgs(sizeOfJson(args));
    const charged = this.#parts.limiter.charge({ name, cost: price }, tokenId, this.#parts.monotonic());
    return charged.ok ? undefined : charged.error;
  }

  /** The price of the work that the call turned out to do. A free tool stays free. */
  #chargeWork(tool: Tool, meter: WorkMeter, answerSize: number): void {
    const tokens = tool.cost === 0 ? 0 : meter.settle(answerSize);
    if (tokens > 0) this.#parts.limiter.chargeExtra(tool, tokens, this.#parts.monotonic());
  }

  /** The session that a call names; `unknown` when it does not exist or belongs to another token. */
  #sessionOf({ tokenId, session: id }: Pick<CallRequest, 'tokenId' | 'session'>, now: number) {
    if (id === undefined) return undefined;
    return findSession(this.#parts.db, id, tokenId, now) ?? 'unknown';
  }

  #admit(
    tokenId: TokenId,
    session: SessionRow | 'unknown' | undefined,
    scope: Scope | 'any',
    now: number,
  ): Result<Token, Refusal> {
    const token = this.#parts.tokens.active(tokenId, now);
    if (token === undefined) return fail({ reason: 'invalid_token' });
    if (this.#parts.profile.status === 'suspended') return fail({ reason: 'suspended' });
    if (scope !== 'any' && !token.scopes.includes(scope)) {
      const { scopes: held, isGrant } = token;
      return fail({ reason: 'insufficient_scope', scope, held, isGrant });
    }
    if (session === 'unknown') return fail({ reason: 'unknown_session' });
    if (session !== undefined) recordSessionUse(this.#parts.db, session, now);
    return succeed(token);
  }

  /** The error boundary: anything thrown inside undoes the transaction and becomes an error of the closed list. */
  #bounded(attempt: Attempt & { tool: Tool }, token: Token): Ended | Waiting {
    const { request, tool, now, retry } = attempt;
    const meter = new WorkMeter(sizeOfJson(request.args));
    let waitMs = 0;
    this.recordExpiries(EXPIRIES_IN_CALL);
    try {
      const args = parseArguments(tool, request.args);
      if (!tool.annotations.readOnlyHint) this.#parts.quota.requireRoom(growthOf(tool, args));
      waitMs = retry === undefined ? waitOf(args) : 0;
      const mayWait = retry?.mayWait ?? waitMs > 0;
      const outcome = this.#transact(attempt, args, { token, mayWait, meter });
      return { kind: 'ended', outcome, recorded: true };
    } catch (cause) {
      // The host undoes the transaction and answers, because it knows what its storage needs.
      if (cause instanceof StorageFailure) throw cause;
      this.#chargeWork(tool, meter, 0);
      if (!(cause instanceof NotYet)) return failed(cause, request, tool);
      // Only now: a call that can be answered at once does not depend on how many others wait.
      if (retry === undefined && !this.#parts.mayWait()) return failed(tooManyWaiting(), request, tool);
      const retryInMs = cause.until === undefined ? undefined : Math.max(0, cause.until - now);
      return { kind: 'waiting', topic: cause.topic, retryInMs, waitMs };
    }
  }

  #transact(
    { request, tool, now, retry }: Attempt & { tool: Tool },
    args: Record<string, unknown>,
    { token, mayWait, meter }: { token: Token; mayWait: boolean; meter: WorkMeter },
  ): CallOutcome {
    const { db, records, writeBehind, limiter, monotonic } = this.#parts;
    const state = { rev: this.#rev, touched: new Set<string>() };
    const sql = meter.measured(db);
    const waited = retry !== undefined;
    const context = toolContext(this.#parts, { state, sql, token, now, mayWait, waited });
    const answer = (): CallOutcome => {
      const json = runIdempotent(db, { tool: tool.name, args, now }, () => {
        const answered = tool.run(args, context);
        // Thrown, so that the transaction is undone.
        if (answered instanceof NotYet)
          throw mayWait ? answered : new Error('a tool returned NotYet although it must answer');
        return toJson(answered);
      });
      this.#chargeWork(tool, meter, json.length);
      // The stored answer is whole: a token with other scopes may repeat the call.
      return { kind: 'answer', json: withholdStored(json, tool, token.scopes) };
    };
    if (tool.annotations.readOnlyHint) {
      const outcome = db.transaction(answer);
      writeBehind.add(recordOf(request, tool.name, outcome, now));
      return outcome;
    }
    const outcome = db.transaction(() => {
      const done = answer();
      records.save(recordOf(request, tool.name, done, now), {
        rev: state.rev,
        buckets: limiter.save({ wall: now, monotonic: monotonic() }),
      });
      return done;
    });
    this.#rev = state.rev;
    this.#expiries.changed();
    this.#parts.committed(state.touched);
    return outcome;
  }

  #report(request: CallRequest, tool: AnyTool | undefined, ended: Ended): void {
    const { log, profile, clock } = this.#parts;
    try {
      log(callLine(profile.id, request, tool, ended, clock()));
      const dropped = tool === undefined ? undefined : droppedLine(profile.id, request, tool);
      if (dropped !== undefined) log(dropped);
    } catch {
      // A lost log line must not fail the call.
    }
  }
}

const unrecorded = (outcome: CallOutcome): Ended => ({ kind: 'ended', outcome, recorded: false });

/** The end of a call that has thrown: an expected error, or `internal` with the cause for the log. */
function failed(cause: unknown, request: CallRequest, tool: AnyTool): Ended {
  if (cause instanceof ToolError) return unrecorded(expected(cause, request));
  return { ...unrecorded(internal(request)), thrown: describeCause(cause, request.args, tool.log) };
}

/** The call with the client name that was given when the session was opened. */
function withClientName(request: CallRequest, session: SessionRow): CallRequest {
  const { caller } = request;
  const clientName = caller.clientName ?? session.client_name ?? undefined;
  const clientVersion = caller.clientVersion ?? session.client_version ?? undefined;
  return { ...request, caller: { ...caller, clientName, clientVersion } };
}
