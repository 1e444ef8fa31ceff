import { redactForLog } from '../telemetry/redact.ts';
import type { TraceContext } from '../telemetry/trace.ts';
import type { TokenId } from './contract/call.ts';
import type { LoadedTenant } from './loaded-tenant.ts';
import { CHANGE, OPERATOR_TOKEN } from './records/operator.ts';
import type { CallRecord } from './records/record.ts';

/** What the operator does to a tenant, as records: who says to have done it, and what it has changed from what to what. */

/** Changes that one record names. */
const MAX_CHANGES = 20;
const MAX_NAME_CHARS = 64;
const MAX_VALUE_CHARS = 128;

type Value = string | number | boolean | null;
/** Everything that the operator can change of a tenant, by path. No secret is part of it. */
export type OperatorState = Readonly<Record<string, Value>>;

/** A request of the operator's that was made of a tenant. */
export interface OperatorCall {
  /** The method and the path below the tenant, such as `PATCH limits`. */
  readonly action: string;
  /** Who the operator says to be, which nothing proves; the name of a member or token that acts itself. */
  readonly as: string | undefined;
  /** The token or session of a member that acts; undefined for the operator. */
  readonly tokenId?: TokenId;
  /** The state before it; undefined when the tenant did not exist. */
  readonly before: OperatorState | undefined;
  /** Why it was refused; undefined when it was done. */
  readonly code: string | undefined;
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly receivedAt: number;
}

/** @param now milliseconds since the epoch */
export function operatorStateOf(
  { profile, tokens, members, grants }: LoadedTenant,
  now: number,
): OperatorState {
  const { status, overrides, storageQuotaBytes, callQuotas, policy } = profile;
  const flat: Record<string, Value> = {};
  const settings = { limits: overrides, storage_quota_bytes: storageQuotaBytes, calls: callQuotas };
  const approval = { ...policy.tools, ...(policy.destructive && { destructive: true }) };
  flatten({ status, ...settings, approval }, '', flat);
  for (const { id, label, scopes, tools, expiresAt, revokedAt } of tokens.list())
    flatten({ label, scopes, tools, expiresAt, revokedAt }, `token ${id} `, flat);
  for (const { id, name, identity, scopes, keyId, expiresAt } of members.list())
    flatten({ name, identity, scopes, keyId, expiresAt }, `member ${id} `, flat);
  for (const { id, clientName, scopes } of grants.list(now))
    flatten({ clientName, scopes }, `grant ${id} `, flat);
  return flat;
}

function flatten(value: unknown, path: string, into: Record<string, Value>): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) into[path] = value.join(' ');
  else if (typeof value === 'object')
    for (const [name, member] of Object.entries(value))
      flatten(member, path === '' || path.endsWith(' ') ? `${path}${name}` : `${path}.${name}`, into);
  else into[path] = value as Value;
}

export interface OperatorChange {
  readonly what: string;
  readonly from?: Value;
  readonly to?: Value;
}

/** What a request has changed. One that was refused has changed nothing. */
export function changesOf({ before = {}, code }: OperatorCall, after: OperatorState): OperatorChange[] {
  if (code !== undefined) return [];
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return paths
    .filter((path) => before[path] !== after[path])
    .map((path) => ({ what: path, ...member('from', before[path]), ...member('to', after[path]) }));
}

const member = (name: 'from' | 'to', value: Value | undefined) =>
  value === undefined
    ? {}
    : { [name]: typeof value === 'string' ? redactForLog(value, MAX_VALUE_CHARS) : value };

/** @param now milliseconds since the epoch */
export function operatorRecord(
  call: OperatorCall,
  changes: readonly OperatorChange[],
  rev: number,
  now: number,
): CallRecord {
  const as = call.as === undefined ? undefined : redactForLog(call.as, MAX_NAME_CHARS);
  return {
    ...CHANGE,
    at: now,
    tookMs: Math.max(0, now - call.receivedAt),
    outcome: call.code === undefined ? 'answer' : 'error',
    status: null,
    code: call.code ?? null,
    traceId: call.trace.traceId,
    spanId: call.trace.spanId,
    parentSpanId: call.trace.parentSpanId ?? null,
    requestId: call.requestId,
    tokenId: call.tokenId ?? OPERATOR_TOKEN,
    args: {
      action: redactForLog(call.action, MAX_VALUE_CHARS),
      ...(as !== undefined && { by: as }),
      ...(changes.length > 0 && { changed: changes.slice(0, MAX_CHANGES) }),
      ...(changes.length > MAX_CHANGES && { more: changes.length - MAX_CHANGES }),
    },
    revFrom: rev,
    revTo: rev,
  };
}
