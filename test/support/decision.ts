import type { DecisionRequest } from '../../src/tenant/approvals/decision-record.ts';
import type { Decider } from '../../src/tenant/contract/approval.ts';

export const OPERATOR: Decider = { kind: 'operator', as: 'ann' };

export const decisionRequest = (receivedAt: number): DecisionRequest => ({
  requestId: 'decision',
  trace: { traceId: 'd'.repeat(32), spanId: 'd'.repeat(16), parentSpanId: undefined },
  receivedAt,
});
