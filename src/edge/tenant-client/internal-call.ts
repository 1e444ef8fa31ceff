import type { Context } from 'hono';
import type { SessionId } from '../../tenant/contract/call.ts';
import type { ToolErrorBody } from '../../tools/errors.ts';
import type { Tool } from '../../tools/tool.ts';
import { httpRefusal } from '../auth/authenticate.ts';
import type { Principal } from '../auth/tokens.ts';
import { type HttpRefusal, STATUS_OF_CODE } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { transportCaller } from './request-context.ts';
import { doorOf } from './tenant-client.ts';

/**
 * Passes what a transport needs of the tenant for itself through the door, as a call of an internal tool.
 * @returns undefined when it was answered, else the refusal as HTTP says it; the tenant has logged it
 */
export async function callInternal(
  c: Context<AppEnv>,
  principal: Principal,
  tool: Pick<Tool, 'name'>,
  args: Record<string, unknown>,
  session?: SessionId,
): Promise<HttpRefusal | undefined> {
  const { tokenId } = principal;
  const outcome = await doorOf(c, principal).call({
    tokenId,
    session,
    cancelKey: c.var.info.id,
    tool: tool.name,
    args,
    caller: transportCaller(c),
  });
  switch (outcome.kind) {
    case 'answer':
      return undefined;
    case 'error':
      return refusalOfError(outcome.error);
    case 'refused':
      return httpRefusal(c, outcome.refusal);
    case 'deferred':
    case 'unknown_tool':
      // A tenant's object that still runs an older release.
      return httpRefusal(c, { reason: 'unavailable' });
  }
}

function refusalOfError(error: ToolErrorBody): HttpRefusal {
  const wait = error.retry_after_ms;
  return {
    status: STATUS_OF_CODE[error.code],
    code: error.code,
    message: error.message,
    ...(wait === undefined
      ? {}
      : { headers: { 'Retry-After': String(Math.max(1, Math.ceil(wait / 1000))) } }),
  };
}
