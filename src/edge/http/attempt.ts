import type { Context } from 'hono';
import { describeCause } from '../../telemetry/redact.ts';
import type { TenantId } from '../../tenant/contract/call.ts';
import type { AppEnv } from './isolate.ts';
import { requestFields } from './refusal-log.ts';

/** What a Durable Object answers; undefined when it cannot be asked, and the log then has the cause. */
export async function attempt<T>(c: Context<AppEnv>, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (cause) {
    logUnreachable(c, cause);
    return undefined;
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
