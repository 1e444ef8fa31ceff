/** The platform, as connections use it. Tests pass one of their own. */
export interface HttpPlatform {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: () => number;
  /** A signal that aborts after some milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
  /** Resolves after some milliseconds, or at once when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The platform of Workers and of Node. */
export const PLATFORM: HttpPlatform = {
  fetch: (url, init) => fetch(url, init),
  clock: () => Date.now(),
  random: () => Math.random(),
  timeout: (ms) => AbortSignal.timeout(ms),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener('abort', stop, { once: true });
    }),
};
