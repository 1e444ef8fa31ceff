import type { LogRecord } from '../../telemetry/log.ts';
import type { HeldRow } from '../approvals/held-row.ts';
import type { TenantId } from '../contract/call.ts';

type ApprovalEvent = Extract<LogRecord['event'], `approval.${string}`>;

/** The log line of what becomes of a held call. */
export const approvalLine = (
  event: ApprovalEvent,
  tenant: TenantId,
  { id, state, tool, token_id, decided_by }: HeldRow,
): LogRecord => ({
  level: 'info',
  event,
  tenant,
  tool,
  approval_id: id,
  status: state,
  decided_by: decided_by ?? undefined,
  token_id,
});
