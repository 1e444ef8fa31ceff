/** The metrics of the deployment: their names, types and labels. `TELEMETRY.md` says what they are for. */

/** Bounds of the buckets in seconds, as the conventions of OpenTelemetry for MCP have them. */
export const DURATION_BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] as const;

export type LabelName =
  | 'tenant'
  | 'tool'
  | 'outcome'
  | 'code'
  | 'scope'
  | 'status'
  | 'reporter'
  | 'mcp_method_name'
  | 'gen_ai_tool_name'
  | 'error_type';

interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** `tenant` is the first, if it is there. */
  readonly labels: readonly LabelName[];
}

export const METRICS = {
  bulkhead_calls_total: {
    type: 'counter',
    help: 'Calls of tools that ended, and refusals, by tool, outcome and error code.',
    labels: ['tool', 'outcome', 'code'],
  },
  bulkhead_tenant_calls_total: {
    type: 'counter',
    help: 'The same by tenant and outcome.',
    labels: ['tenant', 'outcome'],
  },
  bulkhead_refusals_total: {
    type: 'counter',
    help: 'Calls that a bucket (tenant, tool) or a quota of calls (day, month) has refused.',
    labels: ['scope', 'tool'],
  },
  bulkhead_cache_saved_usd_total: {
    type: 'counter',
    help: 'Money that answers of the cache have saved, in US dollars.',
    labels: ['tenant'],
  },
  bulkhead_rows_written_total: {
    type: 'counter',
    help: 'Rows that tenants have written to their databases.',
    labels: [],
  },
  bulkhead_records_dropped_total: {
    type: 'counter',
    help: 'Records of calls that could not be written.',
    labels: [],
  },
  mcp_server_operation_duration_seconds: {
    type: 'histogram',
    help: 'Time from the arrival of an MCP request to its answer.',
    labels: ['mcp_method_name', 'gen_ai_tool_name', 'error_type'],
  },
  bulkhead_call_duration_seconds: {
    type: 'histogram',
    help: 'Time that a tenant took for a call, by whichever way the call came.',
    labels: ['tool'],
  },
  bulkhead_http_refusals_total: {
    type: 'counter',
    help: 'Requests and calls that were refused before they reached a tenant.',
    labels: ['status', 'code'],
  },
  bulkhead_spans_exported_total: {
    type: 'counter',
    help: 'Spans that the collector has accepted.',
    labels: [],
  },
  bulkhead_spans_dropped_total: {
    type: 'counter',
    help: 'Spans that no collector will get.',
    labels: [],
  },
  bulkhead_spans_failed_total: {
    type: 'counter',
    help: 'Exports of spans that failed, also those that were repeated.',
    labels: [],
  },
  bulkhead_reports_total: {
    type: 'counter',
    help: 'Reports of metrics by tenants and by isolates of the edge.',
    labels: ['reporter'],
  },
  bulkhead_tenants: {
    type: 'gauge',
    help: 'Tenants that have series of their own; 1,000 at the most.',
    labels: [],
  },
  bulkhead_storage_bytes: {
    type: 'gauge',
    help: "Bytes that count against the tenant's storage quota.",
    labels: ['tenant'],
  },
  bulkhead_limit_remaining_ratio: {
    type: 'gauge',
    help: "How full the tenant's own bucket is: 1 is full, 0 refuses.",
    labels: ['tenant'],
  },
  bulkhead_open_streams: {
    type: 'gauge',
    help: 'Open streams of notifications of all tenants.',
    labels: [],
  },
  bulkhead_waiters: {
    type: 'gauge',
    help: 'Calls of all tenants that wait.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;
type NameOf<Type extends Metric['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];
export type CounterName = NameOf<'counter'>;
export type HistogramName = NameOf<'histogram'>;
