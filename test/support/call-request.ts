import type { CallRequest, TokenId } from '../../src/tenant/contract/call.ts';

let calls = 0;

export function callRequest(tokenId: TokenId, tool: string, args: unknown, receivedAt: number): CallRequest {
  return {
    tokenId,
    session: undefined,
    cancelKey: `cancel-${++calls}`,
    tool,
    args,
    caller: {
      requestId: 'request-1',
      trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined },
      receivedAt,
      clientName: 'test-client',
      clientVersion: '1.0.0',
      protocolVersion: '2026-07-28',
      transport: 'mcp',
    },
  };
}
