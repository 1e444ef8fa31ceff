import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { ownOrigin } from './host.ts';
import type { RefusalFormat } from './http-errors.ts';
import type { AppEnv } from './isolate.ts';
import { refuse } from './refusal-log.ts';

const EXPOSED = ['WWW-Authenticate', 'Retry-After', 'Mcp-Protocol-Version', 'Mcp-Session-Id'];
const PREFLIGHT_MAX_AGE_S = 600;

/**
 * Refuses requests of browser pages whose Origin is not allowed, so that no foreign page uses a server on the user's
 * own machine (MCP transports, "Security Warning"). Clients that are not browsers send no Origin.
 * @param methods the methods that a page may use here
 */
export function allowOrigin(methods: readonly string[], format: RefusalFormat): MiddlewareHandler<AppEnv> {
  const withCors = cors({
    origin: (origin) => origin,
    allowMethods: [...methods],
    exposeHeaders: EXPOSED,
    maxAge: PREFLIGHT_MAX_AGE_S,
  });
  return async (c, next) => {
    const origin = c.req.header('origin');
    if (origin === undefined) return next();
    const { allowedOrigins, publicUrls } = c.var.isolate.config;
    if (publicUrls.includes(origin) || allowedOrigins.includes(origin)) return withCors(c, next);
    const message = 'This Origin is not allowed. Add it to ALLOWED_ORIGINS.';
    return refuse(c, format, { status: 403, code: 'origin_not_allowed', message });
  };
}

/** Whether a form was sent by a page of this server, and not by one of another site. */
export function isOwnForm(c: Context<AppEnv>): boolean {
  const site = c.req.header('sec-fetch-site');
  return c.req.header('origin') === ownOrigin(c) && (site === undefined || site === 'same-origin');
}
