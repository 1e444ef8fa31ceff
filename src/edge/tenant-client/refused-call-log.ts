import type { Arrival } from '../../mcp/server-binding.ts';
import { type Log, traceFields } from '../../telemetry/log.ts';
import type { Principal } from '../auth/tokens.ts';

/** Writes the line of a call that the edge has refused itself, so that it never reached its tenant. */
export function logRefusedCall(
  log: Log,
  { id, trace, receivedAt }: Arrival,
  { tenant, tokenId }: Principal,
  { tool, code }: { readonly tool: string | undefined; readonly code: string },
): void {
  log({
    level: 'warn',
    event: 'request.refused',
    tenant,
    tool,
    code,
    duration_ms: Math.max(0, Date.now() - receivedAt),
    ...traceFields(trace),
    request_id: id,
    token_id: tokenId,
  });
}
