import { type Context, Hono } from 'hono';
import { type Question, READERS } from '../../tenant/records/reading/readers.ts';
import { problem, toolErrorProblem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { allowOrigin } from '../http/origin.ts';
import { failedCall, internalCall } from '../tenant-client/internal-call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { followCalls, wantsStream } from './follow.ts';
import { RECORD_PATHS } from './record-paths.ts';
import { serve } from './tools.ts';

/** What every agent of the tenant did, for a token with `records:read`: the same questions as the operator's. */

export const recordsApi = new Hono<AppEnv>();
for (const { path, question, named } of RECORD_PATHS) {
  const argsOf = (c: Context<AppEnv>) => ({
    ...c.req.query(),
    ...(named === undefined ? {} : { [named]: c.req.param(named) ?? '' }),
  });
  recordsApi.all(path, allowOrigin(['GET', 'OPTIONS'], problem), (c) =>
    serve(c, ['GET', 'HEAD'], (context) =>
      question === 'calls' && wantsStream(c.req.raw, c.req.query())
        ? followCalls(context, c.req.query())
        : ask(context, question, argsOf(c)),
    ),
  );
}

async function ask(
  context: RequestContext,
  question: Question,
  args: Record<string, string>,
): Promise<Response> {
  const outcome = await context.tenant.call(internalCall(context, READERS[question], args));
  if (outcome.kind === 'answer')
    return new Response(outcome.json, { headers: { 'content-type': 'application/json' } });
  if (outcome.kind === 'error') return toolErrorProblem(outcome.error);
  return context.respondRefused(failedCall(context, outcome));
}
