import {
  type CallToolResult,
  type ClientCapabilities,
  type InputRequiredResult,
  type RequestStateCodec,
  SdkError,
  SdkErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { describeCause } from '../telemetry/redact.ts';
import { expectedError, internalError } from '../tenant/calls/outcomes.ts';
import { REMOTE_TOOL_MS } from '../tenant/calls/remote-call-slots.ts';
import type { CallOutcome, CallRequest } from '../tenant/contract/call.ts';
import { ToolError, type ToolErrorBody } from '../tools/errors.ts';
import { type Caller, isRemoteTool } from '../tools/remote-tool.ts';
import type { Kept } from './request-state.ts';
import { errorResult, type ServerBinding } from './server-binding.ts';

type Result = CallToolResult | InputRequiredResult;

/** What is known of a client that may be asked something. */
export interface Asking {
  readonly state: RequestStateCodec<Kept>;
  readonly capabilities: ClientCapabilities | undefined;
}

/** A call that the tenant has admitted and left to be run. */
export type DeferredCall = Extract<CallOutcome, { kind: 'deferred' }>;

/** Runs a tool at the edge that the tenant has admitted: within a deadline, inside the error boundary, and reported. */
export async function runRemoteTool(
  binding: ServerBinding,
  request: CallRequest,
  { args, slot }: DeferredCall,
  context: ServerContext,
  { state, capabilities }: Asking,
): Promise<Result> {
  const tool = binding.tools.find(request.tool, binding.families);
  if (tool === undefined || !isRemoteTool(tool))
    throw new Error('the tenant admitted a tool that the edge does not have');
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), REMOTE_TOOL_MS);
  const signal = AbortSignal.any([context.mcpReq.signal, deadline.signal]);
  try {
    const result = await Promise.race([
      tool.run(args, { ...callerFor(context, request.tool, state), signal, capabilities }),
      whenAborted(signal),
    ]);
    // What is asked of the caller ends this request; its answer comes with another, which is a call of its own.
    await binding.settle(request, { slot, error: undefined, thrown: undefined });
    return result;
  } catch (cause) {
    const { error, expected } = errorOf(cause, request);
    const thrown = expected ? undefined : describeCause(cause, request.args, tool.log);
    await binding.settle(request, { slot, error, thrown });
    return errorResult(error);
  } finally {
    clearTimeout(timer);
  }
}

/** The caller, as the tool sees it: what it kept there for another tool is not for this one. */
function callerFor(
  context: ServerContext,
  tool: string,
  state: Asking['state'],
): Omit<Caller, 'capabilities'> {
  const { mcpReq } = context;
  return {
    ...mcpReq,
    keep: (kept) => state.mint({ tool, state: kept }, context),
    requestState: () => {
      const kept = mcpReq.requestState<Kept>();
      return kept?.tool === tool ? kept.state : undefined;
    },
  };
}

function errorOf(cause: unknown, request: CallRequest): { error: ToolErrorBody; expected: boolean } {
  const known = cause instanceof ToolError ? cause : unableToAsk(cause);
  return known === undefined
    ? { error: internalError(request), expected: false }
    : { error: expectedError(known, request), expected: true };
}

/** A question that the client did not say it answers, or that its revision has no way to ask. */
function unableToAsk(cause: unknown): ToolError | undefined {
  if (!(cause instanceof SdkError) || !UNABLE.has(cause.code)) return undefined;
  const message = 'The tool has to ask something that this client does not answer; use one that does.';
  return new ToolError('forbidden', message);
}

const UNABLE: ReadonlySet<SdkErrorCode> = new Set([
  SdkErrorCode.CapabilityNotSupported,
  SdkErrorCode.MethodNotSupportedByProtocolVersion,
]);

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () =>
      reject(new ToolError('unavailable', 'The tool took too long, or its caller left; try again.'));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
