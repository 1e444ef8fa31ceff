import { localhostAllowedHostnames, validateHostHeader } from '@modelcontextprotocol/server';
import type { MiddlewareHandler } from 'hono';
import { problem } from './http-errors.ts';
import type { AppEnv } from './isolate.ts';
import { refuse } from './refusal-log.ts';

/**
 * Refuses requests whose Host is not the server's own. A foreign page can make its own name resolve to the user's
 * machine, and would then share an origin with the server there (MCP, "Security Best Practices", DNS rebinding).
 */
export const ownHost: MiddlewareHandler<AppEnv> = async (c, next) => {
  const own = new URL(c.var.isolate.config.publicUrl).hostname;
  const allowed = localhostAllowedHostnames().includes(own) ? localhostAllowedHostnames() : [own];
  const host = c.req.header('host') ?? new URL(c.req.url).host;
  if (validateHostHeader(host, allowed).ok) return next();
  const message = 'This server is not served under this host name. PUBLIC_URL sets its name.';
  return refuse(c, problem, { status: 403, code: 'host_not_allowed', message });
};
