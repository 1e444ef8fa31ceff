import { isJsonContentType } from '@modelcontextprotocol/server';
import { findInexactNumber } from '../../json/inexact-number.ts';
import { findJsonProblem } from '../../json/json-problem.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { clip } from '../../telemetry/redact.ts';
import type { Later } from '../../tenant/contract/timer.ts';
import type { HttpRefusal } from './http-errors.ts';
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
}

const invalid = (message: string): BodyRefusal => ({ status: 400, code: 'invalid_request', message });

/** Reads a JSON body of at most `maxBytes`, checked in the order length, media type, text, syntax, shape. */
export async function readJson(
  request: Request,
  maxBytes: number,
  later: Later = platformTimer,
): Promise<Result<unknown, BodyRefusal>> {
  if (!isJsonContentType(request.headers.get('content-type'))) {
    const tooLarge = lengthProblem(request, maxBytes);
    return fail(
      tooLarge ?? { status: 415, code: 'media_type', message: 'Content-Type must be application/json.' },
    );
  }
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
  if (problem !== undefined && problem.problem !== 'ill_formed_text') {
    const what = problem.problem === 'too_deep' ? `${problem.limit} levels` : `${problem.limit} values`;
    return fail(invalid(`The body must not have more than ${what}.`));
  }
  const lossy = findInexactNumber(body.value);
  if (lossy !== undefined) {
    return fail(invalid(`The number ${clip(lossy, 40)} cannot be represented exactly. Send it as a string.`));
  }
  return succeed(value);
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
const lengthProblem = (request: Request, maxBytes: number): BodyRefusal | undefined =>
  Number(request.headers.get('content-length')) > maxBytes ? tooLargeFor(maxBytes) : undefined;

const tooLargeFor = (maxBytes: number): BodyRefusal => ({
  status: 413,
  code: 'too_large',
  message: `The body must not exceed ${maxBytes} bytes.`,
});

async function readText(
  request: Request,
  maxBytes: number,
  later: Later,
): Promise<Result<string, BodyRefusal>> {
  const declared = lengthProblem(request, maxBytes);
  if (declared !== undefined) return fail(declared);
  const late = Promise.withResolvers<'late'>();
  const stopTimer = later(BODY_TIMEOUT_MS, () => late.resolve('late'));
  try {
    const text = await decode(request, maxBytes, late.promise);
    if (text === 'late') return fail(TOO_SLOW);
    return text === undefined ? fail(tooLargeFor(maxBytes)) : succeed(text.decoded);
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

/**
 * The text of a body, or undefined when it has more than `maxBytes`, or `late` when it has not ended in time.
 * @throws when the bytes are not UTF-8: replacing them would make two different texts equal (RFC 8259, section 8.1)
 */
async function decode(
  request: Request,
  maxBytes: number,
  late: Promise<'late'>,
): Promise<{ decoded: string } | 'late' | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  // The declared length was checked, and HTTP enforces it: one read is enough.
  if (request.headers.has('content-length')) {
    const bytes = await Promise.race([request.arrayBuffer(), late]);
    if (bytes === 'late') return bytes;
    return bytes.byteLength > maxBytes ? undefined : { decoded: decoder.decode(bytes) };
  }
  let received = 0;
  let decoded = '';
  const reader = request.body?.getReader();
  for (;;) {
    const read = await Promise.race([reader?.read(), late]);
    if (read === undefined || (read !== 'late' && read.done)) return { decoded: decoded + decoder.decode() };
    if (read !== 'late') {
      received += read.value.byteLength;
      decoded += decoder.decode(read.value, { stream: true });
      if (received <= maxBytes) continue;
    }
    await reader?.cancel();
    return read === 'late' ? read : undefined;
  }
}
