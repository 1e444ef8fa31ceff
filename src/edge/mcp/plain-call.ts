import {
  ProtocolErrorCode,
  SERVER_INFO_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { outcomeOfCall } from '../../mcp/message-end.ts';
import { answerFits, answerResultJson, answerTooLarge, errorResultJson } from '../../mcp/result-json.ts';
import { SERVER_INFO } from '../../mcp/server.ts';
import { callerFrom, refusalError } from '../../mcp/server-binding.ts';
import type { CallOutcome } from '../../tenant/contract/call.ts';
import { isForModel } from '../../tenant/contract/refusal-message.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { type BoundServer, bindServer } from './bind-server.ts';
import { type PlainMessage, plainMessage2025, plainMessage2026, REVISION_2026 } from './plain-message.ts';

/**
 * The direct path of a `tools/call`: no protocol server is made, and the tenant's JSON text goes into the response as it
 * is, which takes about half the CPU.
 *
 * Only a call of which every member and header is known takes it: `plain-message.ts` is an allow list. Anything else goes
 * to the SDK, which answers the same call with the same JSON; a test sends odd requests both ways and compares.
 */

/** The call of a tool, as either era states it. */
interface PlainCall extends PlainMessage {
  /** Further members of the result, as JSON text. */
  readonly resultMembers: string;
}

/** The tool is known here, so there is no other to suggest. */
const UNKNOWN_TOOL = 'Unknown tool. tools/list names the tools that exist.';
const RESULT_2026 = `,"resultType":"complete","_meta":${JSON.stringify({ [SERVER_INFO_META_KEY]: SERVER_INFO })}`;

/** A call of the 2025 revisions that can take the direct path. */
export function plainCall2025({ caller, isolate, toolFilter }: RequestContext, message: unknown) {
  const version = caller.protocolVersion;
  if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined;
  const call = plainMessage2025(message);
  if (call === undefined || !isPlainTool(isolate, call.name, toolFilter)) return undefined;
  return { ...call, resultMembers: '' } satisfies PlainCall;
}

/** A call of the 2026-07-28 revision that can take the direct path. */
export function plainCall2026({ request, isolate, toolFilter }: RequestContext, message: unknown) {
  const call = plainMessage2026(message);
  if (call === undefined || !isPlainTool(isolate, call.name, toolFilter)) return undefined;
  if (!hasPlainHeaders(request.headers, call.name)) return undefined;
  return { ...call, resultMembers: RESULT_2026 } satisfies PlainCall;
}

function isPlainTool(
  { tools }: RequestContext['isolate'],
  name: string,
  filter: RequestContext['toolFilter'],
): boolean {
  const tool = tools.find(name, filter);
  // What was held can be a call of a remote tool.
  return tool !== undefined && !isRemoteTool(tool) && name !== tenantApproval.name;
}

/**
 * Whether the standard headers of the revision state exactly what the message does. Headers of parameters are ignored, as the
 * SDK ignores them: no tool declares one.
 */
function hasPlainHeaders(headers: Headers, name: string): boolean {
  if (headers.get('mcp-protocol-version') !== REVISION_2026) return false;
  return headers.get('mcp-method') === 'tools/call' && headers.get('mcp-name') === name;
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
