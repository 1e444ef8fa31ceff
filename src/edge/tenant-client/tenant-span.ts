import { ATTRIBUTE } from '../../telemetry/otel/names.ts';
import type { Span } from '../../telemetry/otel/span.ts';
import { randomId } from '../../telemetry/trace.ts';
import type { CallRequest, TenantId, TenantPart } from '../../tenant/contract/call.ts';

/**
 * The span of what a tenant did for a call, below the one of its request. The tenant returns it as data and exports nothing
 * itself: that would keep its object awake.
 */
export function tenantSpan(tenant: TenantId, { tool, tokenId, caller }: CallRequest, part: TenantPart): Span {
  const { traceId, spanId } = caller.trace;
  const { startMs, endMs, waitMs, revFrom, revTo } = part;
  return {
    trace: { traceId, spanId: randomId(8), parentSpanId: spanId },
    name: `tenant ${tool}`,
    kind: 'internal',
    startMs,
    endMs,
    attributes: {
      [ATTRIBUTE.tenant]: tenant,
      [ATTRIBUTE.token]: tokenId,
      [ATTRIBUTE.request]: caller.requestId,
      [ATTRIBUTE.waitMs]: waitMs,
      [ATTRIBUTE.revFrom]: revFrom,
      [ATTRIBUTE.revTo]: revTo,
    },
  };
}
