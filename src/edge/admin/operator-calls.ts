import type { MiddlewareHandler } from 'hono';
import type { Action } from '../../registry/action-rows.ts';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import type { OperatorState } from '../../tenant/operator-calls.ts';
import { attempt } from '../http/attempt.ts';
import type { AppEnv } from '../http/isolate.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

/** Has the tenant record what the operator does to it, and the registry what is done to the deployment. */

/** Who the operator says to be, URL-encoded: there is one admin key, so this is unproved. */
const AS_HEADER = 'bulkhead-as';
const MAX_AS_CHARS = 512;

const READS = ['GET', 'HEAD', 'OPTIONS'];

/** What the operator does, as it is recorded. */
export interface OperatorAction {
  /** The method and the path below the tenant, such as `PATCH limits`. */
  readonly action: string;
  readonly as: string | undefined;
}

/** Around every request that can change a tenant. */
export const recordOperator: MiddlewareHandler<AppEnv> = async (c, next) => {
  const id = parseTenantId(c.req.param('id') ?? '');
  if (id === undefined || READS.includes(c.req.method)) return next();
  // What is erased has no records.
  const isErased = c.req.method === 'DELETE' && new URL(c.req.url).pathname === `/admin/tenants/${id}`;
  const before = isErased ? undefined : await stateOf(c, id);
  await next();
  // The tenant records a decision on a held call itself, together with it.
  const isRecorded = /\/approvals\/[^/]+$/.test(new URL(c.req.url).pathname) && c.error === undefined;
  const code = c.error instanceof AdminRefusal ? c.error.refusal.code : undefined;
  if (isErased || isRecorded) await listAction(c, { ...actionOf(c), tenant: id, code, changed: [] });
  else if (before !== undefined) await recordAction(c, id, actionOf(c), { before, code });
  return undefined;
};

/** What a request of the API does to its tenant. */
export function actionOf(c: Ctx): OperatorAction {
  const path = new URL(c.req.url).pathname.split('/').slice(4).join(' ');
  return { action: `${c.req.method} ${path === '' ? 'tenant' : path}`, as: actingAs(c) };
}

/**
 * Does something to a tenant and records it, also when the tenant refuses it.
 * @throws AdminRefusal of `act`
 */
export async function recorded<T>(
  c: Ctx,
  id: TenantId,
  action: OperatorAction,
  act: () => Promise<T>,
): Promise<T> {
  const before = await stateOf(c, id);
  const record = async (code: string | undefined) => {
    if (before !== undefined) await recordAction(c, id, action, { before, code });
  };
  try {
    const done = await act();
    await record(undefined);
    return done;
  } catch (cause) {
    if (cause instanceof AdminRefusal) await record(cause.refusal.code);
    throw cause;
  }
}

const stateOf = (c: Ctx, id: TenantId) =>
  attempt(c, async (): Promise<OperatorState | undefined> => c.env.TENANTS.getByName(id).operatorState());

interface Recorded {
  /** undefined for a tenant that was just created. */
  readonly before: OperatorState | undefined;
  /** Why it was refused; undefined when it was done. */
  readonly code: string | undefined;
}

export async function recordAction(
  c: Ctx,
  id: TenantId,
  { action, as }: OperatorAction,
  { before, code }: Recorded,
): Promise<void> {
  const call = {
    action,
    as,
    before,
    code,
    requestId: c.var.arrival.id,
    trace: c.var.arrival.trace,
    receivedAt: c.var.arrival.receivedAt,
  };
  // A request is carried out also when it cannot be recorded.
  const changed = await attempt(c, async () => c.env.TENANTS.getByName(id).recordOperator(call));
  await listAction(c, { action, as, tenant: id, code, changed: changed ?? [] });
}

/** Adds to the list of what was done to all tenants and to the deployment. */
export async function listAction(c: Ctx, action: Omit<Action, 'at'>): Promise<void> {
  const listed = { ...action, at: c.var.arrival.receivedAt };
  await attempt(c, async () => c.env.REGISTRY.getByName('registry').addAction(listed));
}

/** Who the operator says to be. */
export function actingAs(c: Ctx): string | undefined {
  const text = c.req.header(AS_HEADER)?.slice(0, MAX_AS_CHARS);
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
