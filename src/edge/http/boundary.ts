import type { Context, MiddlewareHandler } from 'hono';
import { ConfigError } from '../../config.ts';
import { createLog } from '../../telemetry/log.ts';
import { describeCause } from '../../telemetry/redact.ts';
import { continueTrace, randomHex, randomId, traceHeadersOf } from '../../telemetry/trace.ts';
import { problem } from './http-errors.ts';
import { type AppEnv, isolateOf, type Served } from './isolate.ts';
import { refuse, requestFields } from './refusal-log.ts';
import { RequestSpans } from './request-spans.ts';

/** Gives every request its ids and the state of the isolate, before any other handler runs. */
export const prepare =
  (served: Served): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    c.set('arrival', {
      id: randomId(8),
      trace: continueTrace(traceHeadersOf(c.req.raw.headers)),
      receivedAt: Date.now(),
    });
    const isolate = isolateOf(c.env, served);
    c.set('isolate', isolate);
    const spans = new RequestSpans(c);
    c.set('spans', spans);
    const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
    try {
      await next();
      spans.responded(c.res);
      isolate.meter.flush(waitUntil);
      isolate.refusals.flush(waitUntil);
      isolate.scheduleFlush(waitUntil);
    } catch (thrown) {
      // Hono passes only errors to its error handler; any other thrown value would leave the Worker.
      throw thrown instanceof Error ? thrown : new Error(describeCause(thrown, undefined, {}).message);
    }
  };

/** The error boundary of the edge: answers an unexpected error with an id that finds the cause in the log. */
export function boundary(error: Error, c: Context<AppEnv>): Response {
  const errorId = randomHex(8);
  const misconfigured = error instanceof ConfigError;
  // The settings that would say how to log may be what is wrong.
  createLog({ level: 'error', format: 'json' })({
    level: 'error',
    event: 'edge.error',
    code: misconfigured ? 'misconfigured' : 'internal',
    error_id: errorId,
    cause: describeCause(error, undefined, {}),
    ...requestFields(c),
  });
  const message = `${misconfigured ? 'The server is not configured' : 'The request failed'}. The operator finds the cause under error id ${errorId}.`;
  const { traceId } = c.var.arrival.trace;
  return misconfigured
    ? problem({ status: 503, code: 'misconfigured', message }, traceId)
    : problem({ status: 500, code: 'internal', message }, traceId);
}

export const notFound = (c: Context<AppEnv>): Promise<Response> =>
  refuse(c, problem, {
    status: 404,
    code: 'not_found',
    message: 'Nothing is served at this path. The MCP endpoint is /mcp.',
  });
