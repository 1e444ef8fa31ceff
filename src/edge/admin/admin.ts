import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import * as z from 'zod';
import { clip } from '../../telemetry/redact.ts';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import {
  bucketLimitSchema,
  type LimitChange,
  storageQuotaSchema,
} from '../../tenant/contract/limit-settings.ts';
import type { Operation, TenantInfo } from '../../tenant/operation.ts';
import type { Token } from '../../tenant/storage/tokens.ts';
import { SCOPES } from '../../tools/tool.ts';
import { bearerOf } from '../auth/authenticate.ts';
import { signToken } from '../auth/tokens.ts';
import { readJson } from '../http/body.ts';
import { addressOf } from '../http/client-address.ts';
import { FENCED, type HttpRefusal, problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';

/** The operator's API. Every answer is JSON, every refusal problem details (RFC 9457). */

const MAX_ADMIN_BODY_BYTES = 16_384;
const MAX_PAGE = 500;
const DAY_S = 86_400;

type Ctx = Context<AppEnv>;

/** A refusal raised below a route and answered in one place. */
class AdminRefusal extends Error {
  readonly refusal: HttpRefusal;

  constructor(status: HttpRefusal['status'], code: string, message: string, field?: string) {
    super(message);
    this.refusal = { status, code, message, field };
  }
}

const changesRates = ({ rate, burst, unset }: LimitChange) =>
  rate !== undefined || burst !== undefined || unset === true;

const newTenant = z.strictObject({ id: z.string() });
const limitChange = z
  .strictObject({
    tool: z.string().min(1).max(64).optional(),
    rate: bucketLimitSchema.shape.rate.optional(),
    burst: bucketLimitSchema.shape.burst.optional(),
    storage: storageQuotaSchema.nullable().optional(),
    unset: z.literal(true).optional(),
  })
  .refine((change) => changesRates(change) || change.storage !== undefined, {
    error: 'rate, burst, storage or unset is required',
  })
  .refine((change) => change.unset === undefined || (change.rate ?? change.burst) === undefined, {
    path: ['unset'],
    error: 'cannot be combined with rate or burst. Send one or the other',
  });
const scopeNames = z.array(z.enum(SCOPES)).max(SCOPES.length).default([]);
const scopeChange = z
  .strictObject({ add: scopeNames, remove: scopeNames })
  .refine(({ add, remove }) => add.length + remove.length > 0, {
    error: 'add or remove is required. Name at least one scope in it',
  })
  .refine(({ add, remove }) => !add.some((scope) => remove.includes(scope)), {
    path: ['remove'],
    error: 'must not name a scope that add names too. Leave it out of one of them',
  });
const newToken = z.strictObject({
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .default([...SCOPES]),
  ttl_s: z
    .int()
    .min(60)
    .max(365 * DAY_S)
    .default(30 * DAY_S),
  label: z.string().max(64).default(''),
});
const page = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
  cursor: z.string().max(63).default(''),
});

const digest = (text: string) => createHash('sha256').update(text).digest();

/** First the fence, then the credential: guessing it is slow from any one address. */
const operatorOnly: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { success } = await c.env.ADMIN_FENCE.limit({ key: addressOf(c.req.raw) });
  if (!success) return refuse(c, FENCED);
  const credential = bearerOf(c.req.raw) ?? '';
  if (!timingSafeEqual(digest(credential), digest(c.var.isolate.config.adminKey))) {
    const headers = { 'WWW-Authenticate': 'Bearer realm="admin"' };
    return refuse(c, {
      status: 401,
      code: 'unauthorized',
      message: 'Send Authorization: Bearer with the admin key.',
      headers,
    });
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
  c.var.isolate.log({
    level: status < 400 ? 'info' : 'warn',
    event: status === 401 || status === 429 ? 'request.refused' : 'admin.request',
    code,
    http_status: status,
    ...requestFields(c),
  });
}

async function bodyOf<T>(c: Ctx, schema: z.ZodType<T>): Promise<T> {
  const body = await readJson(c.req.raw, MAX_ADMIN_BODY_BYTES);
  if (!body.ok) {
    const { status, code, message } = body.error;
    throw new AdminRefusal(status, code === 'too_large' ? 'too_large' : 'invalid_input', message);
  }
  return checked(schema, body.value);
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || undefined;
  const message = `${field ?? 'The request'}: ${clip(issue?.message ?? 'is not valid', 300)}.`;
  throw new AdminRefusal(400, 'invalid_input', message, field);
}

function idOf(text: string): TenantId {
  const id = parseTenantId(text);
  if (id !== undefined) return id;
  const message = 'A tenant id is 1 to 63 of a-z, 0-9 and -, and begins with a letter or digit.';
  throw new AdminRefusal(400, 'invalid_input', message, 'id');
}

const registryOf = (c: Ctx) => c.env.REGISTRY.getByName('registry');

/** The object of a tenant that is listed: an id that nobody created never makes an object. */
async function tenantOf(c: Ctx) {
  const id = idOf(c.req.param('id') ?? '');
  if (!(await registryOf(c).has(id))) throw new AdminRefusal(404, 'not_found', 'There is no such tenant.');
  return { id, tenant: c.env.TENANTS.getByName(id) };
}

const STATUS = { not_found: 404, conflict: 409, full: 409, invalid: 400, unavailable: 503 } as const;
const CODE = {
  not_found: 'not_found',
  conflict: 'conflict',
  full: 'conflict',
  invalid: 'invalid_input',
  unavailable: 'unavailable',
} as const;

function unwrap<T>(operation: Operation<T>): T {
  if (operation.ok) return operation.value;
  const { reason, message } = operation.error;
  throw new AdminRefusal(STATUS[reason], CODE[reason], message);
}

const isoTime = (ms: number) => new Date(ms).toISOString();

function tenantJson(info: TenantInfo) {
  return {
    id: info.id,
    status: info.status,
    created_at: isoTime(info.createdAt),
    limits: { tenant: info.effective.tenant, tool: info.effective.tool, tools: info.overrides.tools },
    storage: { bytes: info.storageBytes, quota_bytes: info.storageQuotaBytes, own_quota: info.hasOwnQuota },
    clients: { sessions: info.sessions, open_streams: info.streams },
  };
}

function tokenJson(token: Token) {
  return {
    token_id: token.id,
    label: token.label,
    scopes: token.scopes,
    created_at: isoTime(token.createdAt),
    expires_at: isoTime(token.expiresAt),
    revoked_at: token.revokedAt === null ? null : isoTime(token.revokedAt),
  };
}

export const admin = new Hono<AppEnv>();
admin.use(operatorOnly);
admin.onError((error, c) => {
  if (error instanceof AdminRefusal) return problem(error.refusal, c.var.arrival.trace.traceId);
  throw error;
});

admin.get('/tenants', async (c) => {
  const { limit, cursor } = checked(page, c.req.query());
  const rows = await registryOf(c).list(limit + 1, cursor);
  const shown = rows.slice(0, limit);
  const tenants = shown.map((row) => ({
    id: row.id,
    status: row.status,
    created_at: isoTime(row.created_at),
  }));
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return c.json({ tenants, ...(last === undefined ? {} : { next_cursor: last.id }) });
});

admin.post('/tenants', async (c) => {
  const id = idOf((await bodyOf(c, newTenant)).id);
  // Listed first: a creation that stops in between can be repeated or deleted, and is never lost.
  await registryOf(c).add(id, Date.now());
  const info = unwrap(await c.env.TENANTS.getByName(id).create(id));
  // A deletion that stopped in between may have left the status of the tenant before.
  await registryOf(c).setStatus(id, info.status);
  return c.json(tenantJson(info), 201);
});

admin.get('/tenants/:id', async (c) => {
  const { tenant } = await tenantOf(c);
  return c.json(tenantJson(unwrap(await tenant.describe())));
});

admin.delete('/tenants/:id', async (c) => {
  const { id, tenant } = await tenantOf(c);
  await tenant.erase();
  await registryOf(c).remove(id);
  return c.json({ id, status: 'deleted' });
});

async function setStatus(c: Ctx, status: TenantInfo['status']): Promise<Response> {
  const { id, tenant } = await tenantOf(c);
  const info = unwrap(await tenant.setStatus(status));
  await registryOf(c).setStatus(id, status);
  return c.json(tenantJson(info));
}

admin.post('/tenants/:id/suspend', (c) => setStatus(c, 'suspended'));
admin.post('/tenants/:id/resume', (c) => setStatus(c, 'active'));

admin.patch('/tenants/:id/limits', async (c) => {
  const { tenant } = await tenantOf(c);
  const { storage, ...change } = await bodyOf(c, limitChange);
  if (changesRates(change)) unwrap(await tenant.changeLimits(change));
  const info = storage === undefined ? await tenant.describe() : await tenant.setStorageQuota(storage);
  return c.json(tenantJson(unwrap(info)));
});

admin.get('/tenants/:id/storage', async (c) => {
  const { id, tenant } = await tenantOf(c);
  const { counted, total, free, indexes, data, bookkeeping } = unwrap(await tenant.storage());
  const { storageQuotaBytes, hasOwnQuota } = unwrap(await tenant.describe());
  return c.json({
    id,
    storage: { bytes: counted, quota_bytes: storageQuotaBytes, own_quota: hasOwnQuota },
    database_bytes: total,
    free_bytes: free,
    data: { ...data, indexes: { bytes: indexes } },
    bookkeeping,
  });
});

admin.post('/tenants/:id/compact', async (c) => {
  const { id, tenant } = await tenantOf(c);
  const { events, expired, freedBytes, more } = unwrap(await tenant.compact());
  return c.json({ id, dropped: { history: events, expired }, freed_bytes: freedBytes, more });
});

admin.get('/tenants/:id/tokens', async (c) => {
  const { tenant } = await tenantOf(c);
  return c.json({ tokens: unwrap(await tenant.tokens()).map(tokenJson) });
});

admin.post('/tenants/:id/tokens', async (c) => {
  const { id, tenant } = await tenantOf(c);
  const { scopes, ttl_s, label } = await bodyOf(c, newToken);
  const issued = unwrap(await tenant.issueToken({ scopes, label, ttlMs: ttl_s * 1000 }));
  const { config } = c.var.isolate;
  const principal = { tenant: id, tokenId: issued.id, expiresAt: issued.expiresAt };
  const token = await signToken(config.tokenKeys[0], config.mcpUrl, principal, issued.createdAt);
  const expires_at = isoTime(issued.expiresAt);
  return c.json(
    { tenant: id, token_id: issued.id, token, scopes: issued.scopes, expires_at, url: config.mcpUrl },
    201,
  );
});

admin.patch('/tenants/:id/tokens/:token', async (c) => {
  const { tenant } = await tenantOf(c);
  const change = await bodyOf(c, scopeChange);
  return c.json(tokenJson(unwrap(await tenant.changeScopes(c.req.param('token'), change))));
});

admin.delete('/tenants/:id/tokens/:token', async (c) => {
  const { tenant } = await tenantOf(c);
  return c.json(tokenJson(unwrap(await tenant.revokeToken(c.req.param('token')))));
});

// Answered here and not by the Worker's own handler, which would log the request a second time.
admin.all('*', () => {
  throw new AdminRefusal(404, 'not_found', 'The operator’s API has nothing at this path for this method.');
});
