import { SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import * as z from 'zod';

/** JSON-RPC leaves -32000 to -32099 to servers (JSON-RPC 2.0, section 5.1); MCP takes those below -32019. */
const SERVER_ERROR = -32000;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

interface FailureDetails {
  readonly error: RpcError;
  /** The status of the answer; undefined when there was none. */
  readonly status?: number | undefined;
  /** How long the server wants to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the server answered the message itself, so that only its sender needs to know. */
  readonly answered?: boolean;
}

/** Why a message was not carried, or not answered. The message is a sentence that says what to do. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly error: RpcError;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly answered: boolean;

  constructor(sentence: string, details: FailureDetails) {
    super(sentence);
    this.error = details.error;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.answered = details.answered ?? false;
  }

  /** Whether the same may well work later. */
  get passing(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }
}

/** A failure of the way, which no server has answered for. */
export function brokenOff(sentence: string, code: string, cause?: string): Failure {
  const data = { code, ...(cause === undefined ? {} : { cause }) };
  return new Failure(sentence, { error: { code: SERVER_ERROR, message: sentence, data } });
}

const rpcErrorAnswer = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  error: z.looseObject({ code: z.int(), message: z.string(), data: z.unknown().optional() }),
});
const dataCode = z.looseObject({ code: z.string() });

/** An answer that is no success, as the reason why the message failed. `text` is its body. */
export function refusalOf(response: Response, text: string, url: URL): Failure {
  const answer = rpcErrorAnswer.safeParse(parse(text));
  const status = response.status;
  const retryAfterMs = retryAfter(response.headers.get('retry-after'));
  if (answer.success && (answer.data.id ?? null) !== null)
    return new Failure(answer.data.error.message, { error: answer.data.error, status, answered: true });
  const { code = SERVER_ERROR, message: said, data } = answer.data?.error ?? {};
  const word = dataCode.safeParse(data).data?.code ?? `http_${status}`;
  const message = `${said ?? `${url.origin} answered with status ${status}.`}${remedy(status, retryAfterMs, url)}`;
  const details = {
    ...(typeof data === 'object' ? data : {}),
    code: word,
    http_status: status,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  };
  const sentence = `${url.origin} refused (${status} ${word}): ${message}`;
  return new Failure(sentence, { error: { code, message, data: details }, status, retryAfterMs });
}

function remedy(status: number, retryAfterMs: number | undefined, url: URL): string {
  if (status === 401) return ' Put a good token in BULKHEAD_TOKEN or in the token file, and start again.';
  if (status === 404 || status === 405) return ` Check that ${url.href} is the address of the server.`;
  if (retryAfterMs !== undefined) return ` Try again in ${Math.ceil(retryAfterMs / 1000)} s.`;
  return status >= 500 ? ' Try again later.' : '';
}

function retryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whatever an exchange threw, as the reason why the message failed. */
export function failureOf(error: unknown, url: URL): Failure {
  if (error instanceof Failure) return error;
  // A redirect that was not followed: the SDK says where it pointed.
  if (error instanceof SdkHttpError) return brokenOff(`${url.origin}: ${error.message}.`, 'redirected');
  if (error instanceof SdkError && error.code === SdkErrorCode.ClientHttpUnexpectedContent)
    return notMcp(url, error.message);
  if (error instanceof SyntaxError || error instanceof z.ZodError)
    return notMcp(url, 'The answer is not JSON-RPC');
  const cause = causeOf(error);
  const network = NETWORK[cause];
  if (network !== undefined) return brokenOff(network(url), 'unreachable', cause);
  if (/CERT|SIGNATURE/.test(cause)) {
    const how = 'set NODE_EXTRA_CA_CERTS when it is signed by an authority of your own';
    return brokenOff(`The certificate of ${url.host} is not trusted (${cause}); ${how}.`, 'untrusted', cause);
  }
  return brokenOff(`The connection to ${url.origin} failed (${cause}); try again.`, 'unreachable', cause);
}

function notMcp(url: URL, why: string): Failure {
  return brokenOff(
    `What answers at ${url.origin}${url.pathname} is no MCP server (${why}); check --url.`,
    'not_mcp',
  );
}

const noAnswer = (url: URL) =>
  `No server answers at ${url.origin}; check that it runs, --url, and the network.`;
const noName = (url: URL) =>
  `There is no host ${url.hostname}, or its name cannot be looked up; check --url.`;
const NETWORK: Readonly<Record<string, (url: URL) => string>> = {
  ECONNREFUSED: noAnswer,
  EHOSTUNREACH: noAnswer,
  ENETUNREACH: noAnswer,
  ETIMEDOUT: noAnswer,
  UND_ERR_CONNECT_TIMEOUT: noAnswer,
  ENOTFOUND: noName,
  EAI_AGAIN: noName,
};

const MAX_CAUSES = 4;

/** The code of the innermost cause that has one: `fetch` says only that it failed. */
function causeOf(error: unknown): string {
  let found = 'unknown reason';
  for (let at = error, depth = 0; at instanceof Error && depth < MAX_CAUSES; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') found = at.code;
  }
  return found;
}
