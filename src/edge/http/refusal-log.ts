import type { Context } from 'hono';
import type { Arrival } from '../../mcp/server-binding.ts';
import { type LogRecord, traceFields } from '../../telemetry/log.ts';
import { type Cause, redactForLog } from '../../telemetry/redact.ts';
import type { TenantId, TokenId } from '../../tenant/contract/call.ts';
import type { HttpRefusal, RefusalFormat } from './http-errors.ts';
import type { AppEnv } from './isolate.ts';

const MAX_PATH_CHARS = 256;

/** The fields by which a log line names its HTTP request. */
export function requestFields(
  c: Context<AppEnv>,
  { id, trace, receivedAt }: Arrival = c.var.arrival,
): Pick<
  LogRecord,
  'http_method' | 'path' | 'duration_ms' | 'request_id' | 'trace_id' | 'span_id' | 'parent_span_id'
> {
  return {
    http_method: c.req.method,
    path: redactForLog(c.req.path, MAX_PATH_CHARS),
    duration_ms: Date.now() - receivedAt,
    ...traceFields(trace),
    request_id: id,
  };
}

/** Whose request it is, where that is known. */
type Caller = { readonly tenant: TenantId; readonly tokenId: TokenId };

interface RefusalDetail {
  readonly caller?: Caller | undefined;
  /** The message that was refused, where it did not arrive with the request itself. */
  readonly arrival?: Arrival;
  /** What failed inside the server. */
  readonly cause?: Cause | undefined;
}

/** Requests whose refusal has its line. */
const told = new WeakSet<Request>();

/** Notes that the tenant itself has written the line of a refusal. */
export const markLogged = (c: Context<AppEnv>): void => void told.add(c.req.raw);
export const isLogged = (c: Context<AppEnv>): boolean => told.has(c.req.raw);

/** Writes the one line of a request that was refused before a tenant took it as a call. */
export function logRefusal(
  c: Context<AppEnv>,
  refusal: Pick<HttpRefusal, 'code'> & { readonly status: number },
  { caller, arrival, cause }: RefusalDetail = {},
): void {
  markLogged(c);
  c.var.isolate.meter.refused(refusal.status, refusal.code);
  c.var.isolate.log({
    level: 'warn',
    event: 'request.refused',
    tenant: caller?.tenant,
    code: refusal.code,
    http_status: refusal.status,
    cause,
    ...requestFields(c, arrival),
    token_id: caller?.tokenId,
  });
}

/**
 * Logs a refusal and answers with it.
 * @param caller whose token was valid: if many of its requests are refused, it is answered later
 */
export async function refuse(
  c: Context<AppEnv>,
  format: RefusalFormat,
  refusal: HttpRefusal,
  caller?: Caller,
): Promise<Response> {
  logRefusal(c, refusal, { caller });
  if (caller !== undefined) await c.get('isolate').refusalDelay.pass(caller.tokenId);
  return respondRefused(c, format, refusal);
}

/** Answers with a refusal that is already in the log. */
export async function respondRefused(
  c: Context<AppEnv>,
  format: RefusalFormat,
  refusal: HttpRefusal,
  traceId = c.var.arrival.trace.traceId,
): Promise<Response> {
  // The platform logs an error when a request is answered whose body was not read.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  return format(refusal, traceId);
}
