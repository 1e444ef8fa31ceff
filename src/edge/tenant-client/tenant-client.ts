import * as z from 'zod';
import type { Config } from '../../config.ts';
import type { Arrival } from '../../mcp/server-binding.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { traceFields } from '../../telemetry/log.ts';
import { describeCause } from '../../telemetry/redact.ts';
import type {
  Admission,
  CallOutcome,
  CallRequest,
  ClientMessage,
  Refusal,
  RemoteCompletion,
  SessionId,
  StreamFailure,
} from '../../tenant/contract/call.ts';
import { forwardOnly } from '../../tenant/contract/timer.ts';
import {
  ADMITTED_HEADER,
  encodeStreamRequest,
  type StreamRequest,
} from '../../tenant/streams/stream-protocol.ts';
import type { ToolErrorBody } from '../../tools/errors.ts';
import { ALL_SCOPES, type Scope } from '../../tools/tool.ts';
import type { Principal } from '../auth/tokens.ts';
import type { Isolate } from '../http/isolate.ts';
import { callPointOf } from './call-point.ts';
import { logRefusedCall } from './refused-call-log.ts';
import { tenantSpan } from './tenant-span.ts';
import { TokenGuard } from './token-guard.ts';

/** The open end of a stream, and what the token that opened it may do, and until when. */
export interface OpenedStream {
  readonly socket: WebSocket;
  readonly scopes: readonly Scope[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The tools that it is held to; undefined for all that its scopes allow. */
  readonly tools?: readonly string[] | undefined;
  /** Whether calls of some tools are held until a person approves them. */
  readonly holdsCalls: boolean;
}

/**
 * The tenant of one verified token, reached over RPC. Each method is one request to the tenant's Durable Object. An
 * object that cannot be reached is reported in the log and answered as `unavailable`, never as a denial.
 *
 * @example
 * ```ts
 * import type { SessionId } from '../../tenant/contract/call.ts';
 * import type { TenantClient } from './tenant-client.ts';
 *
 * async function scopesOf(tenant: TenantClient, session: SessionId): Promise<readonly string[]> {
 *   const admission = await tenant.admit(session);
 *   return admission.ok ? admission.value.scopes : [];
 * }
 * ```
 */
export interface TenantClient {
  /**
   * Charged to the token's guard.
   * @param beforeCall whether a call is to follow, which the tenant charges: the guard takes its charge back when it is made
   */
  admit(session?: SessionId, beforeCall?: boolean): Promise<Result<Admission, Refusal>>;
  call(request: CallRequest): Promise<CallOutcome>;
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): Promise<void>;
  cancel(cancelKey: string): Promise<void>;
  /** @returns whether every message had a receiver */
  deliver(session: SessionId, messages: readonly ClientMessage[]): Promise<Result<boolean, Refusal>>;
  /** What a stream of calls, which was opened and charged, sends next: calls, or the numbers of the last hour. */
  follow(
    question: 'follow' | 'summary',
    args: Readonly<Record<string, unknown>>,
  ): Promise<Result<string, Refusal>>;
  /** Opens a stream, after the call in `opening` if there is one. */
  openStream(stream: Omit<StreamRequest, 'tokenId'>): Promise<Result<OpenedStream, StreamFailure>>;
}

const UNAVAILABLE = { reason: 'unavailable' } as const;
const CALL_UNAVAILABLE = { kind: 'refused', refusal: UNAVAILABLE } as const;

export function createTenantClient(
  env: Env,
  isolate: Isolate,
  arrival: Arrival,
  principal: Principal,
): TenantClient {
  const { tokenId } = principal;
  const guard = guardOf(isolate.config);
  const stub = () => env.TENANTS.getByName(principal.tenant);
  /** Whether a refusal of this request has been delayed already. */
  let isDelayed = false;
  /** Whether the guard was charged for a call that is yet to be made. */
  let isPrepaid = false;
  const makeCall = () => {
    if (isPrepaid) guard.refund(tokenId);
    isPrepaid = false;
  };
  const callTenant = async <T>(request: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await request();
    } catch (cause) {
      isolate.log({
        level: 'error',
        event: 'edge.error',
        tenant: principal.tenant,
        code: 'unavailable',
        cause: describeCause(cause, undefined, {}),
        ...traceFields(arrival.trace),
        request_id: arrival.id,
        token_id: tokenId,
      });
      return otherwise;
    }
  };
  /** Why the guard of the token does not let a request pass. A client that does not wait is answered later. */
  const checkGuard = async (tool?: string): Promise<Refusal | undefined> => {
    const refusal = guard.check(tokenId, tool);
    // The calls of a batch are refused one after the other.
    if (refusal === undefined || isDelayed) return refusal;
    isDelayed = true;
    const toldMs = refusal.reason === 'too_many_requests' ? refusal.retryAfterMs : undefined;
    const passedMs = await isolate.refusalDelay.pass(tokenId, toldMs);
    return toldMs === undefined ? refusal : { reason: 'too_many_requests', retryAfterMs: toldMs - passedMs };
  };
  /** A request that its tenant does not charge: the guard of the token does. */
  const uncharged = async <T>(
    request: () => Promise<Result<T, Refusal>>,
    beforeCall = false,
  ): Promise<Result<T, Refusal>> => {
    const refusal = await checkGuard();
    if (refusal !== undefined) {
      isolate.refusals.count(principal, refusal.reason);
      return fail(refusal);
    }
    const result = await callTenant(request, fail(UNAVAILABLE));
    if (!result.ok) guard.noteRefusal(tokenId, result.error);
    else {
      guard.spend(tokenId);
      isPrepaid = beforeCall;
    }
    return result;
  };
  /** Refuses a call that the guard of its token does not let pass, and logs it as the tenant would. */
  const refuseHere = async (tool: string, traceId: string): Promise<GuardRefusal | undefined> => {
    makeCall();
    const refusal = await checkGuard(tool);
    if (refusal === undefined) return undefined;
    logRefusedCall(isolate, arrival, principal, { tool, code: refusal.reason });
    return refusal.reason === 'too_many_requests'
      ? { kind: 'error', error: tooManyRequests(refusal.retryAfterMs, traceId) }
      : { kind: 'refused', refusal };
  };
  /** Counts a call that its tenant has ended. That of a remote tool has not ended when it is deferred. */
  const meterCall = (
    request: CallRequest,
    outcome: CallOutcome,
    startedAt: number,
    answered?: RemoteCompletion['answered'],
  ) => {
    if (outcome.kind === 'deferred') return;
    const { tenant } = principal;
    const durationMs = Math.max(0, Date.now() - startedAt);
    isolate.meter.called(outcome.kind === 'unknown_tool' ? 'unknown' : request.tool, durationMs, () =>
      callPointOf({ tenant, request, outcome, durationMs, answered }),
    );
  };
  const call = async (request: CallRequest): Promise<CallOutcome> => {
    const refused = await refuseHere(request.tool, request.caller.trace.traceId);
    if (refused !== undefined) return refused;
    const startedAt = Date.now();
    const isTraced = isolate.spans !== undefined;
    const outcome = await callTenant<CallOutcome>(
      async () => await stub().call(isTraced ? { ...request, isTraced } : request),
      CALL_UNAVAILABLE,
    );
    if (outcome.kind === 'answer' && outcome.part !== undefined)
      isolate.spans?.add(tenantSpan(principal.tenant, request, outcome.part));
    meterCall(request, outcome, startedAt);
    guard.noteOutcome(tokenId, request.tool, outcome);
    return outcome;
  };
  /** @param opening the name of the tool whose call opens the stream; empty without one */
  const open = async (request: Request, opening: string): Promise<Result<OpenedStream, StreamFailure>> => {
    const refused = await refuseHere(opening, arrival.trace.traceId);
    if (refused !== undefined) return fail(refused);
    const opened = await callTenant<Result<OpenedStream, StreamFailure>>(
      async () => openedStream(await stub().fetch(request)),
      fail(CALL_UNAVAILABLE),
    );
    if (!opened.ok) guard.noteOutcome(tokenId, opening, opened.error);
    return opened;
  };
  return {
    call,
    admit: (session, beforeCall) =>
      uncharged<Admission>(async () => await stub().admit(tokenId, session), beforeCall),
    completeRemoteCall: (request, completion) => {
      const { error, answered } = completion;
      const outcome =
        error === undefined ? { kind: 'answer' as const, json: '' } : { kind: 'error' as const, error };
      meterCall(request, outcome, request.caller.receivedAt, answered);
      return callTenant(async () => await stub().completeRemoteCall(request, completion), undefined);
    },
    cancel: (cancelKey) => callTenant(async () => await stub().cancel(tokenId, cancelKey), undefined),
    deliver: (session, messages) =>
      uncharged<boolean>(async () => await stub().deliver(tokenId, session, messages)),
    follow: (question, args) =>
      callTenant<Result<string, Refusal>>(
        async () => await stub().follow(tokenId, question, { ...args }),
        fail(UNAVAILABLE),
      ),
    openStream: async (stream) => {
      const request = encodeStreamRequest({ tokenId, ...stream });
      if (request !== undefined) return open(request, stream.opening?.tool ?? '');
      const { opening, ...alone } = stream;
      const later = encodeStreamRequest({ tokenId, ...alone });
      if (opening === undefined || later === undefined)
        throw new Error('the request for a stream is too large');
      const outcome = await call(opening);
      if (outcome.kind === 'answer') return open(later, '');
      if (outcome.kind === 'deferred') throw new Error('a stream was opened by a remote tool');
      return fail(outcome);
    },
  };
}

type GuardRefusal = Extract<CallOutcome, { kind: 'error' | 'refused' }>;

/** An error that reaches the model, which a refusal by an HTTP status would not. */
function tooManyRequests(retryAfterMs: number, traceId: string): ToolErrorBody {
  return {
    code: 'rate_limited',
    message: `This token sends too many requests that are refused. Wait ${retryAfterMs} ms, then repeat the call.`,
    retryable: true,
    retry_after_ms: retryAfterMs,
    trace_id: traceId,
  };
}

const guards = new WeakMap<Config, TokenGuard>();

/** The guard of this isolate. */
function guardOf(config: Config): TokenGuard {
  const known =
    guards.get(config) ??
    new TokenGuard(
      config.requestLimit,
      forwardOnly(() => Date.now()),
    );
  guards.set(config, known);
  return known;
}

const admittedStream = z.object({
  // A scope that only another release knows is dropped.
  scopes: z.array(z.string()).transform((named) => ALL_SCOPES.filter((scope) => named.includes(scope))),
  expiresAt: z.number(),
  tools: z.array(z.string()).optional(),
  // The tenant's Durable Object still runs an older release.
  holdsCalls: z.boolean().default(false),
});

async function openedStream(response: Response): Promise<Result<OpenedStream, StreamFailure>> {
  if (response.webSocket === null) return fail(await response.json<StreamFailure>());
  return succeed({
    socket: response.webSocket,
    ...admittedStream.parse(JSON.parse(response.headers.get(ADMITTED_HEADER) ?? '')),
  });
}
