import type { CallToolResult, InputRequiredResult, ServerContext } from '@modelcontextprotocol/server';
import { describeCause } from '../telemetry/redact.ts';
import { EDGE_TOOL_MS } from '../tenant/at-edge.ts';
import type { CallRequest, Settlement } from '../tenant/call.ts';
import { expectedError, internalError } from '../tenant/outcomes.ts';

import { isEdgeTool } from '../tools/edge-tool.ts';
import { ToolError } from '../tools/errors.ts';
import { type Channel, errorResult } from './channel.ts';

type Result = CallToolResult | InputRequiredResult;

/** Runs a tool at the edge that the tenant has admitted: within a deadline, inside the error boundary, and reported. */
export async function runAtEdge(
  channel: Channel,
  request: CallRequest,
  args: Record<string, unknown>,
  mcpReq: ServerContext['mcpReq'],
): Promise<Result> {
  const tool = channel.offer.find(request.tool, channel.families);
  if (tool === undefined || !isEdgeTool(tool))
    throw new Error('the tenant admitted a tool that the edge does not have');
  const signal = AbortSignal.any([mcpReq.signal, AbortSignal.timeout(EDGE_TOOL_MS)]);
  try {
    const result = await Promise.race([tool.run(args, { ...mcpReq, signal }), whenAborted(signal)]);
    // What is asked of the caller ends this request; its answer comes with another, which is a call of its own.
    await channel.settle(request, { error: undefined, thrown: undefined });
    return result;
  } catch (cause) {
    return await failed(channel, request, cause, describeCause(cause, request.args, tool.log));
  }
}

async function failed(
  channel: Channel,
  request: CallRequest,
  cause: unknown,
  thrown: NonNullable<Settlement['thrown']>,
): Promise<Result> {
  const error = cause instanceof ToolError ? expectedError(cause, request) : internalError(request);
  await channel.settle(request, { error, thrown: cause instanceof ToolError ? undefined : thrown });
  return errorResult(error);
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () =>
      reject(new ToolError('unavailable', 'The tool took too long, or its caller left; try again.'));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
