import type { Context } from 'hono';
import type * as z from 'zod';
import { clip, describeCause } from '../../telemetry/redact.ts';
import { randomHex } from '../../telemetry/trace.ts';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import type { Operation } from '../../tenant/operation.ts';
import { readJson } from '../http/body.ts';
import { type HttpRefusal, retryAfter } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';

/** What the routes of the operator's API share: what they read from a request, and how they refuse it. */

export type Ctx = Context<AppEnv>;

const MAX_ADMIN_BODY_BYTES = 16_384;
/** When to repeat a request that found something unavailable, in milliseconds. */
const RETRY_MS = 1000;

/** A refusal raised below a route and answered in one place. */
export class AdminRefusal extends Error {
  readonly refusal: HttpRefusal;

  constructor(status: HttpRefusal['status'], code: string, message: string, field?: string) {
    super(message);
    this.refusal = {
      status,
      code,
      message,
      field,
      ...(status === 503 && { headers: retryAfter(RETRY_MS) }),
    };
  }
}

/** The body of a request, checked. @throws AdminRefusal */
export async function bodyOf<T>(c: Ctx, schema: z.ZodType<T>): Promise<T> {
  const body = await readJson(c.req.raw, MAX_ADMIN_BODY_BYTES);
  if (!body.ok) {
    const { status, code, message } = body.error;
    throw new AdminRefusal(status, code === 'too_large' ? 'too_large' : 'invalid_input', message);
  }
  return checked(schema, body.value);
}

/** @throws AdminRefusal that names the first field that is wrong */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || undefined;
  const message = `${field ?? 'The request'}: ${clip(issue?.message ?? 'is not valid', 300)}.`;
  throw new AdminRefusal(400, 'invalid_input', message, field);
}

/** @throws AdminRefusal */
export function idOf(text: string): TenantId {
  const id = parseTenantId(text);
  if (id !== undefined) return id;
  const message = 'A tenant id is 1 to 63 of a-z, 0-9 and -, and begins with a letter or digit.';
  throw new AdminRefusal(400, 'invalid_input', message, 'id');
}

/**
 * The tenant that a path names, whether or not it exists. The list of tenants is not asked, so that everything works without
 * it; an object that was never created answers `not_found` and stores nothing.
 */
export function tenantOf(c: Ctx) {
  const id = idOf(c.req.param('id') ?? '');
  return { id, tenant: c.env.TENANTS.getByName(id) };
}

/** How a problem of a tenant's operation is answered. */
export const STATUS_OF_PROBLEM = {
  not_found: 404,
  forbidden: 403,
  conflict: 409,
  full: 409,
  invalid: 400,
  unavailable: 503,
} as const;
export const CODE_OF_PROBLEM = {
  not_found: 'not_found',
  forbidden: 'forbidden',
  conflict: 'conflict',
  full: 'conflict',
  invalid: 'invalid_input',
  unavailable: 'unavailable',
} as const;

export const UNREACHABLE =
  'The tenant cannot be reached, and it is not known whether the request took effect. Repeat it.';

/**
 * The value of an operation of a tenant.
 * @throws AdminRefusal when the tenant refuses it or cannot be reached
 */
export async function resultOf<T>(c: Ctx, asked: PromiseLike<Operation<T>>): Promise<T> {
  const operation = await reached(c, asked, UNREACHABLE);
  if (operation.ok) return operation.value;
  const { reason, message, field } = operation.error;
  throw new AdminRefusal(STATUS_OF_PROBLEM[reason], CODE_OF_PROBLEM[reason], message, field);
}

/** What a Durable Object answers. @throws AdminRefusal `unavailable` when it throws, with an id that finds the cause in the log */
export async function reached<T>(c: Ctx, asked: PromiseLike<T>, message: string): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    const errorId = randomHex(8);
    c.var.isolate.log({
      level: 'error',
      event: 'edge.error',
      code: 'unavailable',
      error_id: errorId,
      cause: describeCause(cause, undefined, {}),
      ...requestFields(c),
    });
    throw new AdminRefusal(503, 'unavailable', `${message} The log has the cause under error id ${errorId}.`);
  }
}

export const isoTime = (ms: number) => new Date(ms).toISOString();
