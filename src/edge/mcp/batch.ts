import type { CallOutcome } from '../../tenant/contract/call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import type { BoundServer } from './bind-server.ts';

/** What all calls of one JSON-RPC batch may answer together, in UTF-16 units of JSON. */
export const MAX_BATCH_ANSWER = 4 * 1024 * 1024;

/**
 * The binding for a batch: its calls run one after the other, and once their answers are too large in sum, the rest is
 * refused without being run. So a small request can neither occupy its tenant nor be answered without a bound.
 */
export function inSequence(context: RequestContext, binding: BoundServer): BoundServer {
  let answered = 0;
  let last: Promise<unknown> = Promise.resolve();
  return {
    ...binding,
    call: (request) => {
      const outcome = last.then(async (): Promise<CallOutcome> => {
        if (answered >= MAX_BATCH_ANSWER) {
          context.logRefusedCall(request.tool, 'too_large');
          return tooLarge(request.caller.trace.traceId);
        }
        const outcome = await binding.call(request);
        if (outcome.kind === 'answer') answered += outcome.json.length;
        return outcome;
      });
      last = outcome.catch(() => undefined);
      return outcome;
    },
  };
}

function tooLarge(trace_id: string): CallOutcome {
  const message = 'The answers of this batch are too large together. Send this call in another request.';
  return {
    kind: 'error',
    error: { code: 'too_large', message, retryable: true, limit: MAX_BATCH_ANSWER, trace_id },
  };
}
