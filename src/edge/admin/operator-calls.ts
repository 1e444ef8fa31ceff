import type { MiddlewareHandler } from 'hono';
import { describeCause } from '../../telemetry/redact.ts';
import { parseTenantId } from '../../tenant/contract/call.ts';
import type { OperatorState } from '../../tenant/operator-calls.ts';
import type { AppEnv } from '../http/isolate.ts';
import { requestFields } from '../http/refusal-log.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

/** Has the tenant record what the operator does to it. */

/** Who the operator says to be, URL-encoded: there is one admin key, so this is unproved. */
const AS_HEADER = 'bulkhead-as';
const MAX_AS_CHARS = 512;

const READS = ['GET', 'HEAD', 'OPTIONS'];

/** Around every request that can change a tenant: compares what can be changed before and after it. */
export const recordOperator: MiddlewareHandler<AppEnv> = async (c, next) => {
  const id = parseTenantId(c.req.param('id') ?? '');
  // What is erased has no records.
  const isErased = c.req.method === 'DELETE' && new URL(c.req.url).pathname === `/admin/tenants/${id}`;
  if (id === undefined || isErased || READS.includes(c.req.method)) return next();
  const tenant = () => c.env.TENANTS.getByName(id);
  const before = await attempt(c, async (): Promise<OperatorState | undefined> => tenant().operatorState());
  await next();
  if (before !== undefined) await recordOperatorCall(c, id, before);
  return undefined;
};

/** @param before undefined for a tenant that was just created */
export async function recordOperatorCall(
  c: Ctx,
  id: string,
  before: OperatorState | undefined,
): Promise<void> {
  const path = new URL(c.req.url).pathname.split('/').slice(4).join(' ');
  await attempt(c, async () =>
    c.env.TENANTS.getByName(id).recordOperator({
      action: `${c.req.method} ${path === '' ? 'tenant' : path}`,
      as: actingAs(c),
      before,
      code: c.error instanceof AdminRefusal ? c.error.refusal.code : undefined,
      requestId: c.var.arrival.id,
      trace: c.var.arrival.trace,
      receivedAt: c.var.arrival.receivedAt,
    }),
  );
}

function actingAs(c: Ctx): string | undefined {
  const text = c.req.header(AS_HEADER)?.slice(0, MAX_AS_CHARS);
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A request of the operator's is carried out also when it cannot be recorded. */
async function attempt<T>(c: Ctx, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (cause) {
    c.var.isolate.log({
      level: 'error',
      event: 'edge.error',
      code: 'unavailable',
      cause: describeCause(cause, undefined, {}),
      ...requestFields(c),
    });
    return undefined;
  }
}
