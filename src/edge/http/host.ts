import { localhostAllowedHostnames, validateHostHeader } from '@modelcontextprotocol/server';
import type { Context, MiddlewareHandler } from 'hono';
import { problem } from './http-errors.ts';
import type { AppEnv } from './isolate.ts';
import { refuse } from './refusal-log.ts';

const hostOf = (c: Context<AppEnv>) => c.req.header('host') ?? new URL(c.req.url).host;

/**
 * The origin under which the client has reached the server. A server of this machine is reached under each of the
 * machine's names, and clients compare origins exactly, so it has them all; any other one has those of `PUBLIC_URL`.
 */
export function ownOrigin(c: Context<AppEnv>): string {
  const { publicUrl, publicUrls } = c.var.isolate.config;
  const host = hostOf(c);
  const named = publicUrls.find((url) => new URL(url).host === host);
  if (named !== undefined) return named;
  const local = publicUrls.map((url) => new URL(url)).find((url) => isLoopback(url.hostname));
  if (local === undefined || !URL.canParse(`${local.protocol}//${host}`)) return publicUrl;
  const reached = new URL(`${local.protocol}//${host}`);
  return isLoopback(reached.hostname) ? reached.origin : publicUrl;
}

/** Whether a host name is one that every machine has for itself. */
export const isLoopback = (hostname: string) => localhostAllowedHostnames().includes(hostname);

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
  const isolate = c.get('isolate');
  const host = hostOf(c);
  if (host === isolate.lastHost) return next();
  if (validateHostHeader(host, isolate.hostnames).ok) {
    isolate.lastHost = host;
    return next();
  }
  const message = 'This server is not served under this host name. PUBLIC_URL sets its name.';
  return refuse(c, problem, { status: 403, code: 'host_not_allowed', message });
};
