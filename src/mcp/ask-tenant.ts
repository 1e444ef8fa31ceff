import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type * as z from 'zod';
import { fail, type Result, succeed } from '../result.ts';
import type { CallerInfo } from '../tenant/contract/call.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import type { Tool } from '../tools/tool.ts';
import { coveredBy } from '../transport-tools/covered-by.ts';
import { passes } from './published-tools.ts';
import { refusalError, type ServerBinding } from './server-binding.ts';

/** JSON-RPC leaves -32000 to -32099 to servers (JSON-RPC 2.0, section 5.1); MCP takes those below -32019. */
const SERVER_ERROR = -32000;

/** Passes the call of an internal tool to the tenant, for a request of the protocol that is not `tools/call`. */
export async function askTenant<Output extends z.ZodObject>(
  binding: ServerBinding,
  tool: Pick<Tool<z.ZodObject, Output>, 'name' | 'output' | 'scope'>,
  args: Record<string, unknown>,
  caller: CallerInfo,
): Promise<Result<z.output<Output>, ToolErrorBody>> {
  const { traceId } = caller.trace;
  const needed = coveredBy(tool);
  if (needed !== undefined && !passes(binding.toolFilter, needed)) return fail(notOffered(needed, traceId));
  const outcome = await binding.call({
    tokenId: binding.tokenId,
    session: binding.sessionId,
    cancelKey: caller.requestId,
    tool: tool.name,
    args,
    caller,
  });
  switch (outcome.kind) {
    case 'answer':
      return succeed(JSON.parse(outcome.json) as z.output<Output>);
    case 'error':
      return fail(outcome.error);
    case 'refused':
      binding.refused(outcome.refusal, traceId);
      return fail(refusalError(outcome.refusal, traceId));
    case 'deferred':
    case 'unknown_tool': {
      // The tenant's Durable Object still runs an older release.
      const message = 'This is not available now. Try again shortly.';
      return fail({ code: 'unavailable', message, retryable: true, trace_id: traceId });
    }
  }
}

/** The URL or the token is held to other tools. */
const notOffered = (tool: string, trace_id: string): ToolErrorBody => ({
  code: 'forbidden',
  message: `This connection is held to other tools than ${tool}, which this needs. Connect with ${tool} among its tools.`,
  retryable: false,
  trace_id,
});

/** A tool's error as a JSON-RPC error. `data` holds all of its fields but the message. */
export function protocolError({ message, ...data }: ToolErrorBody): ProtocolError {
  const code =
    data.code === 'invalid_input'
      ? ProtocolErrorCode.InvalidParams
      : data.code === 'internal'
        ? ProtocolErrorCode.InternalError
        : SERVER_ERROR;
  return new ProtocolError(code, message, data);
}
