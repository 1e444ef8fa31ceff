/** W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/). The headers are parsed strictly and used only as identifiers. */

/** The position of a caller in its trace. */
export interface ParentSpan {
  /** 32 lower-case hex digits, shared by all calls of an agent's run. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly parentSpanId: string;
}

export interface TraceContext {
  /** 32 lower-case hex digits, shared by all calls of an agent's run. */
  readonly traceId: string;
  /** 16 lower-case hex digits: the span of this request. */
  readonly spanId: string;
  /** The caller's span, if the caller sent a valid `traceparent`. */
  readonly parentSpanId: string | undefined;
  /** The `tracestate` beside the `traceparent` that is continued: opaque to everyone but the systems that wrote it. */
  readonly traceState?: string;
  /** The caller's position in another trace, for a span link: that of the transport, when a message has one of its own. */
  readonly linked?: ParentSpan;
}

/** A `traceparent` and the `tracestate` that came with it, as received. */
export interface TraceHeaders {
  readonly traceparent: unknown;
  readonly tracestate?: unknown;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);
/** Section 3.3.1.5: at least 512 characters are to be passed on. Longer ones are left out whole. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `count` random bytes in lower-case hex. */
export function randomHex(count: number): string {
  let hex = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(count))) hex += HEX[byte];
  return hex;
}

const POOL_BYTES = 1024;
/** In lower-case hex. */
let pool = '';
let taken = 0;

/** The same for identifiers that are no secret, from bytes that were drawn in advance, which takes less time. */
export function randomId(count: number): string {
  const end = taken + 2 * count;
  if (end > pool.length) {
    pool = Array.from(crypto.getRandomValues(new Uint8Array(POOL_BYTES)), (byte) => HEX[byte]).join('');
    taken = 0;
    return randomId(count);
  }
  const id = pool.slice(taken, end);
  taken = end;
  return id;
}

function parse(traceparent: unknown): ParentSpan | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > 512) return undefined;
  const [, version, traceId, parentSpanId, , rest] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || parentSpanId === undefined) return undefined;
  // Version ff is invalid, and version 00 ends after the flags (section 3.2.2).
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || parentSpanId === ZERO_SPAN) return undefined;
  return { traceId, parentSpanId };
}

/**
 * Starts a new span in the trace of the first valid `traceparent`, or in a new trace if none is valid. The next valid one
 * that names another span is linked.
 * @param candidates what the message and its transport state, in order of preference; what is not valid is ignored
 * @example continueTrace({ traceparent: request.headers.get('traceparent') })
 */
export function continueTrace(...candidates: readonly TraceHeaders[]): TraceContext {
  const spanId = randomId(8);
  const parents = candidates.flatMap(({ traceparent, tracestate }) => {
    const parent = parse(traceparent);
    return parent === undefined ? [] : [{ parent, tracestate }];
  });
  const [first] = parents;
  if (first === undefined) return { traceId: randomId(16), spanId, parentSpanId: undefined };
  const linked = parents.find(({ parent }) => parent.parentSpanId !== first.parent.parentSpanId)?.parent;
  const traceState = toTraceState(first.tracestate);
  return {
    ...first.parent,
    spanId,
    ...(traceState !== undefined && { traceState }),
    ...(linked !== undefined && { linked }),
  };
}

const toTraceState = (tracestate: unknown) =>
  typeof tracestate === 'string' && TRACESTATE.test(tracestate) ? tracestate : undefined;

/** The trace headers of an HTTP request. */
export const traceHeadersOf = (headers: Headers): TraceHeaders => ({
  traceparent: headers.get('traceparent'),
  tracestate: headers.get('tracestate'),
});
