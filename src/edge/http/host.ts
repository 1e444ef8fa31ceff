import { localhostAllowedHostnames, validateHostHeader } from '@modelcontextprotocol/server';
import type { MiddlewareHandler } from 'hono';
import { problem } from './http-errors.ts';
import { type AppEnv, logRefusal } from './isolate.ts';

/**
 * Serves nobody who calls this server by another name: a foreign page can have its own name resolve to the user's
 * machine, and would then be of one origin with what runs there (MCP, "Security Best Practices", DNS rebinding).
 */
export const ownHost: MiddlewareHandler<AppEnv> = async (c, next) => {
  const own = new URL(c.var.edge.config.publicUrl).hostname;
  const allowed = localhostAllowedHostnames().includes(own) ? localhostAllowedHostnames() : [own];
  const host = c.req.header('host') ?? new URL(c.req.url).host;
  if (validateHostHeader(host, allowed).ok) return next();
  await c.req.raw.body?.cancel();
  const message = 'This server has another name; PUBLIC_URL sets it.';
  const refusal = { status: 403, code: 'host_not_allowed', message } as const;
  logRefusal(c, refusal);
  return problem(refusal, c.var.info.trace.traceId);
};
