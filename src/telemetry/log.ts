import { toLogLine } from '../json/json-line.ts';
import { type Cause, redactForLog } from './redact.ts';
import type { TraceContext } from './trace.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
/** `json` prints one line per record; `object` passes the record to the platform, which indexes its fields. */
export const LOG_FORMATS = ['json', 'object'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export type LogEvent =
  | 'tool.call'
  | 'tool.arguments_dropped'
  | 'request.refused'
  | 'tenant.changed'
  | 'tenant.migration_failed'
  | 'tenant.write_behind_failed'
  | 'tenant.notify_failed'
  | 'tenant.swept'
  | 'tenant.sweep_failed'
  | 'tenant.list_failed'
  | 'records.anchored'
  | 'records.exported'
  | 'records.export_failed'
  | 'admin.request'
  | 'edge.error'
  | 'telemetry.dropped'
  | 'telemetry.report_failed'
  | 'approval.held'
  | 'approval.decided'
  | 'approval.redeemed'
  | 'approval.expired'
  | 'console.signed_in'
  | 'console.operator_signed_in'
  | 'oauth.registered'
  | 'oauth.signed_in'
  | 'oauth.granted'
  | 'oauth.denied'
  | 'oauth.issued'
  | 'oauth.refresh_retried'
  | 'oauth.ended'
  | 'oauth.refused';

/** One log line. Every field that a line can have is declared here, so that readers can rely on the names. */
export interface LogRecord {
  level: LogLevel;
  event: LogEvent;
  tenant?: string | undefined;
  tool?: string | undefined;
  args?: Record<string, unknown> | undefined;
  duration_ms?: number | undefined;
  /** The part of `duration_ms` in which the call waited for another one. */
  wait_ms?: number | undefined;
  outcome?: string | undefined;
  /** The answer's own status, verdict or match. */
  status?: string | undefined;
  code?: string | undefined;
  /** What refused a call: a bucket, or the scope that the token lacks. */
  scope?: string | undefined;
  /** The held call that a call was held as, or ran as; and who has approved it. */
  approval_id?: string | undefined;
  decided_by?: string | undefined;
  /** The last revision that the call has made. */
  rev?: number | undefined;
  error_id?: string | undefined;
  retry_after_ms?: number | undefined;
  /** How many repeats of one refusal the line stands for. */
  times?: number | undefined;
  /** Arguments that a client adds to every call and that mean nothing to the tool. */
  dropped?: readonly string[] | undefined;
  rows?: number | undefined;
  /** The newest record of a tenant, its hash, and the signature of that with the key that is named. */
  record?: number | undefined;
  head?: string | undefined;
  kid?: string | undefined;
  mac?: string | undefined;
  cause?: Cause | undefined;
  http_status?: number | undefined;
  http_method?: string | undefined;
  path?: string | undefined;
  trace_id?: string | undefined;
  span_id?: string | undefined;
  parent_span_id?: string | undefined;
  request_id?: string | undefined;
  token_id?: string | undefined;
  /** The first digits of the SHA-256 of a client id, which may be long. */
  client?: string | undefined;
  member?: string | undefined;
  client_name?: string | undefined;
  client_version?: string | undefined;
  protocol_version?: string | undefined;
}

export type Log = (record: LogRecord) => void;

/** The trace fields of a log line. */
export function traceFields(trace: TraceContext): Pick<LogRecord, 'trace_id' | 'span_id' | 'parent_span_id'> {
  return { trace_id: trace.traceId, span_id: trace.spanId, parent_span_id: trace.parentSpanId };
}

/** Fields whose text comes from a client, with the number of characters that are logged. */
const CLIENT_FIELDS = [
  // A request that is refused at the edge is logged under the name that it asks for.
  ['tool', 64],
  ['path', 256],
  ['http_method', 32],
  ['client_name', 128],
  ['client_version', 64],
  ['protocol_version', 64],
] as const satisfies readonly (readonly [keyof LogRecord, number])[];

/** The line of a record: fields that come from a client are redacted and clipped, so that no caller of the log has to. */
function lineOf(record: LogRecord, now: number): LogRecord & { ts: string } {
  const line = { ts: new Date(now).toISOString(), ...record };
  for (const [field, maxChars] of CLIENT_FIELDS) {
    const text = record[field];
    if (text !== undefined) line[field] = redactForLog(text, maxChars);
  }
  return line;
}

/**
 * Creates a log that writes records of `level` and above to `sink`, with credentials redacted in the fields that come from a
 * client. It never throws: a call must not fail because it could not be logged.
 * @param clock milliseconds since the epoch
 * @example createLog({ level: 'info', format: 'json' })({ level: 'info', event: 'tool.call' })
 */
export function createLog(
  options: { level: LogLevel; format: LogFormat },
  clock: () => number = () => Date.now(),
  sink: (line: unknown) => void = (line) => console.log(line),
): Log {
  const threshold = LOG_LEVELS.indexOf(options.level);
  return (record) => {
    try {
      if (LOG_LEVELS.indexOf(record.level) < threshold) return;
      const line = lineOf(record, clock());
      sink(options.format === 'json' ? toLogLine(line) : line);
    } catch {
      // A failure of the log itself cannot be reported anywhere.
    }
  };
}
