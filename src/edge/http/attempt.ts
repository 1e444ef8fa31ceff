import type { Context } from 'hono';
import { describeCause } from '../../telemetry/redact.ts';
import type { TenantId } from '../../tenant/contract/call.ts';
import type { AppEnv } from './isolate.ts';
import { requestFields } from './refusal-log.ts';
import { later } from './timer.ts';

/** How long a request waits for a Durable Object that it can do without, in milliseconds. */
export const ATTEMPT_MS = 5000;

/** What a Durable Object answers; undefined when it does not answer in time or cannot be asked, and the log then has the cause. */
export async function attempt<T>(c: Context<AppEnv>, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await inTime(ask, ATTEMPT_MS);
  } catch (cause) {
    logUnreachable(c, cause);
    return undefined;
  }
}

/** What a Durable Object answers. @throws Error when that takes longer than `ms`, in milliseconds */
export async function inTime<T>(ask: () => Promise<T>, ms: number): Promise<T> {
  let stop = () => {};
  const late = new Promise<never>((_, reject) => {
    stop = later(ms, () => reject(new Error(`no answer within ${ms} ms`)));
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    stop();
  }
}

/** Logs why a Durable Object could not be asked. @param tenant whose it is */
export function logUnreachable(c: Context<AppEnv>, cause: unknown, tenant?: TenantId): void {
  c.var.isolate.log({
    level: 'error',
    event: 'edge.error',
    tenant,
    code: 'unavailable',
    cause: describeCause(cause, undefined, {}),
    ...requestFields(c),
  });
}
