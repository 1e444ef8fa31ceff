import { type LogRecord, traceFields } from '../../telemetry/log.ts';
import type { Cause } from '../../telemetry/redact.ts';
import { envelopeArguments } from '../../tools/envelope-arguments.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import type { CallRequest, Refusal, TenantId } from '../contract/call.ts';
import type { CallRecord } from '../records/record.ts';

/** The log line of a call: its record, and what only the log may contain. */
export function callLine(
  tenant: TenantId,
  { caller }: Pick<CallRequest, 'caller'>,
  record: CallRecord,
  thrown: Cause | undefined,
): LogRecord {
  const { code, outcome } = record;
  return {
    level: code === 'internal' ? 'error' : outcome === 'answer' ? 'info' : 'warn',
    event: 'tool.call',
    tenant,
    tool: record.tool,
    args: record.args ?? undefined,
    duration_ms: record.tookMs,
    wait_ms: record.waitMs || undefined,
    outcome,
    status: record.status ?? undefined,
    code: code ?? undefined,
    scope: record.scope ?? undefined,
    approval_id: record.approval,
    decided_by: record.decidedBy,
    rev: record.revTo > record.revFrom ? record.revTo : undefined,
    error_id: record.errorId ?? undefined,
    retry_after_ms: record.retryAfterMs ?? undefined,
    cause: thrown,
    ...traceFields(caller.trace),
    request_id: record.requestId,
    token_id: record.tokenId,
    client_name: record.client ?? undefined,
    client_version: record.clientVersion ?? undefined,
    protocol_version: record.protocol ?? undefined,
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
