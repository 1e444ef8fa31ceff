import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  ProtocolErrorCode,
  SERVER_INFO_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
  TRACEPARENT_META_KEY,
  TRACESTATE_META_KEY,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import { outcomeOfCall } from '../../mcp/message-end.ts';
import { answerFits, answerResultJson, answerTooLarge, errorResultJson } from '../../mcp/result-json.ts';
import { SERVER_INFO } from '../../mcp/server.ts';
import { callerFrom, refusalError } from '../../mcp/server-binding.ts';
import type { TraceHeaders } from '../../telemetry/trace.ts';
import type { CallOutcome } from '../../tenant/contract/call.ts';
import { isForModel } from '../../tenant/contract/refusal-message.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { type BoundServer, bindServer } from './bind-server.ts';

/**
 * The direct path of a `tools/call`: no protocol server is made, and the tenant's JSON text goes into the response as it
 * is, which takes about half the CPU.
 *
 * Only a call of which every member and header is known takes it: the schemas below are allow lists. Anything else goes
 * to the SDK, which answers the same call with the same JSON; a test sends odd requests both ways and compares.
 */

/** The call of a tool, as either era states it. */
interface PlainCall {
  readonly id: string | number;
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly trace: TraceHeaders;
  readonly client: { readonly name: string; readonly version: string } | undefined;
  /** Further members of the result, as JSON text. */
  readonly resultMembers: string;
}

const id = z.union([z.string(), z.int()]);
/** Passed on without a copy. The SDK drops an argument named `__proto__`, so such a call is left to it. */
const args = z
  .custom<Record<string, unknown>>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      !Object.hasOwn(value, '__proto__'),
  )
  .default({});
const commonMeta = {
  [TRACEPARENT_META_KEY]: z.string().optional(),
  [TRACESTATE_META_KEY]: z.string().optional(),
  progressToken: id.optional(),
};

const message2025 = z.strictObject({
  jsonrpc: z.literal('2.0'),
  id,
  method: z.literal('tools/call'),
  params: z.strictObject({
    name: z.string(),
    arguments: args,
    _meta: z.strictObject(commonMeta).optional(),
  }),
});

/** The tool is known here, so there is no other to suggest. */
const UNKNOWN_TOOL = 'Unknown tool. tools/list names the tools that exist.';
const REVISION_2026 = '2026-07-28';
const empty = z.strictObject({});
const message2026 = z.strictObject({
  jsonrpc: z.literal('2.0'),
  id,
  method: z.literal('tools/call'),
  params: z.strictObject({
    name: z.string(),
    arguments: args,
    _meta: z.strictObject({
      ...commonMeta,
      [PROTOCOL_VERSION_META_KEY]: z.literal(REVISION_2026),
      [CLIENT_INFO_META_KEY]: z.strictObject({
        name: z.string(),
        version: z.string(),
        title: z.string().optional(),
      }),
      [CLIENT_CAPABILITIES_META_KEY]: z.strictObject({
        sampling: empty.optional(),
        elicitation: empty.optional(),
        roots: empty.optional(),
      }),
    }),
  }),
});
const RESULT_2026 = `,"resultType":"complete","_meta":${JSON.stringify({ [SERVER_INFO_META_KEY]: SERVER_INFO })}`;

/** A call of the 2025 revisions that can take the direct path. */
export function plainCall2025({ caller, isolate, toolFilter }: RequestContext, message: unknown) {
  const version = caller.protocolVersion;
  if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined;
  const parsed = message2025.safeParse(message).data;
  if (parsed === undefined) return undefined;
  const { name, arguments: args, _meta } = parsed.params;
  if (!isPlainTool(isolate, name, toolFilter)) return undefined;
  return {
    id: parsed.id,
    name,
    args,
    trace: traceIn(_meta ?? {}),
    client: undefined,
    resultMembers: '',
  } satisfies PlainCall;
}

/** A call of the 2026-07-28 revision that can take the direct path. */
export function plainCall2026({ request, isolate, toolFilter }: RequestContext, message: unknown) {
  const parsed = message2026.safeParse(message).data;
  if (parsed === undefined) return undefined;
  const { name, arguments: args, _meta } = parsed.params;
  if (!isPlainTool(isolate, name, toolFilter) || !hasPlainHeaders(request.headers, name)) return undefined;
  return {
    id: parsed.id,
    name,
    args,
    trace: traceIn(_meta),
    client: _meta[CLIENT_INFO_META_KEY],
    resultMembers: RESULT_2026,
  } satisfies PlainCall;
}

type TraceMeta = z.output<z.ZodObject<typeof commonMeta>>;

const traceIn = (meta: TraceMeta): TraceHeaders => ({
  traceparent: meta[TRACEPARENT_META_KEY],
  tracestate: meta[TRACESTATE_META_KEY],
});

function isPlainTool(
  { tools }: RequestContext['isolate'],
  name: string,
  filter: RequestContext['toolFilter'],
): boolean {
  const tool = tools.find(name, filter);
  // What was held can be a call of a remote tool.
  return tool !== undefined && !isRemoteTool(tool) && name !== tenantApproval.name;
}

/** Whether the standard headers of the revision state exactly what the message does, and none of its parameters. */
function hasPlainHeaders(headers: Headers, name: string): boolean {
  if (headers.get('mcp-protocol-version') !== REVISION_2026) return false;
  if (headers.get('mcp-method') !== 'tools/call' || headers.get('mcp-name') !== name) return false;
  return ![...headers.keys()].some((header) => header.startsWith('mcp-param-'));
}

/** Passes the call to the tenant and answers with its JSON text. */
export async function answerPlainCall(context: RequestContext, call: PlainCall): Promise<Response> {
  const { outcome, traceId, json } = await makePlainCall(context, call, bindServer(context, []));
  if (outcome.kind === 'refused' && !isForModel(outcome.refusal))
    return context.respondRefused(context.toHttpRefusal(outcome.refusal), traceId);
  return new Response(json(), { headers: { 'content-type': 'application/json' } });
}

/** How a plain call ended, with what makes the response of JSON-RPC from it. */
export interface PlainEnd {
  readonly outcome: CallOutcome;
  readonly traceId: string;
  readonly json: () => string;
}

/** Passes the call to the tenant. */
export async function makePlainCall(
  context: RequestContext,
  call: PlainCall,
  binding: BoundServer,
): Promise<PlainEnd> {
  const caller = callerFrom(binding, call.trace, call.client);
  const outcome = await binding.call({
    tokenId: binding.tokenId,
    session: binding.sessionId,
    cancelKey: binding.cancelKey(call.id),
    tool: call.name,
    args: call.args,
    caller,
  });
  context.messageEnded({
    method: 'tools/call',
    id: call.id,
    caller,
    tool: call.name,
    uri: undefined,
    outcome: outcomeOfCall(outcome),
  });
  const { traceId } = caller.trace;
  const json = () =>
    `{${membersOf(outcome, call.resultMembers, traceId)},"jsonrpc":"2.0","id":${JSON.stringify(call.id)}}`;
  return { outcome, traceId, json };
}

function membersOf(outcome: CallOutcome, more: string, traceId: string): string {
  switch (outcome.kind) {
    case 'refused':
      return `"result":${errorResultJson(refusalError(outcome.refusal, traceId), more)}`;
    case 'answer':
      return answerFits(outcome.json)
        ? `"result":${answerResultJson(outcome.json, more)}`
        : `"result":${errorResultJson(answerTooLarge(traceId), more)}`;
    case 'error':
      return `"result":${errorResultJson(outcome.error, more)}`;
    case 'deferred':
    case 'unknown_tool': {
      // The tenant's Durable Object still runs another release.
      const data = { trace_id: traceId };
      return `"error":${JSON.stringify({ code: ProtocolErrorCode.InvalidParams, message: UNKNOWN_TOOL, data })}`;
    }
  }
}
