import { isJsonContentType } from '@modelcontextprotocol/server';
import { findInexactNumber } from '../../json/inexact-number.ts';
import { findJsonProblem } from '../../json/json-problem.ts';
import { fail, type Result, succeed } from '../../result.ts';
import { clip } from '../../telemetry/redact.ts';
import type { HttpRefusal } from './http-errors.ts';

/** Reading the JSON body of a request: once, and bounded in bytes, depth and values. */

interface BodyRefusal extends HttpRefusal {
  readonly status: 400 | 413 | 415;
  readonly code: 'parse_error' | 'invalid_request' | 'too_large' | 'media_type';
}

const invalid = (message: string): BodyRefusal => ({ status: 400, code: 'invalid_request', message });

/** Reads a JSON body of at most `maxBytes`, checked in the order length, media type, text, syntax, shape. */
export async function readJson(request: Request, maxBytes: number): Promise<Result<unknown, BodyRefusal>> {
  const body = await readText(request, maxBytes);
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

async function readText(request: Request, maxBytes: number): Promise<Result<string, BodyRefusal>> {
  const tooLarge = fail<BodyRefusal>({
    status: 413,
    code: 'too_large',
    message: `The body must not exceed ${maxBytes} bytes.`,
  });
  if (Number(request.headers.get('content-length')) > maxBytes) return tooLarge;
  if (!isJsonContentType(request.headers.get('content-type'))) {
    return fail({ status: 415, code: 'media_type', message: 'Content-Type must be application/json.' });
  }
  try {
    const text = await decode(request, maxBytes);
    return text === undefined ? tooLarge : succeed(text);
  } catch {
    return fail({
      status: 400,
      code: 'parse_error',
      message: 'The body could not be read as UTF-8 text.',
    });
  }
}

/**
 * The text of a body, or undefined when it has more than `maxBytes`.
 * @throws when the bytes are not UTF-8: replacing them would make two different texts equal (RFC 8259, section 8.1)
 */
async function decode(request: Request, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  // The declared length was checked, and HTTP enforces it: one read is enough.
  if (request.headers.has('content-length')) {
    const bytes = await request.arrayBuffer();
    return bytes.byteLength > maxBytes ? undefined : decoder.decode(bytes);
  }
  let received = 0;
  let text = '';
  // Leaving the loop early cancels the stream.
  for await (const chunk of request.body ?? []) {
    received += chunk.byteLength;
    if (received > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
