import type { Result } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { CallerInfo, CallOutcome } from '../tenant/contract/call.ts';
import { toolErrorSchema } from '../tools/errors.ts';

/** How a JSON-RPC request ended, for telemetry: names and codes of closed lists only, never what was asked or answered. */
export interface MessageEnd {
  readonly method: string;
  readonly id: string | number;
  readonly caller: CallerInfo;
  /** The published tool that was called. */
  readonly tool: string | undefined;
  /** The resource that was asked for, as the client wrote it. */
  readonly uri: string | undefined;
  readonly outcome: MessageOutcome;
}

export interface MessageOutcome {
  /** The answer's own status, such as `conflict`; a tool that has none has no status. */
  readonly status?: string | undefined;
  /** The code of the tool error or, as text, of the JSON-RPC error. */
  readonly errorType?: string | undefined;
  /** The code of the JSON-RPC error. */
  readonly rpcStatus?: number | undefined;
  readonly errorId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** An answer's own status is in one of these fields, whose values are closed lists. */
const answerStatus = z.object({
  status: z.string().optional(),
  verdict: z.string().optional(),
  match: z.string().optional(),
});
const failedResult = z.object({
  isError: z.literal(true),
  structuredContent: z.object({
    error: toolErrorSchema.pick({ code: true, error_id: true, retry_after_ms: true }).loose(),
  }),
});

/** The outcome that a result of a tool tells; that of any other method is empty. */
export function outcomeOfResult(method: string, result: Result): MessageOutcome {
  if (method !== 'tools/call') return {};
  const failed = failedResult.safeParse(result).data;
  if (failed !== undefined) return outcomeOfError(failed.structuredContent.error);
  const { status, verdict, match } = answerStatus.safeParse(result.structuredContent).data ?? {};
  return { status: status ?? verdict ?? match };
}

export const outcomeOfError = (error: {
  readonly code: string;
  readonly error_id?: string | undefined;
  readonly retry_after_ms?: number | undefined;
}): MessageOutcome => ({
  errorType: error.code,
  errorId: error.error_id,
  retryAfterMs: error.retry_after_ms,
});

/** The outcome of a tool's call. The answer is not parsed: its own status is its first member, or is not told. */
export function outcomeOfCall(outcome: CallOutcome): MessageOutcome {
  switch (outcome.kind) {
    case 'answer':
      return { status: /^\{"(?:status|verdict|match)":"([a-z_]{1,32})"/.exec(outcome.json)?.[1] };
    case 'error':
      return outcomeOfError(outcome.error);
    case 'refused':
      return { errorType: outcome.refusal.reason };
    case 'unknown_tool':
      return { errorType: 'unknown_tool' };
    case 'deferred':
      return {};
  }
}

/** The outcome of a request that was answered with an error of JSON-RPC. */
export const outcomeOfRpcError = (code: number): MessageOutcome => ({
  errorType: String(code),
  rpcStatus: code,
});
