/**
 * The names of everything that is exported as OpenTelemetry: one place, because the conventions for MCP are in development
 * and will rename some.
 *
 * `mcp.*`, `gen_ai.*`, `jsonrpc.*` and `rpc.*` follow open-telemetry/semantic-conventions-genai at commit
 * 5c50d346f1c9e8f745889f7777a412991564b334 (`model/mcp/spans.yaml`, `docs/gen-ai/mcp.md`); `http.*`, `network.*` and
 * `error.type` are stable names of open-telemetry/semantic-conventions. `bulkhead.*` is ours.
 */
export const ATTRIBUTE = {
  method: 'mcp.method.name',
  protocolVersion: 'mcp.protocol.version',
  session: 'mcp.session.id',
  resourceUri: 'mcp.resource.uri',
  tool: 'gen_ai.tool.name',
  operation: 'gen_ai.operation.name',
  requestId: 'jsonrpc.request.id',
  rpcStatus: 'rpc.response.status_code',
  errorType: 'error.type',
  transport: 'network.transport',
  protocol: 'network.protocol.name',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  tenant: 'bulkhead.tenant.id',
  token: 'bulkhead.token.id',
  client: 'bulkhead.client.name',
  clientVersion: 'bulkhead.client.version',
  request: 'bulkhead.request.id',
  status: 'bulkhead.status',
  retryAfterMs: 'bulkhead.retry_after_ms',
  errorId: 'bulkhead.error.id',
  waitMs: 'bulkhead.wait_ms',
  revFrom: 'bulkhead.rev.from',
  revTo: 'bulkhead.rev.to',
} as const;

export type AttributeName = (typeof ATTRIBUTE)[keyof typeof ATTRIBUTE];

/** The only value of `gen_ai.operation.name` here; other methods than `tools/call` have none. */
export const EXECUTE_TOOL = 'execute_tool';

/** The instrumentation scope of every span. */
export const SCOPE_NAME = 'bulkhead';
