import { localhostAllowedHostnames, validateHostHeader } from '@modelcontextprotocol/server';
import type { Context, MiddlewareHandler } from 'hono';
import { problem } from './http-errors.ts';
import type { AppEnv } from './isolate.ts';
import { refuse } from './refusal-log.ts';

const hostOf = (c: Context<AppEnv>) => c.req.header('host') ?? new URL(c.req.url).host;

/** The configured origin under which the client has reached the server; the first one if it is none of them by name. */
export function ownOrigin(c: Context<AppEnv>): string {
  const { publicUrl, publicUrls } = c.var.isolate.config;
  return publicUrls.find((url) => new URL(url).host === hostOf(c)) ?? publicUrl;
}

/** The host names of origins, with all names of this machine if one of them is. */
export function hostnamesOf(origins: readonly string[]): string[] {
  const own = origins.map((origin) => new URL(origin).hostname);
  const local = localhostAllowedHostnames();
  return own.some((name) => local.includes(name)) ? [...own, ...local] : own;
}

/**
 * Refuses requests whose Host is not the server's own. A foreign page can make its own name resolve to the user's
 * machine, and would then share an origin with the server there (MCP, "Security Best Practices", DNS rebinding).
 */
export const ownHost: MiddlewareHandler<AppEnv> = async (c, next) => {
  // Load balancers and monitors ask for it by address.
  if (c.req.path === '/health') return next();
  if (validateHostHeader(hostOf(c), [...c.var.isolate.hostnames]).ok) return next();
  const message = 'This server is not served under this host name. PUBLIC_URL sets its name.';
  return refuse(c, problem, { status: 403, code: 'host_not_allowed', message });
};
