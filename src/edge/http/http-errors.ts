import type { Refusal } from '../../tenant/contract/call.ts';
import type { ErrorCode, ToolErrorBody } from '../../tools/errors.ts';
import { SCOPES } from '../../tools/tool.ts';

/** JSON-RPC error codes that this server uses outside the SDK (JSON-RPC 2.0, section 5.1). */
const RPC_CODE = { parse_error: -32700, invalid_request: -32600, other: -32000 } as const;

export interface HttpRefusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 406 | 409 | 413 | 415 | 429 | 500 | 503 | 507;
  /** A word for programs and for the log. */
  readonly code: string;
  /** One sentence for people. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal as JSON-RPC, which MCP clients show; `data` has the code and the trace to ask the operator about. */
export function rpcRefusal(refusal: HttpRefusal, traceId: string): Response {
  const code =
    refusal.code === 'parse_error' || refusal.code === 'invalid_request'
      ? RPC_CODE[refusal.code]
      : RPC_CODE.other;
  const error = { code, message: refusal.message, data: { code: refusal.code, trace_id: traceId } };
  return Response.json(
    { jsonrpc: '2.0', error, id: null },
    { status: refusal.status, headers: refusal.headers ?? {} },
  );
}

const TITLES: Readonly<Record<HttpRefusal['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};

/** How HTTP says each code of a tool's error. */
export const STATUS_OF_CODE: Readonly<Record<ErrorCode, HttpRefusal['status']>> = {
  invalid_input: 400,
  too_large: 413,
  quota_exceeded: 507,
  rate_limited: 429,
  forbidden: 403,
  unknown_handle: 404,
  unavailable: 503,
  internal: 500,
};

/** A tool's error as problem details, with the same code and the same fields. */
export function problemOf({ message, ...error }: ToolErrorBody): Response {
  const wait = error.retry_after_ms;
  const headers: Record<string, string> =
    wait === undefined ? {} : { 'Retry-After': String(Math.max(1, Math.ceil(wait / 1000))) };
  const refusal = { status: STATUS_OF_CODE[error.code], code: error.code, message, headers };
  return problem(refusal, error.trace_id, error);
}

/** A refusal as problem details (RFC 9457), with further members after its own. */
export function problem(
  refusal: HttpRefusal & { field?: string | undefined },
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
    trace_id: traceId,
    ...members,
  };
  return new Response(JSON.stringify(body), {
    status: refusal.status,
    headers: { 'content-type': 'application/problem+json', ...refusal.headers },
  });
}

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

/** RFC 9728: what a client needs to know of this resource. Tokens come from the operator, so no issuer is named. */
export function resourceMetadata(resource: string) {
  return {
    resource,
    resource_name: 'Bulkhead',
    bearer_methods_supported: ['header'],
    scopes_supported: SCOPES,
  };
}

function challenge(metadataUrl: string, fields: Readonly<Record<string, string>>): Record<string, string> {
  const all = { ...fields, resource_metadata: metadataUrl };
  const parameters = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
  return { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` };
}

/** No credential at all: RFC 6750, section 3.1, wants no error code then. */
export function missingToken(metadataUrl: string): HttpRefusal {
  const message = 'Send Authorization: Bearer with a token for this server.';
  return { status: 401, code: 'unauthorized', message, headers: challenge(metadataUrl, {}) };
}

/** A refusal of the tenant's, or of the check of a token, as HTTP says it (RFC 6750, section 3). */
export function refusalOf(refusal: Refusal, metadataUrl: string): HttpRefusal {
  switch (refusal.reason) {
    case 'invalid_token': {
      const message = 'The token is not valid for this server; ask its operator for a new one.';
      const headers = challenge(metadataUrl, {
        error: 'invalid_token',
        error_description: 'The token is not valid',
      });
      return { status: 401, code: 'invalid_token', message, headers };
    }
    case 'insufficient_scope': {
      const message = `The token lacks the scope ${refusal.scope}; ask the operator for a token that has it.`;
      const headers = challenge(metadataUrl, { error: 'insufficient_scope', scope: refusal.scope });
      return { status: 403, code: 'insufficient_scope', message, headers };
    }
    case 'suspended':
      return { status: 403, code: 'suspended', message: 'This tenant is suspended; ask the operator.' };
    case 'unknown_session':
      return {
        status: 404,
        code: 'unknown_session',
        message: 'There is no such session, or it has ended; initialize a new one.',
      };
    case 'unavailable':
      return {
        status: 503,
        code: 'unavailable',
        message: 'The tenant cannot be reached now; try again shortly.',
        headers: { 'Retry-After': '1' },
      };
  }
}

/** The window of the fences in wrangler.toml, in seconds. */
const FENCE_WINDOW_S = 60;

export const FENCED: HttpRefusal = {
  status: 429,
  code: 'too_many_requests',
  message: `Too many requests without a good credential from this address; wait ${FENCE_WINDOW_S} seconds.`,
  headers: { 'Retry-After': String(FENCE_WINDOW_S) },
};
