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
import type { KeptState } from './request-state.ts';
import { errorResult, type ServerBinding } from './server-binding.ts';

type Result = CallToolResult | InputRequiredResult;

/** What a remote tool needs in order to ask its client something. */
export interface ClientAccess {
  readonly state: RequestStateCodec<KeptState>;
  readonly capabilities: ClientCapabilities | undefined;
}

/** A call that the tenant has admitted, charged and validated, and that must be run here. */
export type DeferredCall = Extract<CallOutcome, { kind: 'deferred' }>;

/** Runs a remote tool within its deadline and inside the error boundary, and reports its end to the tenant. */
export async function runRemoteTool(
  binding: ServerBinding,
  request: CallRequest,
  { args, slot }: DeferredCall,
  context: ServerContext,
  { state, capabilities }: ClientAccess,
): Promise<Result> {
  const tool = binding.tools.find(request.tool, binding.toolFilter);
  if (tool === undefined || !isRemoteTool(tool))
    throw new Error('the tenant has admitted a remote tool that this program does not have');
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), REMOTE_TOOL_MS);
  const signal = AbortSignal.any([context.mcpReq.signal, deadline.signal]);
  try {
    const result = await Promise.race([
      tool.run(args, { ...callerFor(context, request.tool, state), signal, capabilities }),
      whenAborted(signal),
    ]);
    // A result that asks the caller for input ends this request. The input arrives with another call.
    await binding.completeRemoteCall(request, { slot, error: undefined, thrown: undefined });
    return result;
  } catch (cause) {
    const { error, expected } = errorOf(cause, request);
    const thrown = expected ? undefined : describeCause(cause, request.args, tool.log);
    await binding.completeRemoteCall(request, { slot, error, thrown });
    return errorResult(error);
  } finally {
    clearTimeout(timer);
  }
}

/** The caller as the tool sees it. State that was kept for another tool is not passed on. */
function callerFor(
  context: ServerContext,
  tool: string,
  state: ClientAccess['state'],
): Omit<Caller, 'capabilities'> {
  const { mcpReq } = context;
  return {
    ...mcpReq,
    signState: (signed) => state.mint({ tool, state: signed }, context),
    requestState: () => {
      const kept = mcpReq.requestState<KeptState>();
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

/** The client did not declare the capability, or its protocol revision has no such request. */
function unableToAsk(cause: unknown): ToolError | undefined {
  if (!(cause instanceof SdkError) || !UNABLE.has(cause.code)) return undefined;
  const message =
    'The tool has to ask its user something, which this client does not support. Use a client that supports it.';
  return new ToolError('forbidden', message);
}

const UNABLE: ReadonlySet<SdkErrorCode> = new Set([
  SdkErrorCode.CapabilityNotSupported,
  SdkErrorCode.MethodNotSupportedByProtocolVersion,
]);

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () =>
      reject(
        new ToolError('unavailable', 'The tool took too long, or the request was cancelled. Try again.'),
      );
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
