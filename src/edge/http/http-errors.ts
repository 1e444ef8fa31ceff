import type { ErrorCode, ToolErrorBody } from '../../tools/errors.ts';

/** How a refused request is answered over HTTP: as JSON-RPC for MCP endpoints, as problem details elsewhere. */

export interface HttpRefusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 406 | 408 | 409 | 413 | 415 | 429 | 500 | 503 | 507;
  /** A word for programs and for the log. */
  readonly code: string;
  /** One or two sentences for people. */
  readonly message: string;
  readonly field?: string | undefined;
  /** The limit that was exceeded, in bytes. */
  readonly limit?: number;
  /** Names that the caller can have meant. */
  readonly didYouMean?: readonly string[] | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Builds the response to a refused request in the form of one endpoint. */
export type RefusalFormat = (refusal: HttpRefusal, traceId: string) => Response;

/** JSON-RPC error codes that this server uses outside the SDK (JSON-RPC 2.0, section 5.1). */
const RPC_CODE = { parse_error: -32700, invalid_request: -32600, other: -32000 } as const;

/**
 * A refusal as JSON-RPC, which MCP clients show. `data` holds the code, and the trace id to give to the operator.
 * @param id the id of the refused request; where it was not read, the refusal has none (MCP, schema of JSONRPCErrorResponse)
 */
export const rpcRefusalOf =
  (id?: string | number): RefusalFormat =>
  (refusal, traceId) => {
    const code =
      refusal.code === 'parse_error' || refusal.code === 'invalid_request'
        ? RPC_CODE[refusal.code]
        : RPC_CODE.other;
    // Every token that is not valid gets the same answer, before the body is read or after.
    const answered = refusal.status === 401 ? undefined : id;
    const limit = refusal.limit === undefined ? {} : { limit: refusal.limit };
    const data = { code: refusal.code, ...limit, trace_id: traceId };
    const error = { code, message: refusal.message, data };
    return Response.json(
      { jsonrpc: '2.0', error, id: answered },
      { status: refusal.status, headers: refusal.headers ?? {} },
    );
  };

/** The refusal of a request whose id was not read. */
export const rpcRefusal = rpcRefusalOf();

const TITLES: Readonly<Record<HttpRefusal['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};

/** The HTTP status of each code of a tool's error. */
export const STATUS_OF_CODE: Readonly<Record<ErrorCode, HttpRefusal['status']>> = {
  invalid_input: 400,
  too_large: 413,
  quota_exceeded: 507,
  rate_limited: 429,
  forbidden: 403,
  unknown_handle: 404,
  pending_approval: 409,
  unavailable: 503,
  internal: 500,
};

/** `Retry-After` in whole seconds (RFC 9110, section 10.2.3), at least 1; no header when there is nothing to wait for. */
export function retryAfter(ms: number | undefined): Record<string, string> {
  return ms === undefined ? {} : { 'Retry-After': String(Math.max(1, Math.ceil(ms / 1000))) };
}

/** A tool's error as a refusal with the same code. A quota of calls is not about the storage: there is a time to wait for. */
export function toolErrorRefusal(error: ToolErrorBody): HttpRefusal {
  return {
    status: error.resets_at === undefined ? STATUS_OF_CODE[error.code] : 429,
    code: error.code,
    message: error.message,
    headers: retryAfter(error.retry_after_ms),
  };
}

/** A tool's error as problem details, with the same code and the same fields. */
export function toolErrorProblem(error: ToolErrorBody): Response {
  const { message: _, ...members } = error;
  return problem(toolErrorRefusal(error), error.trace_id, members);
}

/** A refusal as problem details (RFC 9457), followed by further members. */
export function problem(
  refusal: HttpRefusal,
  traceId: string,
  members: Partial<Omit<ToolErrorBody, 'message'>> = {},
): Response {
  const body = {
    type: 'about:blank',
    title: TITLES[refusal.status],
    status: refusal.status,
    detail: refusal.message,
    code: refusal.code,
    ...(refusal.field === undefined ? {} : { field: refusal.field }),
    ...(refusal.limit === undefined ? {} : { limit: refusal.limit }),
    ...(refusal.didYouMean === undefined ? {} : { did_you_mean: refusal.didYouMean }),
    trace_id: traceId,
    ...members,
  };
  return new Response(JSON.stringify(body), {
    status: refusal.status,
    headers: { 'content-type': 'application/problem+json', ...refusal.headers },
  });
}

/** Only these methods are served at a path. */
export function methodNotAllowed(methods: readonly string[]): HttpRefusal {
  return {
    status: 405,
    code: 'method_not_allowed',
    message: `Only ${methods.join(' and ')} ${methods.length === 1 ? 'is' : 'are'} served here.`,
    headers: { Allow: [...methods, 'OPTIONS'].join(', ') },
  };
}

/** The period of the rate limits in wrangler.toml, in milliseconds. */
const FENCE_PERIOD_MS = 60_000;

/** The address has sent too many requests without a valid credential. */
export const FENCED: HttpRefusal = {
  status: 429,
  code: 'too_many_requests',
  message: `Too many requests without a valid credential came from this address. Wait ${FENCE_PERIOD_MS / 1000} seconds.`,
  headers: retryAfter(FENCE_PERIOD_MS),
};
