import { ByteReader } from '../../json/byte-reader.ts';
import type { HttpResponse } from '../../tools/connection.ts';
import { responseHeaders } from './headers.ts';
import type { HttpPlatform } from './platform.ts';
import { retryAfterOf } from './retry.ts';

/** The largest response that a tool can read, in bytes after decompression. */
export const MAX_RESPONSE_BYTES = 2 * 1024 * 1024;
/**
 * In how many parts it may arrive. Each costs a turn of the thread that other calls share, and a service decides how it cuts
 * an answer; one of 2 MiB in usual parts has fewer than 2,000.
 */
export const MAX_RESPONSE_PARTS = 4096;
/** A secret that is so short is no secret; hiding it would tear other texts apart. */
const MIN_SECRET_CHARS = 8;

/** What became of one attempt to send a request. */
export type Sent =
  | { readonly kind: 'answered'; readonly response: HttpResponse; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'redirected' | 'too_large' | 'failed' };

/** Sends a request once. A response is read while it is counted, and a redirect is not followed. */
export async function sendOnce(
  { fetch, clock }: HttpPlatform,
  url: string,
  init: RequestInit,
  secret: string,
): Promise<Sent> {
  try {
    const received = await fetch(url, { ...init, redirect: 'manual' });
    const { status, headers } = received;
    if (status >= 300 && status < 400 && status !== 304) {
      await received.body?.cancel();
      return { kind: 'redirected' };
    }
    const text = await readBody(received);
    if (text === undefined) return { kind: 'too_large' };
    const retryAfterMs = retryAfterOf(headers.get('retry-after'), clock());
    return { kind: 'answered', response: responseOf(status, headers, text, secret), retryAfterMs };
  } catch {
    // What the platform says of it names addresses.
    return { kind: 'failed' };
  }
}

/** A secret as a service can repeat it: whole, without its scheme, decoded, and within JSON or a URL. The longest first. */
function formsOf(secret: string): string[] {
  const [scheme = '', ...words] = secret.split(' ');
  const isBasic = /^basic$/i.test(scheme);
  const user = isBasic ? Buffer.from(words.join(''), 'base64').toString() : '';
  const parts = [secret, ...words, user, user.slice(user.indexOf(':') + 1)];
  const forms = parts.flatMap((part) => [
    part,
    JSON.stringify(part).slice(1, -1),
    encodeURIComponent(part.toWellFormed()),
  ]);
  return [...new Set(forms)]
    .filter(({ length }) => length >= MIN_SECRET_CHARS)
    .sort((one, other) => other.length - one.length);
}

/** A response as the tool reads it. A service may repeat what it was sent, the secret included. */
function responseOf(status: number, headers: Headers, text: string, secret: string): HttpResponse {
  const forms = formsOf(secret);
  const hide = (shown: string) => forms.reduce((rest, form) => rest.replaceAll(form, '[secret]'), shown);
  const read = Object.entries(responseHeaders(headers)).map(([name, value]) => [name, hide(value)]);
  return { status, ok: status >= 200 && status < 300, headers: Object.fromEntries(read), text: hide(text) };
}

/** Reads a body as UTF-8, and stops as soon as it is too large. @returns undefined for one that is */
async function readBody({ body, headers }: Response): Promise<string | undefined> {
  if (body === null) return '';
  if (Number(headers.get('content-length') ?? 0) > MAX_RESPONSE_BYTES) {
    await body.cancel();
    return undefined;
  }
  const reader = new ByteReader(body);
  const parts: Uint8Array[] = [];
  let received = 0;
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    received += part.byteLength;
    if (received > MAX_RESPONSE_BYTES || parts.length >= MAX_RESPONSE_PARTS) {
      await reader.cancel();
      return undefined;
    }
    parts.push(part);
  }
  return new TextDecoder().decode(Buffer.concat(parts, received));
}
