import type { Context, MiddlewareHandler } from 'hono';
import { ConfigError } from '../../config.ts';
import { createLog, traceFields } from '../../telemetry/log.ts';
import { clip, describeCause } from '../../telemetry/redact.ts';
import { redactSecrets } from '../../telemetry/secrets.ts';
import { randomHex } from '../../telemetry/trace.ts';
import { problem } from './http-errors.ts';
import { type AppEnv, edgeOf, requestInfo, type Served } from './isolate.ts';

/** Gives every request its ids, and the settings, before anything else looks at it. */
export const prepare =
  (served: Served): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    c.set('info', requestInfo(c.req.raw));
    c.set('edge', edgeOf(c.env, served));
    try {
      await next();
    } catch (thrown) {
      // Hono gives its error handler errors only; any other value would leave the Worker.
      throw thrown instanceof Error ? thrown : new Error(describeCause(thrown, undefined, {}).message);
    }
  };

/** Whatever the edge throws becomes an id that finds the cause in the log. */
export function boundary(error: Error, c: Context<AppEnv>): Response {
  const { id, trace } = c.var.info;
  const errorId = randomHex(8);
  const misconfigured = error instanceof ConfigError;
  createLog({ level: 'error', format: 'json' })({
    level: 'error',
    event: 'edge.error',
    code: misconfigured ? 'misconfigured' : 'internal',
    error_id: errorId,
    http_method: c.req.method,
    path: clip(redactSecrets(c.req.path).text, MAX_PATH_CHARS),
    cause: describeCause(error, undefined, {}),
    ...traceFields(trace),
    request_id: id,
  });
  const message = `${misconfigured ? 'The server is not configured' : 'The request failed'}; the operator finds the cause under error id ${errorId}.`;
  return misconfigured
    ? problem({ status: 503, code: 'misconfigured', message }, trace.traceId)
    : problem({ status: 500, code: 'internal', message }, trace.traceId);
}

const MAX_PATH_CHARS = 256;

export async function notFound(c: Context<AppEnv>): Promise<Response> {
  await c.req.raw.body?.cancel();
  const message =
    'There is nothing here; the MCP endpoint is /mcp, and tokens come from the operator of this server.';
  return problem({ status: 404, code: 'not_found', message }, c.var.info.trace.traceId);
}
