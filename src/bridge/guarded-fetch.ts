import { connectionFailure, httpFailure } from './failure.ts';

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface Timeouts {
  /** Until the response headers. Calls wait for at most 25 seconds on the server. */
  readonly responseMs: number;
  /** Between two parts of a response body. Bulkhead sends a keep-alive on its streams every few seconds. */
  readonly idleMs: number;
}
const DEFAULT_TIMEOUTS: Timeouts = { responseMs: 120_000, idleMs: 30_000 };

/**
 * A `fetch` for the SDK's transport, with what the SDK lacks: timeouts, backpressure, and failures that say what to do.
 * It throws a `TransportFailure` for an error status and after a timeout. Redirects are left to the SDK.
 * @param whenDrained resolves when the client can be sent more; until then the response is not read further
 */
export function guardedFetch(
  url: URL,
  whenDrained: () => Promise<void>,
  { responseMs, idleMs } = DEFAULT_TIMEOUTS,
): Fetch {
  return async (input, init = {}) => {
    const silence = new SilenceTimer(url);
    init.signal?.addEventListener('abort', () => silence.stop(), { once: true });
    silence.restart(responseMs);
    try {
      const signals = [silence.signal, ...(init.signal ? [init.signal] : [])];
      const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
      silence.stop();
      const guarded = guardedResponse(response, silence, idleMs, whenDrained);
      if (guarded.status < 400) return guarded;
      throw httpFailure(guarded, await guarded.text(), url);
    } catch (error) {
      silence.stop();
      throw error;
    }
  };
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
