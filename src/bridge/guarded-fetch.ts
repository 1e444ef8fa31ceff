import { connectionFailure, httpFailure } from './failure.ts';
import type { TokenSource } from './tokens.ts';

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface Timeouts {
  /** Until the response headers. Calls wait for at most 25 seconds on the server. */
  readonly responseMs: number;
  /** Between two parts of a response body. Bulkhead sends a keep-alive on its streams every few seconds. */
  readonly idleMs: number;
}
const DEFAULT_TIMEOUTS: Timeouts = { responseMs: 120_000, idleMs: 30_000 };

/**
 * A `fetch` for the SDK's transport, with what the SDK lacks: the token of the moment, timeouts, backpressure, and failures
 * that say what to do. It throws a `TransportFailure` for an error status and after a timeout. Redirects are left to the SDK.
 * A request that was refused with 401 was not executed, so it is sent again when there is another token, once.
 * @param whenDrained resolves when the client can be sent more; until then the response is not read further
 */
export function guardedFetch(
  url: URL,
  tokens: TokenSource,
  whenDrained: () => Promise<void>,
  timeouts = DEFAULT_TIMEOUTS,
): Fetch {
  const attempt = async (input: string | URL, init: RequestInit, token: string) => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token}`);
    const response = await fetchWithin(timeouts, url, whenDrained, input, { ...init, headers });
    if (response.status !== 401) tokens.accepted();
    return response;
  };
  return async (input, init = {}) => {
    const token = await untilAborted(tokens.current(), init.signal);
    const response = await attempt(input, init, token);
    if (response.status < 400) return response;
    const failure = httpFailure(response, await response.text(), url, tokens.remedy);
    if (response.status !== 401) throw failure;
    const other = await untilAborted(tokens.replace(token), init.signal);
    if (other === undefined) throw failure;
    const repeated = await attempt(input, init, other);
    if (repeated.status < 400) return repeated;
    throw httpFailure(repeated, await repeated.text(), url, tokens.remedy);
  };
}

/** The promise, or the reason of the abort if that comes first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

async function fetchWithin(
  { responseMs, idleMs }: Timeouts,
  url: URL,
  whenDrained: () => Promise<void>,
  input: string | URL,
  init: RequestInit,
): Promise<Response> {
  const silence = new SilenceTimer(url);
  init.signal?.addEventListener('abort', () => silence.stop(), { once: true });
  silence.restart(responseMs);
  try {
    const signals = [silence.signal, ...(init.signal ? [init.signal] : [])];
    const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
    silence.stop();
    return guardedResponse(response, silence, idleMs, whenDrained);
  } catch (error) {
    silence.stop();
    throw error;
  }
}

function guardedResponse(
  response: Response,
  silence: SilenceTimer,
  idleMs: number,
  whenDrained: () => Promise<void>,
): Response {
  if (response.body === null) return response;
  silence.restart(idleMs);
  const guard = new TransformStream<Uint8Array, Uint8Array>({
    transform: async (chunk, controller) => {
      // While the client does not read, the server is not silent.
      silence.stop();
      await whenDrained();
      controller.enqueue(chunk);
      silence.restart(idleMs);
    },
    flush: () => silence.stop(),
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(guard), { status, statusText, headers });
}

export const isEventStream = (response: Response) =>
  response.headers.get('content-type')?.includes('text/event-stream') ?? false;

/** Aborts an exchange when nothing has arrived for some time. */
class SilenceTimer {
  readonly #abort = new AbortController();
  readonly #url: URL;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: URL) {
    this.#url = url;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  restart(ms: number): void {
    this.stop();
    const sentence = `${this.#url.origin} has sent nothing for ${ms / 1000} s. Try again later.`;
    this.#timer = setTimeout(() => this.#abort.abort(connectionFailure(sentence, 'silent')), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
