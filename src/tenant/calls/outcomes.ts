import { printJson } from '../../json/raw-json.ts';
import { randomHex } from '../../telemetry/trace.ts';
import { ToolError, type ToolErrorBody } from '../../tools/errors.ts';
import { POLL_MS, tenantApproval } from '../../tools/tenant/approval.ts';
import type { HeldRow } from '../approvals/held-row.ts';
import type { CallOutcome, CallRequest } from '../contract/call.ts';
import type { UsedUp } from './call-quota.ts';
import type { Shortage } from './limiter.ts';

/** The end of a call, as its caller receives it. */

/** Larger answers, in UTF-16 units, are refused. The tools cut long values well before. */
export const MAX_ANSWER_CHARS = 4 * 1024 * 1024;

/** When a call may be repeated that cannot wait because too many others do, in milliseconds: some of them end meanwhile. */
export const RETRY_WAITING_MS = 1000;

export const tooManyWaiting = () =>
  new ToolError(
    'unavailable',
    `Too many calls of this tenant are waiting. Wait ${RETRY_WAITING_MS} ms and repeat the call, or set wait_s to 0.`,
    { retry_after_ms: RETRY_WAITING_MS },
  );

/** How long a call may wait, in milliseconds: its argument `wait_s`. */
export function waitOf(args: Readonly<Record<string, unknown>>): number {
  return typeof args.wait_s === 'number' ? args.wait_s * 1000 : 0;
}

export function toJson(answer: unknown): string {
  const json = printJson(answer);
  if (json.length <= MAX_ANSWER_CHARS) return json;
  throw new ToolError('too_large', 'The answer is too large. Ask for fewer entries or fewer bytes.', {
    limit: MAX_ANSWER_CHARS,
  });
}

function failed(error: ToolErrorBody): CallOutcome {
  return { kind: 'error', error };
}

/** Why a call was not charged: a bucket that lacks tokens, or a quota of calls that is used up. */
export type NotCharged = Shortage | UsedUp;

export const notCharged = (request: CallRequest, why: NotCharged): CallOutcome =>
  'quota' in why ? usedUp(request, why) : rateLimited(request, why);

function rateLimited(request: CallRequest, { scope, retryAfterMs }: Shortage): CallOutcome {
  const bucket = scope === 'tenant' ? 'this tenant' : 'this tool';
  return failed({
    code: 'rate_limited',
    message: `The rate limit of ${bucket} is reached. Wait ${retryAfterMs} ms, then repeat the call.`,
    retryable: true,
    retry_after_ms: retryAfterMs,
    trace_id: request.caller.trace.traceId,
  });
}

function usedUp(request: CallRequest, { scope, retryAfterMs, quota, resetsAt }: UsedUp): CallOutcome {
  const moment = new Date(resetsAt).toISOString();
  return failed({
    code: 'quota_exceeded',
    message: `This tenant's quota of ${quota} calls a ${scope} is used up. Repeat the call after ${moment}, or ask the operator for a higher quota.`,
    retryable: true,
    limit: quota,
    retry_after_ms: retryAfterMs,
    resets_at: moment,
    trace_id: request.caller.trace.traceId,
  });
}

/** What an agent is told whose call was held: a model must be able to go on with nothing but this sentence. */
export function pendingApproval(request: CallRequest, { id, expires_at }: HeldRow): CallOutcome {
  const until = new Date(expires_at).toISOString();
  return failed({
    code: 'pending_approval',
    message: `A person must approve this call first, so it was held and nothing was done yet. Do not repeat it: call ${tenantApproval.name} with approval_id ${id} and wait_s 25, and again while it answers pending; once it is approved, that runs the call and gives its answer. A person can decide until ${until}.`,
    retryable: false,
    retry_after_ms: POLL_MS,
    approval_id: id,
    expires_at: until,
    trace_id: request.caller.trace.traceId,
  });
}

export const expected = (error: ToolError, request: CallRequest): CallOutcome =>
  failed(expectedError(error, request));
export const internal = (request: CallRequest): CallOutcome => failed(internalError(request));

export function expectedError(error: ToolError, request: CallRequest): ToolErrorBody {
  return {
    code: error.code,
    message: error.message,
    retryable: error.code === 'unavailable' || error.code === 'quota_exceeded',
    ...error.detail,
    trace_id: request.caller.trace.traceId,
  };
}

export function internalError(request: CallRequest): ToolErrorBody {
  const errorId = randomHex(8);
  return {
    code: 'internal',
    message: `The tool failed and nothing was changed. The operator finds the cause under error id ${errorId}.`,
    retryable: false,
    trace_id: request.caller.trace.traceId,
    error_id: errorId,
  };
}
