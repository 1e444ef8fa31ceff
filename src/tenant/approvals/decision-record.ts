import { redactForLog } from '../../telemetry/redact.ts';
import type { TraceContext } from '../../telemetry/trace.ts';
import type { Decider, Decision } from '../contract/approval.ts';
import { CHANGE, OPERATOR_TOKEN } from '../records/operator.ts';
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

/**
 * The record of a decision. It is listed among the changes of the operator, whoever has decided.
 * @param by who decides, in words
 */
export function decisionRecord(
  held: HeldRow,
  { approve, standing, reason }: Decision,
  { decider, by, request }: { decider: Decider; by: string; request: DecisionRequest },
  rev: number,
  now: number,
): CallRecord {
  return {
    ...CHANGE,
    at: now,
    tookMs: Math.max(0, now - request.receivedAt),
    outcome: 'answer',
    status: approve ? 'approved' : 'refused',
    code: null,
    traceId: request.trace.traceId,
    spanId: request.trace.spanId,
    parentSpanId: request.trace.parentSpanId ?? null,
    requestId: request.requestId,
    tokenId: decider.kind === 'operator' ? OPERATOR_TOKEN : decider.grant,
    args: {
      action: approve ? 'approve a held call' : 'refuse a held call',
      by,
      tool: held.tool,
      token: held.token_id,
      ...(standing && { standing }),
      ...(reason !== undefined && { reason: redactForLog(reason, MAX_SHOWN_CHARS) }),
    },
    revFrom: rev,
    revTo: rev,
    approval: held.id,
    decidedBy: by,
  };
}
