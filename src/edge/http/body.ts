import { isJsonContentType } from '@modelcontextprotocol/server';
import { findJsonProblem } from '../../json/bounds.ts';
import { findLossyNumber } from '../../json/lossy-number.ts';
import { clip } from '../../telemetry/redact.ts';

/** The JSON body of a request, read once and bounded, or the answer that refuses it. */
export type JsonBody =
  | { ok: true; value: unknown }
  | {
      ok: false;
      status: 400 | 413 | 415;
      code: 'parse_error' | 'invalid_request' | 'too_large' | 'media_type';
      message: string;
    };

function refuse(
  status: 400 | 413 | 415,
  code: Extract<JsonBody, { ok: false }>['code'],
  message: string,
): JsonBody {
  return { ok: false, status, code, message };
}

/** Reads a JSON body of at most `maxBytes`, in the order: length, media type, body, syntax, shape. */
export async function readJson(request: Request, maxBytes: number): Promise<JsonBody> {
  const body = await readText(request, maxBytes);
  if (!body.ok) return body;
  let value: unknown;
  try {
    value = JSON.parse(body.text);
  } catch {
    return refuse(400, 'parse_error', 'The body is not valid JSON.');
  }
  // Ill-formed text is an argument's fault and is refused by the tool's door, which can name the field.
  const problem = findJsonProblem(value);
  if (problem !== undefined && problem.problem !== 'ill_formed_text') {
    const what = problem.problem === 'too_deep' ? `${problem.limit} levels` : `${problem.limit} values`;
    return refuse(400, 'invalid_request', `The body must not have more than ${what}.`);
  }
  const lossy = findLossyNumber(body.text);
  if (lossy !== undefined) {
    const shown = clip(lossy, 40);
    return refuse(400, 'invalid_request', `The number ${shown} cannot be held exactly; send it as a string.`);
  }
  return { ok: true, value };
}

async function readText(
  request: Request,
  maxBytes: number,
): Promise<{ ok: true; text: string } | Extract<JsonBody, { ok: false }>> {
  const tooLarge = {
    ok: false,
    status: 413,
    code: 'too_large',
    message: `The body must not exceed ${maxBytes} bytes.`,
  } as const;
  const refused = async <Refusal>(refusal: Refusal): Promise<Refusal> => {
    // The platform logs an error for an answer to a body that nobody read.
    await request.body?.cancel();
    return refusal;
  };
  if (Number(request.headers.get('content-length')) > maxBytes) return refused(tooLarge);
  if (!isJsonContentType(request.headers.get('content-type'))) {
    return refused({
      ok: false,
      status: 415,
      code: 'media_type',
      message: 'Content-Type must be application/json.',
    } as const);
  }
  try {
    const text = await decode(request, maxBytes);
    return text === undefined ? tooLarge : { ok: true, text };
  } catch {
    return {
      ok: false,
      status: 400,
      code: 'parse_error',
      message: 'The body could not be read as UTF-8 text.',
    };
  }
}

/**
 * The text of a body, or undefined when it has more than `maxBytes`.
 * @throws when the bytes are not UTF-8: replacing them would make two different texts one (RFC 8259, section 8.1)
 */
async function decode(request: Request, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  // HTTP holds a sender to the length that it declared, which was checked: then one read is enough.
  if (request.headers.has('content-length')) {
    const bytes = await request.arrayBuffer();
    return bytes.byteLength > maxBytes ? undefined : decoder.decode(bytes);
  }
  let received = 0;
  let text = '';
  // Leaving the loop early, by a return or a throw, cancels the stream.
  for await (const chunk of request.body ?? []) {
    received += chunk.byteLength;
    if (received > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
