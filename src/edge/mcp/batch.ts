import { MAX_RESULT_BYTES, resultBytes } from '../../mcp/result-json.ts';
import type { CallOutcome } from '../../tenant/contract/call.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import type { BoundServer } from './bind-server.ts';

/** After a call that took longer, in milliseconds, other requests have as much time to reach the tenant before the next. */
const DEAR_CALL_MS = 10;
const MAX_PAUSE_MS = 100;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The binding for a JSON-RPC batch: its calls run one after the other, and other requests are served between them. Once
 * the results would be larger than one result may be, a read is refused instead of answered, and the rest is not run. So
 * a small request can neither occupy its tenant nor be answered without a bound.
 */
export function inSequence(context: RequestContext, binding: BoundServer): BoundServer {
  let answered = 0;
  let lastTook = 0;
  let last: Promise<unknown> = Promise.resolve();
  const refuse = (tool: string, traceId: string) => {
    context.logRefusedCall(tool, 'too_large');
    return tooLarge(traceId);
  };
  const run: BoundServer['call'] = async (request) => {
    const { traceId } = request.caller.trace;
    if (isRemote(context, request.tool)) {
      context.logRefusedCall(request.tool, 'invalid_input');
      return runsAlone(traceId);
    }
    if (answered >= MAX_RESULT_BYTES) return refuse(request.tool, traceId);
    // A chain of calls without a pause would keep the isolate from reading its other connections.
    await pause(lastTook > DEAR_CALL_MS ? Math.min(lastTook, MAX_PAUSE_MS) : 0);
    const started = Date.now();
    const outcome = await binding.call({ ...request, isBatched: true });
    lastTook = Date.now() - started;
    if (outcome.kind !== 'answer') return outcome;
    answered += resultBytes(outcome.json);
    const isTooLarge = answered > MAX_RESULT_BYTES && isRead(context, request.tool);
    return isTooLarge ? refuse(request.tool, traceId) : outcome;
  };
  return {
    ...binding,
    call: (request) => {
      const outcome = last.then(() => run(request));
      last = outcome.catch(() => undefined);
      return outcome;
    },
  };
}

function isRemote({ isolate, toolFilter }: RequestContext, name: string): boolean {
  const tool = isolate.tools.find(name, toolFilter);
  return tool !== undefined && isRemoteTool(tool);
}

/** What a remote tool answers is known only after the other calls of the batch, so its size could not be counted. */
function runsAlone(trace_id: string): CallOutcome {
  const message = 'This tool reaches other systems and cannot be called in a batch. Send its call alone.';
  return { kind: 'error', error: { code: 'invalid_input', message, retryable: false, trace_id } };
}

/**
 * Whether an answer can be withheld: the call has changed nothing but counters, or a lease that ends by itself. Of the
 * tools that are not published, those that change something have no answer.
 */
function isRead({ isolate, toolFilter }: RequestContext, name: string): boolean {
  const tool = isolate.tools.find(name, toolFilter);
  return tool === undefined || (!isRemoteTool(tool) && tool.scope?.endsWith(':read') === true);
}

function tooLarge(trace_id: string): CallOutcome {
  const message = 'The answers of this batch are too large together. Send this call in another request.';
  return {
    kind: 'error',
    error: { code: 'too_large', message, retryable: true, limit: MAX_RESULT_BYTES, trace_id },
  };
}
