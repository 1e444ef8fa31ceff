import type { LogRecord } from '../telemetry/log.ts';
import type { TenantId, TokenId } from './contract/call.ts';
import type { Person } from './contract/sign-in.ts';
import type { OperatorCall } from './operator-calls.ts';
import type { CallRecord } from './records/record.ts';
import type { Token } from './storage/tokens.ts';

/** What members, and tokens that administer, change of their tenant: how it is recorded and logged. */

/** A change that the edge has made, or that was refused. */
export interface MemberCall extends Omit<OperatorCall, 'as' | 'before' | 'tokenId'> {
  readonly tokenId: TokenId;
}

/** Who makes a change, for those who read of it later. */
export const actorOf = ({ person, label, id }: Token): string =>
  person?.name ?? `token ${label === '' ? id.slice(0, 8) : label}`;

/** The log line of a change. */
export const changeLine = (tenant: TenantId, record: CallRecord, person: Person | undefined): LogRecord => ({
  level: 'info',
  event: 'tenant.changed',
  tenant,
  outcome: record.outcome,
  code: record.code ?? undefined,
  args: record.args ?? undefined,
  duration_ms: record.tookMs,
  trace_id: record.traceId,
  span_id: record.spanId,
  parent_span_id: record.parentSpanId ?? undefined,
  request_id: record.requestId,
  token_id: record.tokenId,
  member: person?.member,
});
