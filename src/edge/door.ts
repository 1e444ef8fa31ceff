import type { Context } from 'hono';
import { traceFields } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import type { Admission, CallOutcome, CallRequest } from '../tenant/call.ts';
import type { AppEnv } from './edge.ts';
import type { Principal } from './tokens.ts';

/** The door of the tenant whose token was shown. An object that cannot be asked is `unavailable`, never a denial. */
export interface EdgeDoor {
  admit(): Promise<Admission>;
  call(request: CallRequest): Promise<CallOutcome>;
}

export function doorOf(c: Context<AppEnv>, principal: Principal): EdgeDoor {
  const tenant = () => c.env.TENANTS.getByName(principal.tenant);
  return {
    admit: async () => {
      try {
        return await tenant().admit(principal.tokenId);
      } catch (cause) {
        logUnreachable(c, principal, cause);
        return { ok: false, refusal: { reason: 'unavailable' } };
      }
    },
    call: async (request) => {
      try {
        return await tenant().call(request);
      } catch (cause) {
        logUnreachable(c, principal, cause);
        return { kind: 'refused', refusal: { reason: 'unavailable' } };
      }
    },
  };
}

function logUnreachable(c: Context<AppEnv>, principal: Principal, cause: unknown): void {
  const { edge, info } = c.var;
  edge.log({
    level: 'error',
    event: 'edge.error',
    tenant: principal.tenant,
    code: 'unavailable',
    cause: describeCause(cause, undefined, {}),
    ...traceFields(info.trace),
    request_id: info.id,
    token_id: principal.tokenId,
  });
}
