import type { Context } from 'hono';
import { describeCause } from '../../../telemetry/redact.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { requestFields } from '../../http/refusal-log.ts';

/** What a Durable Object answers; undefined when it cannot be asked, and the log then has the cause. */
export async function attempt<T>(c: Context<AppEnv>, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
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
