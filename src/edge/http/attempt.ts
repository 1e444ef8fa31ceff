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
  let stop = () => {};
  const late = new Promise<never>((_, reject) => {
    stop = later(ATTEMPT_MS, () => reject(new Error(`no answer within ${ATTEMPT_MS} ms`)));
  });
  try {
    return await Promise.race([ask(), late]);
  } catch (cause) {
    logUnreachable(c, cause);
    return undefined;
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
