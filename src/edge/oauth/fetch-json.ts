import { ByteReader } from '../../json/byte-reader.ts';
import { fail, type Result, succeed } from '../../result.ts';

/**
 * JSON from a server that is not trusted: bounded in size and time, and no redirect is followed, because it could lead to
 * what only this server reaches.
 */

export interface JsonRequest {
  readonly method?: 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The longest body that is read. */
  readonly maxBytes: number;
  /** How long the whole answer may take. */
  readonly ms: number;
}

export interface FetchedJson {
  readonly value: unknown;
  readonly headers: Headers;
}

/** `refused`: the server has answered 4xx. `failed`: it cannot be reached, is late, or sends something else than JSON. */
export type FetchProblem = 'refused' | 'failed';

export async function fetchJson(
  url: URL | string,
  { maxBytes, ms, ...request }: JsonRequest,
): Promise<Result<FetchedJson, FetchProblem>> {
  try {
    const response = await fetch(url, { ...request, redirect: 'manual', signal: AbortSignal.timeout(ms) });
    const text = response.status === 200 ? await boundedText(response, maxBytes) : undefined;
    if (text !== undefined) return succeed({ value: JSON.parse(text), headers: response.headers });
    await response.body?.cancel();
    return fail(response.status >= 400 && response.status < 500 ? 'refused' : 'failed');
  } catch {
    return fail('failed');
  }
}

/** The text of a body; undefined when it is too long. */
async function boundedText({ body }: Response, maxBytes: number): Promise<string | undefined> {
  const reader = body === null ? undefined : new ByteReader(body);
  const parts: Uint8Array[] = [];
  let received = 0;
  for (let part = await reader?.next(maxBytes); part !== undefined; part = await reader?.next(maxBytes)) {
    received += part.byteLength;
    if (received > maxBytes) {
      await reader?.cancel();
      return undefined;
    }
    parts.push(part);
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(Buffer.concat(parts, received));
}
