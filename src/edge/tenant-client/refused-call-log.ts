import type { Arrival } from '../../mcp/server-binding.ts';
import { traceFields } from '../../telemetry/log.ts';
import type { Principal } from '../auth/tokens.ts';
import type { Isolate } from '../http/isolate.ts';

/** Writes the line of a call that the edge has refused itself, so that it never reached its tenant. */
export function logRefusedCall(
  { log, meter, refusals }: Pick<Isolate, 'log' | 'meter' | 'refusals'>,
  { id, trace, receivedAt }: Arrival,
  { tenant, tokenId }: Principal,
  { tool, code }: { readonly tool: string | undefined; readonly code: string },
): void {
  // The answer is an error of the call, which MCP sends with status 200.
  meter.refused(200, code);
  refusals.count({ tenant, tokenId }, code, tool ?? '');
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
