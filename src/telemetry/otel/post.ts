import * as z from 'zod';
import type { ResourceAttributes } from './encode.ts';

export const POST_TIMEOUT_MS = 5000;

/** Where spans go. */
export interface Collector {
  /** The address of the traces, such as `https://otel.example.com/v1/traces`. */
  readonly tracesUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: ResourceAttributes;
}

/** How a collector answered one export. */
export type PostResult =
  /** `rejected` of the spans are lost: the collector has said so. */
  | { readonly kind: 'accepted'; readonly rejected: number }
  /** The same batch may be sent again, after `retryAfterMs` if the collector has named a time. */
  | { readonly kind: 'retry'; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'refused' };

/** OTLP, "Retryable Response Codes"; then those by which Cloudflare says that it could not reach the collector. */
const RETRYABLE = [429, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530];
/** The answer to an export is a few bytes. What is longer was not sent by a collector, and is not read. */
const MAX_ANSWER_BYTES = 4096;

const partialSuccess = z.object({
  partialSuccess: z.object({ rejectedSpans: z.coerce.number().int().min(0).catch(0) }).optional(),
});

/** Sends one batch. It never throws: a collector that cannot be reached may be tried again. */
export async function postTraces(
  request: typeof fetch,
  { tracesUrl, headers }: Collector,
  body: string,
): Promise<PostResult> {
  try {
    const response = await request(tracesUrl, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      // A redirect would send the credential of the collector to somebody else.
      redirect: 'manual',
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    });
    if (response.ok) return { kind: 'accepted', rejected: rejectedOf(await readBounded(response)) };
    await response.body?.cancel();
    return RETRYABLE.includes(response.status)
      ? { kind: 'retry', retryAfterMs: retryAfterOf(response) }
      : { kind: 'refused' };
  } catch {
    return { kind: 'retry', retryAfterMs: undefined };
  }
}

function rejectedOf(text: string): number {
  try {
    return partialSuccess.parse(JSON.parse(text)).partialSuccess?.rejectedSpans ?? 0;
  } catch {
    return 0;
  }
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = '';
  try {
    for (let bytes = 0; reader !== undefined && bytes < MAX_ANSWER_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) return text;
      bytes += value.byteLength;
      text += decoder.decode(value, { stream: true });
    }
    return text;
  } catch {
    // The spans were accepted, whatever becomes of the rest of the answer.
    return text;
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3). */
function retryAfterOf({ headers }: Response): number | undefined {
  const stated = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,6}$/.test(stated)) return Number(stated) * 1000;
  // Without a letter, `Date.parse` takes a number such as -5 or 1.5 for a date.
  const at = /^[a-z]/i.test(stated) ? Date.parse(stated) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
