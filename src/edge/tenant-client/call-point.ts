import { sizeOfJson } from '../../json/size.ts';
import { outcomeOfCall } from '../../mcp/message-end.ts';
import type { CallPoint } from '../../telemetry/metrics/data-point.ts';
import { redactForLog } from '../../telemetry/redact.ts';
import type { CallOutcome, CallRequest, RemoteCompletion, TenantId } from '../../tenant/contract/call.ts';

const MAX_CLIENT_CHARS = 64;

interface EndedCall {
  readonly tenant: TenantId;
  readonly request: CallRequest;
  readonly outcome: CallOutcome;
  readonly durationMs: number;
  /** What is known of the answer of a remote tool, which was sent without being part of the outcome. */
  readonly answered?: RemoteCompletion['answered'];
}

/** What a dataset is told of a call: names of closed lists, sizes, and what the client says of itself, redacted. */
export function callPointOf({ tenant, request, outcome, durationMs, answered }: EndedCall): CallPoint {
  const { status = '', errorType = '' } = outcomeOfCall(outcome);
  return {
    tenant,
    tool: outcome.kind === 'unknown_tool' ? 'unknown' : request.tool,
    outcome: outcome.kind,
    code: errorType,
    status: answered?.status ?? status,
    client: redactForLog(request.caller.clientName ?? '', MAX_CLIENT_CHARS),
    durationMs,
    bytesIn: sizeOfJson(request.args),
    bytesOut: outcome.kind === 'answer' ? (answered?.bytes ?? outcome.json.length) : 0,
  };
}
