import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { bearerOf } from '../auth/authenticate.ts';
import { clientAddress } from '../http/client-address.ts';
import { FENCED, type HttpRefusal, problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Compares in constant time. */
export const isAdminKey = (text: string, adminKey: string): boolean =>
  timingSafeEqual(digest(text), digest(adminKey));

/** Whether a request has the admin key. */
export const hasAdminKey = (request: Request, adminKey: string): boolean =>
  isAdminKey(bearerOf(request) ?? '', adminKey);

const NO_KEY: HttpRefusal = {
  status: 401,
  code: 'unauthorized',
  message: 'Send Authorization: Bearer with the admin key.',
  headers: { 'WWW-Authenticate': 'Bearer realm="admin"' },
};

/**
 * First the key, then the fence: only requests without the right key are counted, so that nobody who shares the
 * operator's address can shut the operator out.
 */
export const operatorOnly: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (!hasAdminKey(c.req.raw, c.var.isolate.config.adminKey)) {
    const { success } = await c.env.ADMIN_FENCE.limit({ key: clientAddress(c) });
    return refuse(c, success ? NO_KEY : FENCED);
  }
  await next();
  // A route that refuses early leaves the body unread, and the platform logs an error for that.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  // An answer can hold a token.
  c.header('Cache-Control', 'no-store');
  record(c, c.res.status, c.error instanceof AdminRefusal ? c.error.refusal.code : undefined);
  return undefined;
};

async function refuse(c: Ctx, refusal: HttpRefusal): Promise<Response> {
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  record(c, refusal.status, refusal.code);
  return problem(refusal, c.var.arrival.trace.traceId);
}

function record(c: Ctx, status: number, code?: string): void {
  if (status >= 400) c.var.isolate.meter.refused(status, code ?? '');
  c.var.isolate.log({
    level: status < 400 ? 'info' : 'warn',
    event: status === 401 || status === 429 ? 'request.refused' : 'admin.request',
    code,
    http_status: status,
    ...requestFields(c),
  });
}
