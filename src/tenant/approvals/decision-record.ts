import { redactForLog } from '../../telemetry/redact.ts';
import type { TraceContext } from '../../telemetry/trace.ts';
import type { Decider, Decision } from '../contract/approval.ts';
import { OPERATOR_TOKEN, OPERATOR_TOOL, OPERATOR_TRANSPORT } from '../records/operator.ts';
import type { CallRecord } from '../records/record.ts';
import type { HeldRow } from './held-row.ts';

const MAX_SHOWN_CHARS = 128;

/** The request by which a person decides. */
export interface DecisionRequest {
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly receivedAt: number;
}

/** How the words begin that say which member has decided. */
export const decidedBy = (member: string) => `member ${member} (`;

/** @param by who decides, in words */
export function decisionRecord(
  held: HeldRow,
  { approve, standing, reason }: Decision,
  { decider, by, request }: { decider: Decider; by: string; request: DecisionRequest },
  rev: number,
  now: number,
): CallRecord {
  return {
    at: now,
    tookMs: Math.max(0, now - request.receivedAt),
    waitMs: 0,
    times: 1,
    tool: OPERATOR_TOOL,
    outcome: 'answer',
    status: approve ? 'approved' : 'refused',
    code: null,
    scope: null,
    errorId: null,
    retryAfterMs: null,
    traceId: request.trace.traceId,
    spanId: request.trace.spanId,
    parentSpanId: request.trace.parentSpanId ?? null,
    requestId: request.requestId,
    tokenId: decider.kind === 'operator' ? OPERATOR_TOKEN : decider.grant,
    session: null,
    client: null,
    clientVersion: null,
    protocol: null,
    // What people look at in the console is not listed; what they decide is, whoever they are.
    transport: OPERATOR_TRANSPORT,
    args: {
      action: approve ? 'approve a held call' : 'refuse a held call',
      by,
      tool: held.tool,
      token: held.token_id,
      ...(standing && { standing }),
      ...(reason !== undefined && { reason: redactForLog(reason, MAX_SHOWN_CHARS) }),
    },
    bytesIn: 0,
    bytesOut: 0,
    revFrom: rev,
    revTo: rev,
    work: 0,
    savedMicroUsd: 0,
    approval: held.id,
    decidedBy: by,
  };
}
