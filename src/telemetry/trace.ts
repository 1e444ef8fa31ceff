/** W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/). The header is parsed strictly and used only as an identifier. */

export interface TraceContext {
  /** 32 lower-case hex digits, shared by all calls of an agent's run. */
  readonly traceId: string;
  /** 16 lower-case hex digits: the span of this request. */
  readonly spanId: string;
  /** The caller's span, if the caller sent a valid `traceparent`. */
  readonly parentSpanId: string | undefined;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `count` random bytes in lower-case hex. */
export function randomHex(count: number): string {
  let hex = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(count))) hex += HEX[byte];
  return hex;
}

function parse(traceparent: unknown): { traceId: string; parentSpanId: string } | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > 512) return undefined;
  const [, version, traceId, parentSpanId, , rest] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || parentSpanId === undefined) return undefined;
  // Version ff is invalid, and version 00 ends after the flags (section 3.2.2).
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || parentSpanId === ZERO_SPAN) return undefined;
  return { traceId, parentSpanId };
}

/**
 * Starts a new span in the trace of the first valid `traceparent`, or in a new trace if none is valid.
 * @param candidates header values, in order of preference; anything that is not a valid `traceparent` is ignored
 * @example continueTrace(request.headers.get('traceparent'))
 */
export function continueTrace(...candidates: unknown[]): TraceContext {
  const spanId = randomHex(8);
  for (const candidate of candidates) {
    const parent = parse(candidate);
    if (parent !== undefined) return { ...parent, spanId };
  }
  return { traceId: randomHex(16), spanId, parentSpanId: undefined };
}
