import { isJsonContentType } from '@modelcontextprotocol/server';
import { findInexactNumber } from '../../json/inexact-number.ts';
import { findJsonProblem } from '../../json/json-problem.ts';
import { withInexactMarked } from '../../json/marked-numbers.ts';
import type { RpcId } from '../../json/rpc-id.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { clip } from '../../telemetry/redact.ts';
import type { Later } from '../../tenant/contract/timer.ts';
import type { HttpRefusal } from './http-errors.ts';
import { receive } from './receive.ts';
import { later as platformTimer } from './timer.ts';

/** Reading the body of a request, JSON or a form: once, and bounded in bytes, depth, values and time. */

/**
 * The time within which a body must have been received, in milliseconds. The largest body of 4 MiB needs a connection of
 * 1.2 Mbit/s for it.
 */
export const BODY_TIMEOUT_MS = 30_000;

interface BodyRefusal extends HttpRefusal {
  readonly status: 400 | 408 | 413 | 415;
  readonly code: 'parse_error' | 'invalid_request' | 'request_timeout' | 'too_large' | 'media_type';
  /** The body where only its content was refused. */
  readonly value?: unknown;
  /** The id of the JSON-RPC request that was too large. */
  readonly rpcId?: RpcId | undefined;
}

/** A body of valid JSON. */
interface ReadBody {
  /** Numbers that JavaScript would change are NaN in it. */
  readonly value: unknown;
  /** What was sent, if there are such numbers. */
  readonly inexactText: string | undefined;
}

const invalid = (message: string): BodyRefusal => ({ status: 400, code: 'invalid_request', message });

/** Reads a JSON body as `readCalls`, and refuses one that has a number which JavaScript would change. */
export async function readJson(
  request: Request,
  maxBytes: number,
  later: Later = platformTimer,
): Promise<Result<unknown, BodyRefusal>> {
  const body = await readCalls(request, maxBytes, later);
  if (!body.ok) return body;
  const { value, inexactText } = body.value;
  if (inexactText === undefined) return succeed(value);
  const number = clip(findInexactNumber(inexactText) ?? '', 40);
  return fail(invalid(`The number ${number} cannot be represented exactly. Send it as a string.`));
}

/** Reads a JSON body of at most `maxBytes`, checked in the order length, media type, text, syntax, shape. */
export async function readCalls(
  request: Request,
  maxBytes: number,
  later: Later = platformTimer,
): Promise<Result<ReadBody, BodyRefusal>> {
  if (!isJsonContentType(request.headers.get('content-type')) && !isTooLong(request, maxBytes))
    return fail({ status: 415, code: 'media_type', message: 'Content-Type must be application/json.' });
  const body = await readText(request, maxBytes, later);
  if (!body.ok) return body;
  let value: unknown;
  try {
    value = JSON.parse(body.value);
  } catch {
    return fail({ status: 400, code: 'parse_error', message: 'The body is not valid JSON.' });
  }
  // Ill-formed text is refused by the pipeline, which can name the argument.
  const problem = findJsonProblem(value);
  if (problem !== undefined && 'limit' in problem) {
    const what = problem.problem === 'too_deep' ? `${problem.limit} levels` : `${problem.limit} values`;
    return fail({ ...invalid(`The body must not have more than ${what}.`), value });
  }
  const marked = withInexactMarked(body.value);
  return succeed(
    marked === undefined ? { value, inexactText: undefined } : { value: marked, inexactText: body.value },
  );
}

const FORM = 'application/x-www-form-urlencoded';

/** Reads the body of a form of at most `maxBytes`. */
export async function readForm(
  request: Request,
  maxBytes: number,
  later: Later = platformTimer,
): Promise<Result<URLSearchParams, BodyRefusal>> {
  const type = request.headers.get('content-type') ?? '';
  if (type.split(';')[0]?.trim().toLowerCase() !== FORM)
    return fail({ status: 415, code: 'media_type', message: `Content-Type must be ${FORM}.` });
  const body = await readText(request, maxBytes, later);
  return body.ok ? succeed(new URLSearchParams(body.value)) : body;
}

/** The declared length is checked first, so that a large body is refused as such whatever else is wrong with it. */
const isTooLong = (request: Request, maxBytes: number) =>
  Number(request.headers.get('content-length')) > maxBytes;

const tooLarge = (maxBytes: number, rpcId: RpcId | undefined): BodyRefusal => ({
  status: 413,
  code: 'too_large',
  message: `The body must not exceed ${maxBytes} bytes. Send less in one request.`,
  limit: maxBytes,
  rpcId,
});

async function readText(
  request: Request,
  maxBytes: number,
  later: Later,
): Promise<Result<string, BodyRefusal>> {
  const late = Promise.withResolvers<'late'>();
  const stopTimer = later(BODY_TIMEOUT_MS, () => late.resolve('late'));
  try {
    const body = await receive(request, maxBytes, late.promise);
    if (body.kind === 'late') return fail(TOO_SLOW);
    return body.kind === 'whole' ? succeed(body.text) : fail(tooLarge(maxBytes, body.id));
  } catch {
    return fail({
      status: 400,
      code: 'parse_error',
      message: 'The body could not be read as UTF-8 text.',
    });
  } finally {
    stopTimer();
  }
}

const TOO_SLOW: BodyRefusal = {
  status: 408,
  code: 'request_timeout',
  message: `The body was not received within ${BODY_TIMEOUT_MS / 1000} seconds. Send it again, without pauses.`,
};
