import {
  type JSONRPCErrorResponse,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from '@modelcontextprotocol/client';
import * as z from 'zod';

/** JSON-RPC reserves -32000 to -32099 for servers (JSON-RPC 2.0, section 5.1); MCP defines some below -32019. */
const SERVER_ERROR = -32000;

export type RpcError = JSONRPCErrorResponse['error'];

/** The parts of an HTTP response with an error status that decide what to do next. */
interface HttpDetails {
  readonly status: number;
  /** The `Retry-After` header. */
  readonly retryAfterMs?: number | undefined;
  /** True when the body was a JSON-RPC error for this very request: only the client needs to know then. */
  readonly isRpcAnswer?: boolean;
}

/** Why a message was not delivered, or not answered. Its message is a sentence for the user of the client. */
export class TransportFailure extends Error {
  override readonly name = 'TransportFailure';
  /** What the client's request is answered with. */
  readonly error: RpcError;
  /** Undefined when there was no response. */
  readonly http: HttpDetails | undefined;

  constructor(sentence: string, error: RpcError, http?: HttpDetails) {
    super(sentence);
    this.error = error;
    this.http = http;
  }

  /** Whether the same request may succeed later. */
  get isTransient(): boolean {
    return this.http === undefined || this.http.status === 429 || this.http.status >= 500;
  }
}

/**
 * A failure without an HTTP status: of the network, or of something on the way that is not an MCP server.
 * @param code a word that programs can test for, in `error.data.code`
 * @param cause the error code of the system, such as ECONNREFUSED
 */
export function connectionFailure(sentence: string, code: string, cause?: string): TransportFailure {
  const data = { code, ...(cause === undefined ? {} : { cause }) };
  return new TransportFailure(sentence, { code: SERVER_ERROR, message: sentence, data });
}

/** There is no token, and only a person can change that. The message names the remedy. */
export function signedOut(sentence: string): TransportFailure {
  const error = { code: SERVER_ERROR, message: sentence, data: { code: 'signed_out' } };
  return new TransportFailure(sentence, error, { status: 401 });
}

const rpcErrorAnswer = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  error: z.looseObject({ code: z.int(), message: z.string(), data: z.unknown().optional() }),
});
const dataWithCode = z.looseObject({ code: z.string() });

/**
 * The failure that a response with an error status stands for.
 * @param remedy what the user does when the token is refused
 */
export function httpFailure(response: Response, body: string, url: URL, remedy: string): TransportFailure {
  const answer = rpcErrorAnswer.safeParse(parseJson(body)).data;
  const status = response.status;
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
  if (answer !== undefined && (answer.id ?? null) !== null)
    return new TransportFailure(answer.error.message, answer.error, { status, isRpcAnswer: true });
  const { code = SERVER_ERROR, message: serverMessage, data } = answer?.error ?? {};
  const reason = dataWithCode.safeParse(data).data?.code ?? (status === 413 ? 'too_large' : `http_${status}`);
  const what = serverMessage ?? `${url.origin} answered with status ${status}.`;
  const isSaid = status === 413 && serverMessage !== undefined;
  const message = `${what}${status === 401 ? ` ${remedy}` : isSaid ? '' : adviceFor(status, retryAfterMs, url)}`;
  const details = {
    ...(typeof data === 'object' ? data : {}),
    code: reason,
    http_status: status,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  };
  const error = { code, message, data: details };
  return new TransportFailure(`${url.origin} refused (${status} ${reason}): ${message}`, error, {
    status,
    retryAfterMs,
  });
}

function adviceFor(status: number, retryAfterMs: number | undefined, url: URL): string {
  if (status === 404 || status === 405) return ` Check that ${url.href} is the address of the server.`;
  if (status === 413) return ' The message is too large. Send less in one call.';
  if (retryAfterMs !== undefined) return ` Try again in ${Math.ceil(retryAfterMs / 1000)} s.`;
  return status >= 500 ? ' Try again later.' : '';
}

function parseRetryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Converts whatever an HTTP exchange threw. */
export function toTransportFailure(error: unknown, url: URL): TransportFailure {
  if (error instanceof TransportFailure) return error;
  // The SDK does not follow redirects to another origin; its message names the location.
  if (error instanceof SdkHttpError)
    return connectionFailure(`${url.origin}: ${error.message}.`, 'redirected');
  const wrongContent = error instanceof SdkError && error.code === SdkErrorCode.ClientHttpUnexpectedContent;
  if (wrongContent || error instanceof SyntaxError || error instanceof z.ZodError) {
    const why = wrongContent ? error.message : 'the response is not JSON-RPC';
    return connectionFailure(
      `${url.origin}${url.pathname} is not an MCP server (${why}). Check --url.`,
      'not_mcp',
    );
  }
  const cause = errorCodeOf(error);
  if (/CERT|SIGNATURE/.test(cause))
    return connectionFailure(
      `The certificate of ${url.host} is not trusted (${cause}). Set NODE_EXTRA_CA_CERTS if your own authority signed it.`,
      'untrusted',
      cause,
    );
  return connectionFailure(
    `The connection to ${url.origin} failed (${cause}). Check that the server is running, --url, and the network.`,
    'unreachable',
    cause,
  );
}

const MAX_CAUSES = 4;

/** The innermost error code: `fetch` itself says only that it failed. */
function errorCodeOf(error: unknown): string {
  let code = 'unknown reason';
  for (let at = error, depth = 0; at instanceof Error && depth < MAX_CAUSES; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') code = at.code;
  }
  return code;
}
