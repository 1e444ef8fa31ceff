import { type Cause, redactForLog } from './redact.ts';
import type { TraceContext } from './trace.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
/** `json` prints one line a record; `object` hands the record to the platform, which indexes its fields. */
export const LOG_FORMATS = ['json', 'object'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export type LogEvent =
  | 'tool.call'
  | 'request.refused'
  | 'tenant.migration_failed'
  | 'tenant.write_behind_failed'
  | 'tenant.swept'
  | 'tenant.sweep_failed'
  | 'admin.request'
  | 'edge.error';

/** One line. Every field a line may have is named here, so that a reader can rely on the names. */
export interface LogRecord {
  level: LogLevel;
  event: LogEvent;
  tenant?: string | undefined;
  tool?: string | undefined;
  args?: Record<string, unknown> | undefined;
  duration_ms?: number | undefined;
  outcome?: string | undefined;
  code?: string | undefined;
  error_id?: string | undefined;
  retry_after_ms?: number | undefined;
  /** How many repeats of one refusal the line stands for. */
  times?: number | undefined;
  rows?: number | undefined;
  cause?: Cause | undefined;
  http_status?: number | undefined;
  http_method?: string | undefined;
  path?: string | undefined;
  trace_id?: string | undefined;
  span_id?: string | undefined;
  parent_span_id?: string | undefined;
  request_id?: string | undefined;
  token_id?: string | undefined;
  client_name?: string | undefined;
  client_version?: string | undefined;
  protocol_version?: string | undefined;
}

export type Log = (record: LogRecord) => void;

/** The trace fields of a line. */
export function traceFields(trace: TraceContext): Pick<LogRecord, 'trace_id' | 'span_id' | 'parent_span_id'> {
  return { trace_id: trace.traceId, span_id: trace.spanId, parent_span_id: trace.parentSpanId };
}

/** Fields whose text a client chooses, and how many characters of it are logged. */
const CLIENT_FIELDS = [
  ['path', 256],
  ['http_method', 32],
  ['client_name', 128],
  ['client_version', 64],
  ['protocol_version', 64],
] as const satisfies readonly (readonly [keyof LogRecord, number])[];

/** The record with the texts that a client chose clipped and without credentials, whoever wrote it. */
function redactClientFields(record: LogRecord): LogRecord {
  const redacted = { ...record };
  for (const [field, maxChars] of CLIENT_FIELDS) {
    const text = record[field];
    if (text !== undefined) redacted[field] = redactForLog(text, maxChars);
  }
  return redacted;
}

/**
 * A log that writes records of `level` and above to `sink`.
 * It never throws: a call must not fail because it could not be logged. Texts that a client chose are redacted here.
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
      const line = { ts: new Date(clock()).toISOString(), ...redactClientFields(record) };
      sink(options.format === 'json' ? JSON.stringify(line) : line);
    } catch {
      // There is nowhere left to report that the log itself fails.
    }
  };
}
