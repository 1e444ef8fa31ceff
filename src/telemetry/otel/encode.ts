import { VERSION } from '../../version.ts';
import { ATTRIBUTE, SCOPE_NAME } from './names.ts';
import type { Span } from './span.ts';

/**
 * OTLP/HTTP in JSON (opentelemetry-proto, `ExportTraceServiceRequest`): ids are hexadecimal, integers of 64 bits and
 * nanoseconds are texts, enumerations are numbers.
 */

const KIND = { internal: 1, server: 2 } as const;
const STATUS_ERROR = 2;

/** What produces the spans: `service.name` and what the operator adds. */
export type ResourceAttributes = Readonly<Record<string, string>>;

/** The body of one export. */
export function encodeTraces(spans: readonly Span[], resource: ResourceAttributes): string {
  const scopeSpans = [{ scope: { name: SCOPE_NAME, version: VERSION }, spans: spans.map(encodeSpan) }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans }] });
}

function encodeSpan({ trace, name, kind, startMs, endMs, attributes }: Span) {
  const { linked } = trace;
  const error = attributes[ATTRIBUTE.errorType];
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    ...(trace.parentSpanId === undefined ? {} : { parentSpanId: trace.parentSpanId }),
    ...(trace.traceState === undefined ? {} : { traceState: trace.traceState }),
    name,
    kind: KIND[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(Math.max(startMs, endMs)),
    attributes: keyValues(attributes),
    ...(linked === undefined ? {} : { links: [{ traceId: linked.traceId, spanId: linked.parentSpanId }] }),
    status: error === undefined ? {} : { code: STATUS_ERROR },
  };
}

const nanoseconds = (milliseconds: number) => `${Math.trunc(milliseconds)}000000`;

function keyValues(attributes: Readonly<Record<string, string | number | undefined>>) {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: string | number) {
  if (typeof value === 'string') return { stringValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
