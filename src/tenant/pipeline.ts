import { type Log, type LogRecord, traceFields } from '../telemetry/log.ts';
import { describeCause, redactArgs } from '../telemetry/redact.ts';
import { parseArguments } from '../tools/arguments.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import { ToolError } from '../tools/errors.ts';
import { NotYet, type Scope, type Tool, type ToolContext } from '../tools/tool.ts';
import type { Admission, CallOutcome, CallRequest, Refusal, TokenId } from './call.ts';
import type { Database } from './database.ts';
import { once } from './idempotency.ts';
import type { Limiter } from './limits.ts';
import { expected, internal, rateLimited, recordOf, toJson, waitOf } from './outcomes.ts';
import type { Profile } from './profile.ts';
import type { Records } from './records.ts';
import { seal, unseal } from './seal.ts';
import type { Token, TokenList } from './tokens.ts';
import type { WriteBehind } from './write-behind.ts';

/** More than any one call adds to the storage: a body, its history and its index. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const MAX_ROOMY_CALLS = 64;
/** What a call of a name that no tool has is charged as, so that guessing names is limited too. */
const UNKNOWN_TOOL = { name: 'unknown', cost: 1 };

export interface PipelineParts {
  readonly db: Database;
  readonly clock: () => number;
  readonly log: Log;
  readonly catalogue: Catalogue;
  readonly profile: Profile;
  readonly tokens: TokenList;
  readonly limiter: Limiter;
  readonly records: Records;
  readonly writeBehind: WriteBehind;
  readonly storageQuotaBytes: number;
  /** The last revision that was committed. */
  readonly rev: number;
  /** Whether there is room for one more call that waits. */
  readonly mayWait: () => boolean;
  /** Told the topics that a call touched, once it has committed. */
  readonly committed: (topics: ReadonlySet<string>) => void;
}

/** What a call waits for: its topic, and times in milliseconds since the epoch. */
export interface Waiting {
  readonly topic: string;
  /** When it is to be tried again at the latest; the call itself may go on waiting after that. */
  readonly retryAt: number | undefined;
  /** When it must answer. */
  readonly until: number;
}

/** A call that waited and is tried again; `mayWait` says whether it may wait once more. */
export interface Again {
  readonly mayWait: boolean;
}

interface Attempt {
  readonly request: CallRequest;
  readonly tool: Tool | undefined;
  readonly now: number;
  readonly again: Again | undefined;
}

/** How a call ended, and what only the log may say of it. */
interface Ended {
  readonly outcome: CallOutcome;
  readonly recorded: boolean;
  readonly thrown?: { readonly cause: unknown };
}

/** The door of one tenant: admit, charge, validate, run, record, log. Nothing reaches a tool any other way. */
export class Pipeline {
  readonly #parts: PipelineParts;
  #rev: number;
  #roomyCalls = 0;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#rev = parts.rev;
  }

  /** The last revision that was committed. */
  get rev(): number {
    return this.#rev;
  }

  admit(tokenId: TokenId): Admission {
    const admitted = this.#admit(tokenId, 'any', this.#parts.clock());
    return admitted.ok ? { ok: true, scopes: admitted.token.scopes } : admitted;
  }

  /**
   * Passes a call through the door.
   * @param again of a call that waited: it is admitted anew and charged no more
   * @returns how it ended, or what it waits for, and then nothing was changed
   */
  call(request: CallRequest, again?: Again): CallOutcome | Waiting {
    const now = this.#parts.clock();
    const tool = this.#parts.catalogue.find(request.tool);
    const ended = this.#pass({ request, tool, now, again });
    if ('topic' in ended) return ended;
    if (!ended.recorded && ended.outcome.kind === 'error' && ended.outcome.error.code !== 'rate_limited') {
      this.#parts.writeBehind.add(recordOf(request, tool?.name ?? UNKNOWN_TOOL.name, ended.outcome, now));
    }
    this.#report(request, tool, ended);
    return ended.outcome;
  }

  #pass({ request, tool, now, again }: Attempt): Ended | Waiting {
    const admitted = this.#admit(request.tokenId, tool?.scope ?? 'any', now);
    if (!admitted.ok) return { outcome: { kind: 'refused', refusal: admitted.refusal }, recorded: false };
    if (again === undefined) {
      const charge = this.#parts.limiter.charge(tool ?? UNKNOWN_TOOL, now);
      if (!charge.ok) return { outcome: rateLimited(request, charge), recorded: false };
    }
    if (tool === undefined) return { outcome: { kind: 'unknown_tool' }, recorded: false };
    return this.#bounded({ request, tool, now, again }, admitted.token);
  }

  #admit(
    id: TokenId,
    scope: Scope | 'any',
    now: number,
  ): { ok: true; token: Token } | { ok: false; refusal: Refusal } {
    const token = this.#parts.tokens.active(id, now);
    if (token === undefined) return { ok: false, refusal: { reason: 'invalid_token' } };
    if (this.#parts.profile.status === 'suspended') return { ok: false, refusal: { reason: 'suspended' } };
    if (scope !== 'any' && !token.scopes.includes(scope)) {
      return { ok: false, refusal: { reason: 'insufficient_scope', scope } };
    }
    return { ok: true, token };
  }

  /** The error boundary: whatever is thrown inside undoes the transaction and becomes an error of the closed list. */
  #bounded(attempt: Attempt & { tool: Tool }, token: Token): Ended | Waiting {
    const { request, tool, now, again } = attempt;
    let waitMs = 0;
    try {
      const args = parseArguments(tool, request.args);
      this.#requireRoom(tool);
      waitMs = again === undefined ? waitOf(args) : 0;
      const mayWait = again?.mayWait ?? (waitMs > 0 && this.#parts.mayWait());
      const outcome = this.#transact(attempt, args, token, mayWait);
      return { outcome, recorded: true };
    } catch (cause) {
      if (cause instanceof NotYet) {
        return { topic: cause.topic, retryAt: cause.until, until: now + waitMs };
      }
      if (cause instanceof ToolError) return { outcome: expected(cause, request), recorded: false };
      return { outcome: internal(request), recorded: false, thrown: { cause } };
    }
  }

  #transact(
    { request, tool, now, again }: Attempt & { tool: Tool },
    args: Record<string, unknown>,
    token: Token,
    mayWait: boolean,
  ): CallOutcome {
    const { db, records, writeBehind, limiter } = this.#parts;
    const state = { rev: this.#rev, touched: new Set<string>() };
    const context = this.#context(state, token, now, { mayWait, waited: again !== undefined });
    const answer = (): CallOutcome => ({
      kind: 'answer',
      json: once(db, { tool: tool.name, args, now }, () => {
        const said = tool.run(args, context);
        // Thrown, so that the transaction is undone.
        if (said instanceof NotYet) throw mayWait ? said : new Error('a tool that must answer would wait');
        return toJson(said);
      }),
    });
    if (tool.annotations.readOnlyHint) {
      const outcome = db.transaction(answer);
      writeBehind.add(recordOf(request, tool.name, outcome, now));
      return outcome;
    }
    const outcome = db.transaction(() => {
      const done = answer();
      records.save(recordOf(request, tool.name, done, now), { rev: state.rev, buckets: limiter.save(now) });
      return done;
    });
    this.#rev = state.rev;
    this.#parts.committed(state.touched);
    return outcome;
  }

  #context(
    state: { rev: number; touched: Set<string> },
    token: Token,
    now: number,
    waiting: Pick<ToolContext, 'mayWait' | 'waited'>,
  ): ToolContext {
    const { db, profile } = this.#parts;
    return {
      sql: db,
      now,
      author: { principal: token.id },
      nextRev: () => ++state.rev,
      headRev: () => state.rev,
      allowance: () => this.#allowance(token, now),
      ...waiting,
      touch: (topic) => void state.touched.add(topic),
      seal: (payload) => seal(profile.sealKey, payload),
      unseal: (sealed) => unseal(profile.sealKey, sealed),
    };
  }

  /** Refuses a call that grows the storage once the quota is reached. The size is not asked for while it is far away. */
  #requireRoom(tool: Tool): void {
    if (!tool.grows || this.#roomyCalls-- > 0) return;
    const { db, storageQuotaBytes } = this.#parts;
    const left = storageQuotaBytes - db.sizeBytes();
    this.#roomyCalls = Math.min(MAX_ROOMY_CALLS, Math.floor(left / MAX_GROWTH_BYTES));
    if (left > 0) return;
    throw new ToolError(
      'quota_exceeded',
      'The storage quota is used up; delete or invalidate entries, then repeat the call.',
      { limit: storageQuotaBytes },
    );
  }

  #allowance(token: Token, now: number) {
    const { db, limiter, catalogue, storageQuotaBytes } = this.#parts;
    return {
      limits: limiter.status(catalogue.tools, now),
      storage: { bytes: db.sizeBytes(), quota_bytes: storageQuotaBytes },
      token: { scopes: token.scopes, expires_at: new Date(token.expiresAt).toISOString() },
    };
  }

  #report(request: CallRequest, tool: Tool | undefined, ended: Ended): void {
    try {
      this.#parts.log(this.#line(request, tool, ended));
    } catch {
      // A line that is lost must not fail the call that it is about.
    }
  }

  #line(request: CallRequest, tool: Tool | undefined, { outcome, thrown }: Ended): LogRecord {
    const { caller } = request;
    const policies = tool?.log ?? {};
    const error = outcome.kind === 'error' ? outcome.error : undefined;
    return {
      level: error?.code === 'internal' ? 'error' : outcome.kind === 'answer' ? 'info' : 'warn',
      event: 'tool.call',
      tenant: this.#parts.profile.id,
      tool: tool?.name ?? UNKNOWN_TOOL.name,
      args:
        tool === undefined
          ? { name: redactArgs(request, { tool: 'plain' }).tool }
          : redactArgs(request.args, policies),
      duration_ms: Math.max(0, this.#parts.clock() - caller.receivedAt),
      outcome: outcome.kind,
      code: outcome.kind === 'refused' ? outcome.refusal.reason : error?.code,
      error_id: error?.error_id,
      retry_after_ms: error?.retry_after_ms,
      cause: thrown === undefined ? undefined : describeCause(thrown.cause, request.args, policies),
      ...traceFields(caller.trace),
      request_id: caller.requestId,
      token_id: request.tokenId,
      client_name: caller.clientName,
      client_version: caller.clientVersion,
      protocol_version: caller.protocolVersion,
    };
  }
}
