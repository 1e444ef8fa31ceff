import type { Context } from 'hono';
import { traceFields } from '../../telemetry/log.ts';
import { describeCause } from '../../telemetry/redact.ts';
import type {
  Admission,
  CallOutcome,
  CallRequest,
  Delivery,
  Refusal,
  SessionId,
  Settlement,
} from '../../tenant/contract/call.ts';
import { askForStream } from '../../tenant/streams/durable-listener.ts';
import type { StreamPurpose } from '../../tenant/streams/listeners.ts';
import type { Principal } from '../auth/tokens.ts';
import type { AppEnv } from '../http/isolate.ts';

/** The tenant whose token was shown. An object that cannot be asked is `unavailable`, never a denial. */
export interface TenantClient {
  admit(session?: SessionId): Promise<Admission>;
  call(request: CallRequest): Promise<CallOutcome>;
  settle(request: CallRequest, settlement: Settlement): Promise<void>;
  cancel(cancelKey: string): Promise<void>;
  deliver(session: SessionId, key: string | undefined, message: unknown): Promise<Delivery>;
  /** Opens the tenant's end of a stream. */
  listen(session: SessionId, purpose: StreamPurpose): Promise<WebSocket | Refusal>;
}

const UNAVAILABLE = { reason: 'unavailable' } as const;
const SHUT = { ok: false, refusal: UNAVAILABLE } as const;

export function doorOf(c: Context<AppEnv>, principal: Principal): TenantClient {
  const tenant = () => c.env.TENANTS.getByName(principal.tenant);
  const reaching = async <T>(ask: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await ask();
    } catch (cause) {
      logUnreachable(c, principal, cause);
      return otherwise;
    }
  };
  const { tokenId } = principal;
  return {
    admit: (session) => reaching<Admission>(async () => await tenant().admit(tokenId, session), SHUT),
    call: (request) =>
      reaching<CallOutcome>(async () => await tenant().call(request), {
        kind: 'refused',
        refusal: UNAVAILABLE,
      }),
    settle: (request, settlement) =>
      reaching(async () => await tenant().settle(request, settlement), undefined),
    cancel: (cancelKey) => reaching(async () => await tenant().cancel(tokenId, cancelKey), undefined),
    deliver: (session, key, message) =>
      reaching<Delivery>(async () => await tenant().deliver(tokenId, session, key, message), SHUT),
    listen: (session, purpose) =>
      reaching<WebSocket | Refusal>(async () => {
        const response = await tenant().fetch(askForStream(tokenId, session, purpose));
        return response.webSocket ?? (await response.json<Refusal>());
      }, UNAVAILABLE),
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
