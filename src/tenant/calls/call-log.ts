import { type LogRecord, traceFields } from '../../telemetry/log.ts';
import { type Cause, redactArgs } from '../../telemetry/redact.ts';
import { envelopeArguments } from '../../tools/envelope-arguments.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import type { CallOutcome, CallRequest, Refusal, TenantId } from '../contract/call.ts';

/** Unknown tool names are charged, recorded and logged under this name, so that guessing names is rate-limited as well. */
export const UNKNOWN_TOOL = { name: 'unknown', cost: 1 };

/** How a call ended, and what only the log may contain. */
export interface Ended {
  readonly kind: 'ended';
  readonly outcome: CallOutcome;
  readonly recorded: boolean;
  readonly thrown?: Cause;
}

/** The log line of a call. */
export function callLine(
  tenant: TenantId,
  request: CallRequest,
  tool: AnyTool | undefined,
  { outcome, thrown }: Ended,
  now: number,
): LogRecord {
  const { caller } = request;
  const error = outcome.kind === 'error' ? outcome.error : undefined;
  return {
    level: error?.code === 'internal' ? 'error' : outcome.kind === 'answer' ? 'info' : 'warn',
    event: 'tool.call',
    tenant,
    tool: tool?.name ?? UNKNOWN_TOOL.name,
    args:
      tool === undefined
        ? { name: redactArgs(request, { tool: 'plain' }).tool }
        : redactArgs(request.args, tool.log),
    duration_ms: Math.max(0, now - caller.receivedAt),
    outcome: outcome.kind,
    code: outcome.kind === 'refused' ? outcome.refusal.reason : error?.code,
    error_id: error?.error_id,
    retry_after_ms: error?.retry_after_ms,
    cause: thrown,
    ...traceFields(caller.trace),
    request_id: caller.requestId,
    token_id: request.tokenId,
    client_name: caller.clientName,
    client_version: caller.clientVersion,
    protocol_version: caller.protocolVersion,
  };
}

/** The log line of a call to a tenant that could not be loaded. */
export function unloadedLine({ caller, tokenId }: CallRequest, refusal: Refusal, now: number): LogRecord {
  return {
    level: 'warn',
    event: 'request.refused',
    code: refusal.reason,
    duration_ms: Math.max(0, now - caller.receivedAt),
    ...traceFields(caller.trace),
    request_id: caller.requestId,
    token_id: tokenId,
  };
}

/** The line that names what a client has added to the arguments and the call was answered without; undefined for most calls. */
export function droppedLine(tenant: TenantId, request: CallRequest, tool: AnyTool): LogRecord | undefined {
  const dropped = envelopeArguments(tool.input, request.args);
  if (dropped.length === 0) return undefined;
  const { trace, requestId } = request.caller;
  return {
    level: 'debug',
    event: 'tool.arguments_dropped',
    tenant,
    tool: tool.name,
    dropped,
    ...traceFields(trace),
    request_id: requestId,
    token_id: request.tokenId,
  };
}
