import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { HttpRefusal } from './http-errors.ts';
import { type AppEnv, logRefusal } from './isolate.ts';

const EXPOSED = ['WWW-Authenticate', 'Retry-After', 'Mcp-Protocol-Version', 'Mcp-Session-Id'];
const PREFLIGHT_MAX_AGE_S = 600;

/**
 * Browsers name the page that asks in `Origin`; one that is not on the list is refused, which keeps a foreign page
 * from using a server on the user's own machine (MCP transports, "Security Warning"). Other clients send none.
 * @param methods what a page may use here
 * @param refuse the form of a refusal
 */
export function allowOrigin(
  methods: readonly string[],
  refuse: (refusal: HttpRefusal, traceId: string) => Response,
): MiddlewareHandler<AppEnv> {
  const withCors = cors({
    origin: (origin) => origin,
    allowMethods: [...methods],
    exposeHeaders: EXPOSED,
    maxAge: PREFLIGHT_MAX_AGE_S,
  });
  return async (c, next) => {
    const origin = c.req.header('origin');
    if (origin === undefined) return next();
    const { allowedOrigins, publicUrl } = c.var.edge.config;
    if (origin === publicUrl || allowedOrigins.includes(origin)) return withCors(c, next);
    await c.req.raw.body?.cancel();
    const message = 'This Origin is not allowed; add it to ALLOWED_ORIGINS.';
    const refusal = { status: 403, code: 'origin_not_allowed', message } as const;
    logRefusal(c, refusal);
    return refuse(refusal, c.var.info.trace.traceId);
  };
}
