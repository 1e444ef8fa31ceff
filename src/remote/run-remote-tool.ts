import { CallConnections, type ConnectionAccess } from '../connections/call-connections.ts';
import { describeCause } from '../telemetry/redact.ts';
import { factsOf } from '../tenant/calls/call-record.ts';
import { expectedError, internalError, toJson } from '../tenant/calls/outcomes.ts';
import {
  type CallOutcome,
  type CallRequest,
  REMOTE_TOOL_MS,
  type RemoteCompletion,
} from '../tenant/contract/call.ts';
import type { AnswersTo, Questions } from '../tools/ask.ts';
import { ToolError } from '../tools/errors.ts';
import type { RemoteContext, RemoteTool } from '../tools/remote-tool.ts';
import { redeemedAnswer } from '../tools/tenant/approval.ts';
import { fitAnswer } from './fit-answer.ts';

/** A call that the tenant has admitted, charged and validated, and that must be run here. */
export type DeferredCall = Extract<CallOutcome, { kind: 'deferred' }>;

/** What a transport provides for the run of a remote tool. */
export interface RemoteTransport extends Pick<RemoteContext, 'log' | 'progress' | 'canAsk'> {
  /** Aborts when the client cancels or disconnects. */
  readonly signal: AbortSignal;
  /** @returns the answers, or what the client must be asked in the response, after which it calls again */
  ask(questions: Questions): Promise<Asked>;
  /** How the connections of tenants are opened here. */
  readonly connections: ConnectionAccess;
  /** Reports the end of the run to the tenant. */
  complete(completion: RemoteCompletion): Promise<void>;
}

export type Asked =
  | { readonly kind: 'answered'; readonly answers: AnswersTo<Questions> }
  | { readonly kind: 'pending' };

/** How a run ended. `pending`: the client must be asked what the transport has collected, and then calls again. */
export type RemoteEnd = Extract<CallOutcome, { kind: 'answer' | 'error' }> | { readonly kind: 'pending' };

/** Thrown through a tool that has asked something to which the client has not answered yet. */
class Unanswered extends Error {}

/** The call that is to be run: the held one, if the request redeems one. */
export function callToRun(request: CallRequest, { redeems }: DeferredCall): CallRequest {
  if (redeems === undefined) return request;
  return { ...request, tool: redeems.tool, args: redeems.args, redeems: redeems.id };
}

/**
 * Runs a remote tool within its deadline and inside the error boundary, and reports its end to the tenant.
 * @param request what `callToRun` returns
 */
export async function runRemoteTool(
  tool: RemoteTool,
  request: CallRequest,
  { args, slot, tenant, now, connections: grants }: DeferredCall,
  transport: RemoteTransport,
): Promise<RemoteEnd> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), REMOTE_TOOL_MS);
  const signal = AbortSignal.any([transport.signal, over.signal]);
  const { trace } = request.caller;
  const connections = new CallConnections(
    transport.connections,
    { tenant, signal, trace, now, writes: !tool.annotations.readOnlyHint },
    grants,
  );
  const complete = async (end: Omit<RemoteCompletion, 'slot' | 'uses'>) => {
    await connections.close();
    await transport.complete({ slot, uses: connections.uses(), ...end });
  };
  let isPending = false;
  const context: RemoteContext = {
    tenant,
    principal: request.tokenId,
    now,
    signal,
    log: transport.log,
    progress: transport.progress,
    canAsk: transport.canAsk,
    connection: (name) => {
      // A tool that has caught this and continues must not act without the answer.
      if (isPending) throw new Unanswered();
      return connections.get(name, tool.connections);
    },
    ask: async <Q extends Questions>(questions: Q) => {
      if (!tool.asks) throw new Error(`${tool.name} asks its caller although it declares asks: false`);
      const asked = await transport.ask(questions);
      isPending = asked.kind === 'pending';
      if (asked.kind === 'pending') throw new Unanswered();
      return asked.answers as AnswersTo<Q>;
    },
  };
  try {
    const answered = await Promise.race([tool.run(args, context), whenAborted(signal)]);
    if (isPending) throw new Unanswered();
    const answer = tool.output.parse(answered);
    // A program reads what plain HTTP answers, and a model everything else.
    const json = toJson(request.caller.transport === 'v1' ? answer : fitAnswer(tool, answer));
    const isHeld = request.redeems !== undefined;
    const sent = isHeld ? redeemedAnswer(json) : json;
    const { status } = factsOf(tool, answer);
    await complete({
      error: undefined,
      thrown: undefined,
      answered: { bytes: sent.length, status },
      ...(isHeld && { answer: json }),
    });
    return { kind: 'answer', json: sent };
  } catch (cause) {
    if (isPending) {
      await complete({ error: undefined, thrown: undefined, isAsking: true });
      return { kind: 'pending' };
    }
    const isExpected = cause instanceof ToolError;
    const error = isExpected ? expectedError(cause, request) : internalError(request);
    const thrown = isExpected ? undefined : describeCause(cause, request.args, tool.log);
    await complete({ error, thrown });
    return { kind: 'error', error };
  } finally {
    clearTimeout(timer);
    // What the tool has not waited for ends with its call.
    over.abort();
  }
}

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
