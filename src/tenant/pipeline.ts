import { type Log, type LogRecord, traceFields } from '../telemetry/log.ts';
import { describeCause, redactArgs } from '../telemetry/redact.ts';
import { randomHex } from '../telemetry/trace.ts';
import { parseArguments } from '../tools/arguments.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import { ToolError, type ToolErrorBody } from '../tools/errors.ts';
import type { Scope, Tool, ToolContext } from '../tools/tool.ts';
import type { Admission, CallOutcome, CallRequest, Refusal, TokenId } from './call.ts';
import type { Database } from './database.ts';
import { once } from './idempotency.ts';
import type { Limiter } from './limits.ts';
import type { Profile } from './profile.ts';
import type { CallRecord, Records } from './records.ts';
import type { Token, TokenList } from './tokens.ts';
import type { WriteBehind } from './write-behind.ts';

/** Answers larger than this, in UTF-16 units, are refused: the tools cut long values well before. */
export const MAX_ANSWER_CHARS = 8 * 1024 * 1024;
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

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#rev = parts.rev;
  }

  admit(tokenId: TokenId): Admission {
    const admitted = this.#admit(tokenId, 'any', this.#parts.clock());
    return admitted.ok ? { ok: true, scopes: admitted.token.scopes } : admitted;
  }

  call(request: CallRequest): CallOutcome {
    const now = this.#parts.clock();
    const tool = this.#parts.catalogue.find(request.tool);
    const ended = this.#pass(request, tool, now);
    if (!ended.recorded && ended.outcome.kind === 'error' && ended.outcome.error.code !== 'rate_limited') {
      this.#parts.writeBehind.add(recordOf(request, tool?.name ?? UNKNOWN_TOOL.name, ended.outcome, now));
    }
    this.#report(request, tool, ended);
    return ended.outcome;
  }

  #pass(request: CallRequest, tool: Tool | undefined, now: number): Ended {
    const admitted = this.#admit(request.tokenId, tool?.scope ?? 'any', now);
    if (!admitted.ok) return { outcome: { kind: 'refused', refusal: admitted.refusal }, recorded: false };
    const charge = this.#parts.limiter.charge(tool ?? UNKNOWN_TOOL, now);
    if (!charge.ok) return { outcome: rateLimited(request, charge), recorded: false };
    if (tool === undefined) return { outcome: { kind: 'unknown_tool' }, recorded: false };
    return this.#bounded(request, tool, admitted.token, now);
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
  #bounded(request: CallRequest, tool: Tool, token: Token, now: number): Ended {
    try {
      const args = parseArguments(tool, request.args);
      this.#requireRoom(tool);
      const outcome = this.#transact(request, tool, args, token, now);
      return { outcome, recorded: true };
    } catch (cause) {
      if (cause instanceof ToolError) return { outcome: expected(cause, request), recorded: false };
      return { outcome: internal(request), recorded: false, thrown: { cause } };
    }
  }

  #transact(
    request: CallRequest,
    tool: Tool,
    args: Record<string, unknown>,
    token: Token,
    now: number,
  ): CallOutcome {
    const { db, records, writeBehind } = this.#parts;
    let rev = this.#rev;
    const context: ToolContext = {
      sql: db,
      now,
      author: { principal: token.id },
      nextRev: () => ++rev,
      headRev: () => rev,
      allowance: () => this.#allowance(token, now),
    };
    const answer = (): CallOutcome => ({
      kind: 'answer',
      json: once(db, { tool: tool.name, args, now }, () => toJson(tool.run(args, context))),
    });
    if (tool.annotations.readOnlyHint) {
      const outcome = db.transaction(answer);
      writeBehind.add(recordOf(request, tool.name, outcome, now));
      return outcome;
    }
    const outcome = db.transaction(() => {
      const done = answer();
      records.save(recordOf(request, tool.name, done, now));
      db.exec('UPDATE ledger SET rev = ?, buckets = ?', rev, this.#parts.limiter.save(now));
      return done;
    });
    this.#rev = rev;
    return outcome;
  }

  #requireRoom(tool: Tool): void {
    if (!tool.grows) return;
    const { db, storageQuotaBytes } = this.#parts;
    if (db.sizeBytes() < storageQuotaBytes) return;
    throw new ToolError(
      'quota_exceeded',
      'The storage quota is used up; delete or invalidate entries, then repeat the call.',
      {
        limit: storageQuotaBytes,
      },
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

function toJson(answer: unknown): string {
  const json = JSON.stringify(answer);
  if (json.length <= MAX_ANSWER_CHARS) return json;
  throw new ToolError('too_large', 'The answer is too large; ask for fewer entries or fewer bytes.', {
    limit: MAX_ANSWER_CHARS,
  });
}

function failed(error: ToolErrorBody): CallOutcome {
  return { kind: 'error', error };
}

function rateLimited(
  request: CallRequest,
  charge: { retryAfterMs: number; scope: 'tenant' | 'tool' },
): CallOutcome {
  const bucket = charge.scope === 'tenant' ? 'this tenant' : 'this tool';
  return failed({
    code: 'rate_limited',
    message: `The rate limit of ${bucket} is reached; wait ${charge.retryAfterMs} ms, then repeat the call.`,
    retryable: true,
    retry_after_ms: charge.retryAfterMs,
    trace_id: request.caller.trace.traceId,
  });
}

function expected(error: ToolError, request: CallRequest): CallOutcome {
  return failed({
    code: error.code,
    message: error.message,
    retryable: error.code === 'unavailable' || error.code === 'quota_exceeded',
    ...error.detail,
    trace_id: request.caller.trace.traceId,
  });
}

function internal(request: CallRequest): CallOutcome {
  const errorId = randomHex(8);
  return failed({
    code: 'internal',
    message: `The tool failed and nothing was changed; the operator finds the cause under error id ${errorId}.`,
    retryable: false,
    trace_id: request.caller.trace.traceId,
    error_id: errorId,
  });
}

function recordOf(request: CallRequest, tool: string, outcome: CallOutcome, now: number): CallRecord {
  const error = outcome.kind === 'error' ? outcome.error : undefined;
  return {
    at: now,
    tool,
    outcome: outcome.kind,
    code: error?.code ?? null,
    errorId: error?.error_id ?? null,
    traceId: request.caller.trace.traceId,
    spanId: request.caller.trace.spanId,
    tokenId: request.tokenId,
  };
}
